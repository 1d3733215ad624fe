import fc from 'fast-check';
import {
  type BucketStore,
  createThrottle,
  type Grant,
  keyValueStore,
  type Limit,
  memoryStore,
  quota,
  slidingWindow,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { dice, withDelays } from '../../storage/storages.ts';
import { LeakyModel } from '../bucket/history-model.ts';
import { outcomeOf } from '../line/outcome.ts';

const runs = Number(process.env.SLUICE_RUNS ?? 1);
const interval = 100;

/** A call of the log: its instant, or undefined while it waits, and what it counts as by now. */
interface Logged {
  cost: number;
  at: number | undefined;
}

/** A line in front of an exact sliding window, by the book: it keeps every call and adds up. */
class WindowLine {
  readonly calls: Logged[] = [];
  readonly #limit: number;
  #line: Logged[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  join(cost: number, now: number): Logged {
    const call: Logged = { cost, at: undefined };
    this.calls.push(call);
    this.#line.push(call);
    this.advance(now, now);
    return call;
  }

  leave(call: Logged, now: number): void {
    this.#line = this.#line.filter((other) => other !== call);
    this.advance(now, now);
  }

  /** Lets go what conforms from `now` until `end`. */
  advance(now: number, end: number): void {
    let at = now;
    for (let head = this.#line[0]; head !== undefined; head = this.#line[0]) {
      at = this.#conformsAt(head.cost, at);
      if (at > end) return;
      head.at = at;
      this.#line.shift();
    }
  }

  /** What counts in the window that ends with `at`. */
  used(at: number): number {
    return this.calls.reduce((sum, call) => {
      const counts = call.at !== undefined && call.at <= at && call.at > at - interval;
      return counts ? sum + call.cost : sum;
    }, 0);
  }

  #conformsAt(cost: number, now: number): number {
    if (cost === 0) return now;
    const latest = Math.max(now, ...this.calls.map((call) => call.at ?? now));
    const instants = [latest, ...this.calls.flatMap((call) => (call.at === undefined ? [] : [call.at + interval]))];
    const fits = instants.filter((at) => at >= latest && this.used(at) + cost <= this.#limit);
    return Math.min(...fits);
  }
}

const stores: [string, (seed: number) => BucketStore][] = [
  ['the memory store', () => memoryStore()],
  ['a store that answers by promises', (seed) => keyValueStore(withDelays(dice(seed))(new Map()))],
];

describe.each(stores)('a window of at most 32 calls on %s', (_, makeStore) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ wait: fc.integer({ min: 0, max: 64 }) }) },
    { weight: 4, arbitrary: fc.record({ settle: fc.nat(), at: fc.integer({ min: 0, max: 80 }) }) },
    { weight: 1, arbitrary: fc.record({ abort: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 130 }) }) },
  );

  test('sends every call at the instant that an exact log of true costs gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 32 }),
        fc.array(step, { minLength: 5, maxLength: 40 }),
        async (limit, steps) => {
          const clock = new ManualClock();
          const store = makeStore(limit + steps.length);
          const throttle = createThrottle({ margin: 0, limits: slidingWindow({ limit, interval }), clock, store });
          const line = new WindowLine(limit);
          const seen: { logged: Logged; call: ReturnType<typeof outcomeOf<Grant>>; controller: AbortController }[] = [];
          const now = () => clock.monotonic();
          const halves = (cost: number) => Math.min(limit, cost / 2);
          for (const act of steps) {
            if ('wait' in act) {
              const controller = new AbortController();
              const options = { cost: halves(act.wait), signal: controller.signal };
              const call = outcomeOf(throttle.wait('default', options), clock);
              seen.push({ logged: line.join(options.cost, now()), call, controller });
            } else if ('settle' in act) {
              const granted = seen.filter(({ call }) => call.state === 'fulfilled');
              const one = granted[act.settle % granted.length];
              if (one === undefined) continue;
              one.logged.cost = act.at / 2;
              await throttle.settle(one.call.value as Grant, { cost: act.at / 2 });
              line.advance(now(), now());
            } else if ('abort' in act) {
              const waiting = seen.filter(({ call }) => call.state === 'pending');
              const one = waiting[act.abort % waiting.length];
              if (one === undefined) continue;
              one.controller.abort();
              line.leave(one.logged, now());
            } else {
              line.advance(now(), now() + act.advance);
              await clock.advance(act.advance);
            }
            await clock.advance(0);
            expect(clock.timers).toBe(seen.some(({ call }) => call.state === 'pending') ? 1 : 0);
            expect(seen.map(({ call }) => (call.state === 'fulfilled' ? call.at : undefined))).toEqual(
              seen.map(({ logged }) => logged.at),
            );
          }
        },
      ),
      { numRuns: 300 * runs },
    );
  });
});

/** The most that counts in any window of a log. */
function mostInWindow(log: readonly { at: number; cost: number }[]): number {
  return Math.max(
    0,
    ...log.map(({ at: end }) =>
      log.reduce((sum, { at, cost }) => (at > end - interval && at <= end ? sum + cost : sum), 0),
    ),
  );
}

/** One step of the sharers of a key. */
type SharedStep =
  | { wait: number; by: boolean }
  | { reserve: number; by: boolean }
  | { cancel: number }
  | { pause: number }
  | { settle: number; to: number }
  | { advance: number };

/** A slot that is missed by a third of a ms, in a bucket that a refund has emptied by then. */
const lateAfterRefund: [number, SharedStep[], number] = [
  3,
  [
    { wait: 691_499_593, by: false },
    { wait: 1_591_678_195, by: true },
    { pause: 67 },
    { wait: 0, by: false },
    { wait: 0, by: false },
    { settle: 0, to: 0 },
    { wait: 0, by: false },
  ],
  0,
];

const kinds: [string, (limit: number) => Limit][] = [
  ['a sliding window', (limit) => slidingWindow({ limit, interval })],
  ['a quota', (limit) => quota({ limit, interval, burst: Math.ceil(limit / 3) })],
  ['a leaky bucket', (limit) => ({ rate: limit / 2, interval, burst: limit })],
];

describe.each(kinds)('%s that two throttles share', (kind, makeLimit) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ wait: fc.nat(), by: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ reserve: fc.nat(), by: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ cancel: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ pause: fc.integer({ min: 1, max: 150 }) }) },
    { weight: 5, arbitrary: fc.record({ settle: fc.nat(), to: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    { weight: 4, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 90 }) }) },
  );

  test.each(stores)('keeps its bound in true costs when estimates are settled down, on %s', async (_, makeStore) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2, 3, 10, 31, 32, 33, 100, 500),
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.nat(),
        async (number, steps, seed) => {
          const clock = new ManualClock();
          const store = makeStore(seed);
          const limit = makeLimit(number);
          const throttles = [0, 1].map(() => createThrottle({ margin: 0, limits: limit, clock, store }));
          const [one, other] = throttles as [(typeof throttles)[0], (typeof throttles)[0]];
          const log: { grant: Grant; cost: number; by: typeof one; cancel?: () => Promise<void> }[] = [];
          const costOf = (nat: number) => Math.min(1 + (nat % number), limit.burst as number);
          const start = clock.now();
          for (const act of steps) {
            if ('wait' in act) {
              const by = act.by ? one : other;
              const cost = costOf(act.wait);
              by.wait('default', { cost }).then((grant) => log.push({ grant, cost, by }));
            } else if ('reserve' in act) {
              const by = act.by ? one : other;
              const cost = costOf(act.reserve);
              const grant = await by.reserve('default', { cost });
              log.push({ grant, cost, by, cancel: () => grant.cancel() });
            } else if ('cancel' in act) {
              const open = log.filter(({ grant, cancel }) => cancel && grant.at > clock.now());
              const gone = open[act.cancel % open.length];
              if (gone === undefined) continue;
              await gone.cancel?.();
              gone.cost = 0;
            } else if ('settle' in act) {
              const call = log[act.settle % log.length];
              if (call === undefined) continue;
              call.cost = Math.floor(call.cost * act.to * 4) / 4;
              await call.by.settle(call.grant, { cost: call.cost });
            } else if ('pause' in act) {
              await one.pause('default', clock.now() + act.pause);
            } else {
              await clock.advance(act.advance);
            }
            await clock.advance(0);
          }
          await clock.advance(100_000);
          const calls = log.map(({ grant, cost }) => ({ at: grant.at - start, cost })).sort((a, b) => a.at - b.at);
          if (kind === 'a leaky bucket') {
            const model = new LeakyModel(limit);
            for (const { at, cost } of calls) expect(model.add(at, cost)).toBe(0);
          } else {
            // With fractions of a call a quota may let up to, but not, one more through.
            expect(mostInWindow(calls)).toBeLessThan(kind === 'a quota' ? number + 1 : number + 1e-9);
          }
          expect(log).toHaveLength(steps.filter((act) => 'wait' in act || 'reserve' in act).length);
          expect(clock.timers).toBe(0);
        },
      ),
      { numRuns: 200 * runs, examples: [lateAfterRefund] },
    );
  });
});
