import type { Dialect } from './dialect.ts';
import { type Arrival, type RetryTime, readTime } from './retry-time.ts';
import type { SignalBucket } from './signal.ts';

/** One quota while fields are read: each adds a part of it. */
export interface QuotaDraft {
  /** The first field about it. */
  readonly field: string;
  policyName?: string | undefined;
  unit?: string | undefined;
  limit?: number | undefined;
  remaining?: number | undefined;
  used?: number | undefined;
  window?: number | undefined;
  /** A partition of the quota, as it was sent: it is compared, never decoded. */
  partition?: string | undefined;
  /** Whether it binds unless another is used up. */
  readonly binds?: boolean;
  /** Whether a statement was made about this policy. */
  isJoined?: true;
  /** The fields for its reset, by rank: the first readable one counts. */
  readonly resets: ({ readonly field: string; readonly text: string } | undefined)[];
  /** A number of -1: the server does not know. */
  isUnknown?: boolean;
}

/** One quota, read. */
export interface Quota {
  readonly bucket: SignalBucket;
  readonly reset: RetryTime | undefined;
  readonly binds: boolean | undefined;
  /** The field that told of it first. */
  readonly field: string;
}

const longestName = 128;

/** The quotas of one answer. */
export class Quotas {
  /** Names of fields that could not be used. */
  readonly ignored: Set<string>;
  readonly #drafts = new Map<string, QuotaDraft>();
  /** All policies, with or without a statement about them. */
  readonly policies: QuotaDraft[] = [];

  constructor(ignored: Set<string>) {
    this.ignored = ignored;
  }

  /** The draft of a key, a new one if there is none. */
  draft(key: string, begin: Omit<QuotaDraft, 'resets'>): QuotaDraft {
    const draft = this.#drafts.get(key) ?? { resets: [], ...begin };
    this.#drafts.set(key, draft);
    return draft;
  }

  /** The quotas read, without those about which nothing is known. */
  read(arrival: Arrival, refills: Dialect['refills']): readonly Quota[] {
    const drafts = [...this.#drafts.values()];
    for (const draft of drafts) this.#join(draft);
    return [...drafts, ...this.policies.filter(({ isJoined }) => !isJoined)].flatMap((draft) => {
      const quota = this.#finish(draft, arrival);
      return quota === undefined ? [] : [quota, ...(refills ? refillOf(quota, arrival, Number(refills)) : [])];
    });
  }

  /** Finds the policy of a quota: by its name and partition, by its limit, or, without both, the only one. */
  #join(draft: QuotaDraft): void {
    const { policies } = this;
    const { policyName, partition, limit, unit } = draft;
    const policy =
      policies.find(
        (one) =>
          policyName !== undefined &&
          one.policyName === policyName &&
          (one.partition ?? partition) === (partition ?? one.partition),
      ) ??
      policies.find((one) => one.limit === limit) ??
      ((policyName ?? unit ?? limit) === undefined && policies.length === 1 ? policies[0] : undefined);
    if (policy === undefined) return;
    policy.isJoined = true;
    draft.limit = policy.limit;
    draft.policyName ??= policy.policyName;
    draft.unit ??= policy.unit;
    draft.window ??= policy.window;
  }

  #finish(draft: QuotaDraft, arrival: Arrival): Quota | undefined {
    const { policyName, unit, used, field, binds } = draft;
    if (draft.isUnknown) return undefined;
    let { limit, remaining } = draft;
    const { window } = draft;
    let reset: RetryTime | undefined;
    for (const one of draft.resets) if (one) reset ??= readTime(one.field, one.text, arrival, undefined, window);
    if (used !== undefined)
      if (limit !== undefined) remaining ??= Math.max(0, limit - used);
      else if (remaining !== undefined) limit = used + remaining;
    if ((limit ?? remaining ?? reset) === undefined) return undefined;
    const resetAt = reset?.at === Infinity ? undefined : reset?.at;
    const bucket = known({
      policyName: policyName?.slice(0, longestName),
      limit,
      remaining,
      resetAt,
      window,
      unit: unit?.slice(0, longestName),
    });
    return { bucket, reset, field, binds };
  }
}

/**
 * The policy of a token bucket: its window is the time to refill all of it. It stands beside the quota, because the
 * server did not send it: from a reset in whole seconds it comes out too long.
 * @param longest the longest that it can be, in ms; 1 if that is not known
 */
function refillOf({ bucket, field }: Quota, { now }: Arrival, longest: number): Quota[] {
  const { policyName, limit = 0, remaining = limit, resetAt, window, unit } = bucket;
  if (remaining >= limit || resetAt === undefined || window !== undefined) return [];
  const refill = ((resetAt - now) * limit) / (limit - remaining);
  const policy = { policyName, limit, window: longest > 1 ? Math.min(refill, longest) : refill, unit };
  return [{ bucket: known(policy), reset: undefined, binds: undefined, field }];
}

/** Leaves out what the server did not send. */
function known(bucket: { readonly [Name in keyof SignalBucket]: SignalBucket[Name] | undefined }): SignalBucket {
  return Object.fromEntries(Object.entries(bucket).filter(([, value]) => value !== undefined && value !== ''));
}

/**
 * Picks the quota that binds. If some are used up, it is the one that takes longest. Otherwise it is the one with the
 * smallest share left; requests come before other units and, among equals, the one with a reset wins.
 */
export function bindingOf(quotas: readonly Quota[]): Quota | undefined {
  const rankOf = ({ bucket, reset, binds }: Quota): number => {
    const { limit, remaining, unit, window = 0 } = bucket;
    if (remaining === 0) return 20 + (reset?.at ?? window);
    const left = remaining === undefined ? 0 : limit ? 2 + 1 / (1 + remaining / limit) : 1;
    return (binds ? 8 : unit ? 0 : 4) + left + (reset ? 1e-9 : 0);
  };
  return [...quotas].sort((a, b) => rankOf(b) - rankOf(a))[0];
}
