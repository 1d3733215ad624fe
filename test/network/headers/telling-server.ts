import type { ManualClock } from 'sluice/testing';
import type { Algorithm, Verdict } from '../../../demo/servers/algorithm.ts';
import { FixedWindow } from '../../../demo/servers/fixed-window.ts';
import {
  type HeaderFamily,
  headerFields,
  type Resolution,
  retryAfterField,
  type Statement,
} from '../../../demo/servers/header-fields.ts';
import { LeakyBucket } from '../../../demo/servers/leaky-bucket.ts';
import { SlidingWindow } from '../../../demo/servers/sliding-window.ts';
import { TokenBucket } from '../../../demo/servers/token-bucket.ts';
import { numbersFrom } from '../jittery-server.ts';

/** One quota that a server enforces, and what it says of it. */
export interface ServerQuota {
  readonly algorithm: 'fixed' | 'sliding' | 'token' | 'gcra';
  readonly limit: number;
  /** ms. */
  readonly interval: number;
  /** Of buckets: calls accepted at one instant from rest. */
  readonly burst?: number;
  readonly name?: string;
  /** What each call of ours takes of it. Default: that of the server. */
  readonly cost?: number;
  /** Of buckets: whether the limit that is told is the burst or the calls per interval. Default: the burst. */
  readonly tells?: 'burst' | 'rate';
  /** Of buckets: whether the reset is told until they are at rest or until there is one call more. Default: at rest. */
  readonly resets?: 'full' | 'more';
}

/** What an answer has besides its status. */
export interface Told {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface TellingServerOptions {
  /** All hold together. */
  readonly quotas: readonly ServerQuota[];
  /** Tells what is left instead of a family of fields, in the order of the quotas. `now`: ms since the epoch. */
  readonly tell?: ((statements: readonly Statement[], now: number) => Told) | undefined;
  readonly family: HeaderFamily;
  readonly resolution: Resolution;
  /** What each call of ours takes. Default: 1. */
  readonly cost?: number;
  /** When the calls of a foreign client come that eats half of the first quota. Default: there is none. */
  readonly foreign?: 'steady' | 'random' | undefined;
  /** ms on the way each way, and how much more at random at most. Default: 10 and 0. */
  readonly way?: number;
  readonly jitter?: number;
  readonly seed?: number;
  /** Other quotas that come into force after this many ms, as if nothing had been used of them. */
  readonly later?: { readonly after: number; readonly quotas: readonly ServerQuota[] } | undefined;
}

/** A call of ours as the server saw it. Instants are on the clock's monotonic scale. */
export interface Seen {
  readonly at: number;
  readonly accepted: boolean;
  /** Which of the clients sent it. */
  readonly client: number;
}

export interface TellingServer {
  /** The way to it of one client. */
  fetchOf(client: number): typeof fetch;
  readonly seen: Seen[];
  /** When calls of the foreign client were taken. */
  readonly foreignTaken: number[];
  foreignRefused: number;
  /** Calls of ours that were on their way when the first refusal came back; undefined before. */
  inFlightAtRefusal: number | undefined;
}

function algorithmOf({ algorithm, limit, interval, burst = limit }: ServerQuota): Algorithm {
  const makers = {
    fixed: () => new FixedWindow({ limit, interval }),
    sliding: () => new SlidingWindow({ limit, interval }),
    token: () => new TokenBucket({ limit, interval, burst }),
    gcra: () => new LeakyBucket({ limit, interval, burst }),
  };
  return makers[algorithm]();
}

/** Quotas that hold together: a call is taken by all or by none. */
class Enforced {
  readonly #enforced: readonly { readonly quota: ServerQuota; readonly algorithm: Algorithm }[];

  constructor(quotas: readonly ServerQuota[]) {
    this.#enforced = quotas.map((quota) => ({ quota, algorithm: algorithmOf(quota) }));
  }

  accept(now: number, usual: number): Verdict {
    const costOf = ({ cost = usual }: ServerQuota) => cost;
    const short = this.#enforced.filter(({ quota, algorithm }) => algorithm.standing(now).remaining < costOf(quota));
    let longest = 0;
    // Those refuse, which changes nothing in them.
    for (const { quota, algorithm } of short.length > 0 ? short : this.#enforced) {
      const verdict = algorithm.accept(now, costOf(quota));
      if (!verdict.accepted) longest = Math.max(longest, verdict.retryAfter);
    }
    return short.length > 0 ? { accepted: false, retryAfter: longest } : { accepted: true };
  }

  statements(now: number): Statement[] {
    return this.#enforced.map(({ quota, algorithm }) => {
      const { limit, remaining, resetAfter, moreAfter } = algorithm.standing(now);
      return {
        name: quota.name ?? 'default',
        limit: quota.tells === 'rate' ? quota.limit : limit,
        remaining,
        resetAfter: quota.resets === 'more' ? moreAfter : resetAfter,
        window: quota.interval,
      };
    });
  }
}

/** A server in virtual time that enforces quotas exactly, on arrival, and tells what is left of them in header fields. */
export function tellingServer(clock: ManualClock, options: TellingServerOptions): TellingServer {
  const { quotas, tell, family, resolution, cost = 1, foreign, way = 10, jitter = 0, seed = 1, later } = options;
  const random = numbersFrom(seed);
  let enforced = new Enforced(quotas);
  if (later !== undefined)
    clock.setTimeout(() => {
      enforced = new Enforced(later.quotas);
    }, later.after);
  const travel = () => new Promise<void>((resolve) => clock.setTimeout(resolve, way + random() * jitter));
  const fromElsewhere = numbersFrom(seed + 1_000);
  const [{ limit, interval }] = quotas as [ServerQuota];
  const spacing = (2 * interval) / limit;
  const eat = () => {
    if (enforced.accept(clock.now(), 1).accepted) server.foreignTaken.push(clock.monotonic());
    else server.foreignRefused++;
    clock.setTimeout(eat, foreign === 'steady' ? spacing : -Math.log(1 - fromElsewhere()) * spacing);
  };
  if (foreign !== undefined) clock.setTimeout(eat, spacing / 3);
  let inFlight = 0;
  const server: TellingServer = {
    seen: [],
    foreignTaken: [],
    foreignRefused: 0,
    inFlightAtRefusal: undefined,
    fetchOf: (client) =>
      (async () => {
        inFlight++;
        await travel();
        const verdict = enforced.accept(clock.now(), cost);
        server.seen.push({ at: clock.monotonic(), accepted: verdict.accepted, client });
        const statements = enforced.statements(clock.now());
        const { headers, body } = tell?.(statements, clock.now()) ?? {
          headers: headerFields(family, statements, clock.now(), resolution),
        };
        await travel();
        if (!verdict.accepted) server.inFlightAtRefusal ??= inFlight;
        inFlight--;
        const text = body === undefined ? null : JSON.stringify(body);
        if (verdict.accepted) return new Response(text, { headers });
        return new Response(text, { status: 429, headers: { ...headers, ...retryAfterField(verdict.retryAfter) } });
      }) as typeof fetch,
  };
  return server;
}
