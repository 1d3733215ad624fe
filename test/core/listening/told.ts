import { ManualClock } from 'sluice/testing';
import { Events } from '../../../src/core/base/events.ts';
import { type Grant, HeldGrant } from '../../../src/core/base/grant.ts';
import type { ServerSignal } from '../../../src/core/base/server-signal.ts';
import type { Receipt } from '../../../src/core/base/store.ts';
import type { Bucket } from '../../../src/core/bucket/bucket.ts';
import type { Ceiling } from '../../../src/core/bucket/pool.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { type GateHost, Gates } from '../../../src/core/line/gate.ts';
import { type EarHost, ServerEar } from '../../../src/core/listening/ear.ts';
import type { EarGate } from '../../../src/core/listening/ear-gate.ts';

export const refused: ServerSignal = { throttled: true, clamped: false, buckets: [], ignored: [] } as never;

/**
 * A key whose server tells what is left; its limits let one call go every 10 ms.
 * @param options.news whether what is said is news to the store, as it is to one that was not told of our own calls
 *   -1 if only calls are missing that are kept back for others
 * @param options.bucket the bucket of the key, if the store hands its buckets out
 * @param options.canPostpone whether the store can count a call later than it was granted
 */
export function told(
  options: {
    plan?: () => Plan;
    maxPause?: number;
    news?: boolean | -1 | ((said: Ceiling) => boolean);
    bucket?: Bucket;
    canPostpone?: boolean;
  } = {},
) {
  const clock = new ManualClock();
  const events = new Events();
  const ceilings: Ceiling[] = [];
  const stops: [key: string, ms: number, sentAgo?: number][] = [];
  /** What the ear had the line of the key do. */
  const line: string[] = [];
  /** The margins that the limits had to follow. */
  const margins: number[] = [];
  /** The grants that count differently than when they were granted, and the calls that the store counts later. */
  const corrected: [grant: Grant, receipt: Receipt][] = [];
  const postponed: [key: string, receipt: Receipt, ms: number][] = [];
  let inFlight = 0;
  let isClosed = false;
  const plan = options.plan ?? (() => planOf({ rate: 1, interval: 10, burst: 10_000 }, 0));
  const { canPostpone = true } = options;
  const gates = new Gates({ clock, events } as GateHost);
  const lanes = {
    clock,
    events,
    gates,
    plans: { areLearned: false, follow: (margin: number) => void margins.push(margin), learnFrom: () => {} },
    store: canPostpone ? { postpone: (...call: [string, Receipt, number]) => void postponed.push(call) } : {},
    inFlight: () => inFlight,
    bucketIn: () => options.bucket,
    move: async () => void line.push('ask anew'),
    find: () => ({ advance: () => void line.push('go on'), look: () => void line.push('look') }),
  } as unknown as EarHost['lanes'];
  const host = {
    lanes,
    reservations: {
      receiptOf: (grant: Grant) => (grant as HeldGrant).receipt,
      correct: (...correction: [Grant, Receipt]) => void corrected.push(correction),
    },
    maxPause: options.maxPause ?? Infinity,
    isClosed: () => isClosed,
    pause: async (...stop: [string, number, number?]) => void stops.push(stop),
    sync: async (_key: string, said: Ceiling) => {
      ceilings.push(said);
      const { news = true } = options;
      return Number(typeof news === 'function' ? news(said) : news) * said.ms;
    },
  } as Partial<EarHost> as EarHost;
  const ear = new ServerEar(host);
  const grant = (key: string) =>
    new HeldGrant(key, lanes, clock.monotonic(), { slot: 0, cost: 1, plan: plan(), after: [0] });
  const gate = () => gates.of('key') as EarGate;
  const listen = (key: string, left: number, signal: ServerSignal, leastPause?: number) => {
    const call = grant(key);
    call.departedAt = left;
    ear.listen(key, call, signal, leastPause);
  };
  return {
    clock,
    listen,
    ceilings,
    stops,
    line,
    margins,
    corrected,
    postponed,
    host,
    ear,
    grant,
    gates,
    close: () => {
      isClosed = true;
    },
    gate,
    most: () => gate().remaining.mostInFlight(clock.monotonic()),
    leave: (calls: number) => {
      inFlight += calls;
      return clock.monotonic();
    },
    /** Answers a call, and lets the store judge what that says. */
    answer: async (left: number, remaining: number, more: Partial<ServerSignal> = {}) => {
      const { unit, resetAt = clock.now() + 60_000 - clock.monotonic(), limit } = more;
      const bucket = { remaining, resetAt, ...(unit && { unit }), ...(limit && { limit }) };
      listen('key', left, { throttled: false, ignored: [], ...bucket, buckets: [bucket], ...more });
      inFlight--;
      await clock.advance(0);
    },
    refuse: (key: string) => {
      listen(key, clock.monotonic(), refused);
      return (stops.at(-1)?.[1] as number) >= 2_000;
    },
  };
}
