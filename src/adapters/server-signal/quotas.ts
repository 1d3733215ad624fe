import type { Dialect, TimeHint } from './dialect.ts';
import { type Arrival, type RetryTime, readTime } from './retry-time.ts';
import type { SignalBucket } from './signal.ts';

/** A text and the field that it came from. */
export interface Sourced {
  readonly field: string;
  readonly text: string;
}

/** One quota while fields are read: each tells a part of it. */
export interface QuotaDraft {
  policyName?: string | undefined;
  unit?: string | undefined;
  limit?: number | undefined;
  remaining?: number | undefined;
  used?: number | undefined;
  window?: number | undefined;
  windowField?: string | undefined;
  /** What tells when more will be there, by its rank: the first that can be read counts. */
  resets: (Sourced | undefined)[];
  /** A number of -1: the server does not know. */
  unknown: boolean;
}

/** One quota, read. */
export interface Quota {
  readonly bucket: SignalBucket;
  readonly reset: (RetryTime & { readonly field: string }) | undefined;
  readonly windowField: string | undefined;
}

const mostQuotas = 32;
const longestName = 128;

/** The quotas of one answer. */
export class Quotas {
  /** Names of fields that could not be used. */
  readonly ignored: Set<string>;
  readonly #drafts = new Map<string, QuotaDraft>();

  constructor(ignored: Set<string>) {
    this.ignored = ignored;
  }

  /** The draft that goes by a key, a new one if there is none; undefined if there are too many. */
  draft(key: string, begin: Pick<QuotaDraft, 'policyName' | 'unit' | 'window'> = {}): QuotaDraft | undefined {
    const old = this.#drafts.get(key);
    if (old !== undefined || this.#drafts.size >= mostQuotas) return old;
    const draft: QuotaDraft = { ...begin, resets: [], unknown: false };
    this.#drafts.set(key, draft);
    return draft;
  }

  /** The draft that goes by a key, if there is one. */
  find(key: string): QuotaDraft | undefined {
    return this.#drafts.get(key);
  }

  /** What was read, without the quotas of which nothing is known. */
  read(arrival: Arrival, { hints = {}, refills = false }: Dialect): readonly Quota[] {
    const quotas: Quota[] = [];
    for (const draft of this.#drafts.values()) {
      const quota = draft.unknown ? undefined : this.#finish(draft, arrival, hints, refills);
      if (quota !== undefined) quotas.push(quota);
    }
    return quotas;
  }

  #finish(
    draft: QuotaDraft,
    arrival: Arrival,
    hints: Readonly<Record<string, TimeHint>>,
    refills: boolean,
  ): Quota | undefined {
    const { policyName, unit, used, windowField } = draft;
    let { window } = draft;
    const reset = this.#resetOf(draft, arrival, hints);
    let { limit, remaining } = draft;
    if (used !== undefined && limit !== undefined) remaining ??= Math.max(0, limit - used);
    if (used !== undefined && remaining !== undefined) limit ??= used + remaining;
    if (limit === undefined && remaining === undefined && reset === undefined) return undefined;
    if (refills && limit !== undefined && remaining !== undefined && remaining < limit) {
      const ms = (reset?.at ?? Infinity) - arrival.now;
      if (ms !== Infinity) window ??= (ms * limit) / (limit - remaining);
    }
    const bucket: SignalBucket = {
      ...(policyName ? { policyName: policyName.slice(0, longestName) } : undefined),
      ...(limit === undefined ? undefined : { limit }),
      ...(remaining === undefined ? undefined : { remaining }),
      ...(reset === undefined || reset.at === Infinity ? undefined : { resetAt: reset.at }),
      ...(window === undefined ? undefined : { window }),
      ...(unit ? { unit: unit.slice(0, longestName) } : undefined),
    };
    return { bucket, reset, windowField };
  }

  #resetOf(draft: QuotaDraft, arrival: Arrival, hints: Readonly<Record<string, TimeHint>>): Quota['reset'] {
    for (const reset of draft.resets) {
      if (reset === undefined) continue;
      const hint = Object.hasOwn(hints, reset.field) ? hints[reset.field] : undefined;
      const time = readTime(reset.text, arrival, { hint, window: draft.window });
      if (time !== undefined) return { ...time, field: reset.field };
      this.ignored.add(reset.field);
    }
    return undefined;
  }
}

/**
 * Picks the quota that binds: of those that are used up the one that takes longest, else the one with the least left of its
 * limit, requests before other units, and of equals the one that says when more will be there.
 * @param favourite the one that binds unless another is used up
 */
export function bindingOf(quotas: readonly Quota[], favourite: Quota | undefined): Quota | undefined {
  const usedUp = quotas.filter(({ bucket }) => bucket.remaining === 0);
  if (usedUp.length > 0) return best(usedUp, resetRank);
  if (favourite !== undefined) return favourite;
  const ofRequests = quotas.filter(({ bucket }) => bucket.unit === undefined);
  return best(ofRequests.length > 0 ? ofRequests : quotas, leastLeft);
}

type Rank = (quota: Quota) => readonly number[];

/** The latest reset that is known, else the longest window. */
const resetRank: Rank = ({ bucket, reset }) => [reset?.at ?? -1, bucket.window ?? -1];

const leastLeft: Rank = ({ bucket: { limit, remaining }, reset }) => {
  const isKnown = reset === undefined ? 0 : 1;
  if (remaining === undefined) return [0, 0, isKnown];
  return limit === undefined ? [1, 0, isKnown] : [2, -remaining / limit, isKnown];
};

/** The first of those with the highest rank. */
function best(quotas: readonly Quota[], rank: Rank): Quota | undefined {
  let [best] = quotas;
  for (const quota of quotas) if (best !== undefined && isHigher(rank(quota), rank(best))) best = quota;
  return best;
}

function isHigher(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, place) => value !== b[place]);
  return index !== -1 && (a[index] as number) > (b[index] as number);
}
