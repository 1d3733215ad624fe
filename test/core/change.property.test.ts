import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adapt, conformsAt } from '../../src/core/bucket.ts';
import type { Cost } from '../../src/core/cost.ts';
import { type Limit, type Plan, planOf, quota, slidingWindow } from '../../src/core/limit.ts';
import {
  begins,
  buckets,
  type Call,
  copyOf,
  everything,
  History,
  patience,
  runs,
  type Step,
  stepsOf,
  trueCost,
  wholeCost,
} from './bucket-history.ts';
import { bucketAllows, crowdedSpan, type Going, windowAllows } from './reference.ts';

/** A limit of any kind; those of a list have intervals of about the same length, so that changes matter. */
const anyLimit: fc.Arbitrary<Limit> = fc.oneof(
  buckets(),
  fc
    .record({ limit: fc.integer({ min: 1, max: 40 }), interval: fc.constantFrom(10, 100, 1000) })
    .map(({ limit, interval }) => quota({ limit, interval })),
  fc.record({ limit: fc.integer({ min: 1, max: 40 }), interval: fc.constantFrom(10, 100, 1000) }).map(slidingWindow),
);

const intervalOf = ({ rate, interval }: Limit): number => interval / rate;

/** The most that may go while several limits were in force: a burst of the largest, and calls at the rate of the fastest. */
function allowedBy(limits: readonly Limit[]): (span: number) => number {
  const [only] = limits;
  if (only !== undefined && limits.length === 1 && only.kind === 'sliding-window')
    return windowAllows(only.rate, only.interval);
  const burst = Math.max(...limits.map((limit) => limit.burst ?? 1));
  return bucketAllows(burst, Math.min(...limits.map(intervalOf)));
}

/** A true cost is no higher here: a debt of the future is nobody's fault. */
const lower = (estimate: Cost, calls: number): Cost =>
  typeof estimate === 'number'
    ? Math.min(estimate, calls)
    : Object.fromEntries(Object.entries(estimate).map(([name, cost]) => [name, Math.min(cost, calls)]));

/** A history in which limits change. Each call remembers how many changes there had been when it was decided. */
class Changes {
  readonly history: History;
  readonly #choices: readonly Plan[];
  /** The limits that were in force, one after the other. */
  readonly #past: (readonly Limit[])[];
  readonly #decidedAfter = new Map<Call, number>();
  /** The latest instant that was ever granted: a reservation cannot be given back after a change. */
  latest = 0;

  constructor(choices: readonly (readonly Limit[])[], begin: number) {
    this.#choices = choices.map((limits) => planOf(limits, 0));
    this.#past = [choices[0] as readonly Limit[]];
    this.history = new History(choices[0] as readonly Limit[], begin);
  }

  #change(number: number): void {
    const plan = this.#choices[number % this.#choices.length] as Plan;
    const { history } = this;
    if (plan === history.plan) return;
    history.plan = plan;
    adapt(history.bucket, plan, history.now);
    this.#past.push(plan.rules.map(({ limit }) => limit));
  }

  /**
   * Does the steps, and changes the limits now and then.
   * @param cost what a number costs under limits of these bursts
   */
  play(steps: readonly Step[], cost: (number: number, bursts: readonly number[]) => Cost, check: () => void): void {
    for (const step of steps) {
      const [act, , , pick] = step;
      if (act % 5 === 0) this.#change(pick);
      const bursts = this.history.plan.rules.map(({ burst }) => burst);
      this.history.play(
        [step],
        everything,
        (number) => cost(number, bursts),
        (_, call) => {
          if (!this.#decidedAfter.has(call)) this.#decidedAfter.set(call, this.#past.length - 1);
          this.latest = Math.max(this.latest, call.at);
          check();
        },
        (number, estimate) => lower(estimate, trueCost(number, 4)),
      );
    }
  }

  /** What is wrong with the calls that go, as one of the limits counts them; undefined if nothing is. */
  crowded(place: number, count: (cost: Cost) => number): string | undefined {
    const calls = this.history.calls.filter(({ cost }) => count(cost) > 0);
    const decided = calls.map((call) => this.#decidedAfter.get(call) as number);
    for (const first of new Set(decided)) {
      for (const last of new Set(decided)) {
        if (last < first) continue;
        // Limits that change again and again count together until the bucket has come to rest.
        const limits = this.#past.slice(first === last ? first : 0, last + 1).map((past) => past[place] as Limit);
        const allowed = allowedBy(limits);
        const wrong = crowdedStretch(calls, decided, [first, last], count, allowed);
        if (wrong !== undefined) return `${wrong} under ${JSON.stringify(limits)}`;
      }
    }
    return undefined;
  }
}

/** As `crowdedSpan`, for spans whose calls were all decided between two changes. */
function crowdedStretch(
  calls: readonly Call[],
  decided: readonly number[],
  [first, last]: readonly [number, number],
  count: (cost: Cost) => number,
  allowed: (span: number) => number,
): string | undefined {
  const all = calls
    .map((call, index) => ({
      at: call.at,
      cost: count(call.cost),
      inside: inRange(decided[index] as number, first, last),
    }))
    .sort((a, b) => a.at - b.at);
  let stretch: Going[] = [];
  for (const call of [...all, undefined]) {
    if (call?.inside) {
      stretch.push(call);
      continue;
    }
    const wrong = crowdedSpan(stretch, allowed);
    if (wrong !== undefined) return wrong;
    stretch = [];
  }
  return undefined;
}

const inRange = (value: number, from: number, to: number) => value >= from && value <= to;

/** Which of its kinds of limits a key keeps at a time. */
const told = <Limits>(limits: fc.Arbitrary<Limits>) =>
  fc.record({ choices: fc.array(limits, { minLength: 2, maxLength: 3 }), begin: begins, steps: stepsOf(50) });

describe('limits that change', { timeout: patience }, () => {
  test('let no more go than the larger of them', () => {
    fc.assert(
      fc.property(told(anyLimit), ({ choices, begin, steps }) => {
        const changes = new Changes(
          choices.map((limit) => [limit]),
          begin,
        );
        changes.play(
          steps,
          (number, [burst = 1]) => wholeCost(number, burst),
          () => {
            expect(changes.crowded(0, (cost) => cost as number)).toBeUndefined();
          },
        );
      }),
      { numRuns: runs(1000) },
    );
  });

  test.each(['by name', 'by place'])('are changed each on its own, %s', (how) => {
    fc.assert(
      fc.property(told(fc.tuple(anyLimit, anyLimit)), ({ choices, begin, steps }) => {
        const name = (index: number) => (how === 'by name' ? { name: `limit ${index}` } : undefined);
        const changes = new Changes(
          choices.map((limits) => limits.map((limit, index) => ({ ...limit, ...name(index) }))),
          begin,
        );
        const cost = (number: number, [first = 1, second = 1]: readonly number[]) =>
          how === 'by name'
            ? { 'limit 0': wholeCost(number, first), 'limit 1': wholeCost((number + 7) % 16, second) }
            : wholeCost(number, Math.min(first, second));
        const count = (index: number) => (cost: Cost) =>
          typeof cost === 'number' ? cost : (cost[`limit ${index}`] as number);
        changes.play(steps, cost, () => {
          expect(changes.crowded(0, count(0))).toBeUndefined();
          expect(changes.crowded(1, count(1))).toBeUndefined();
        });
      }),
      { numRuns: runs(500) },
    );
  });

  test('from window to window of one length hold no more than the larger', () => {
    const lengths = fc.constantFrom(10, 1000);
    const windows = lengths.chain((interval) =>
      told(fc.integer({ min: 1, max: 50 }).map((limit) => slidingWindow({ limit, interval }))),
    );
    fc.assert(
      fc.property(windows, ({ choices, begin, steps }) => {
        const changes = new Changes(
          choices.map((limit) => [limit]),
          begin,
        );
        const { rate, interval } = choices.reduce((a, b) => (a.rate > b.rate ? a : b));
        changes.play(
          steps,
          (number, [burst = 1]) => wholeCost(number, burst) * Math.ceil(burst / 16),
          () => {
            const calls = changes.history.going();
            expect(crowdedSpan(calls, windowAllows(rate, interval))).toBeUndefined();
          },
        );
      }),
      { numRuns: runs(500) },
    );
  });

  test('make no call wait longer than the old limit would, or than a full bucket under the new one', () => {
    // Of an emission interval below a tick, whole ticks are used up at a time.
    const coarse = anyLimit.filter((limit) => intervalOf(limit) >= 1 / 8);
    fc.assert(
      fc.property(told(coarse), ({ choices, begin, steps }) => {
        const changes = new Changes(
          choices.map((limit) => [limit]),
          begin,
        );
        const { history } = changes;
        changes.play(
          steps,
          (number, [burst = 1]) => wholeCost(number, burst),
          () => {
            for (const limit of choices) {
              const { bucket, now } = history;
              const plan = planOf(limit, 0);
              const changed = copyOf(bucket);
              adapt(changed, plan, now);
              const from = Math.max(now, changes.latest);
              const full = from + (limit.kind === 'sliding-window' ? limit.interval : intervalOf(limit));
              const latest = Math.max(full, conformsAt(bucket, 1, now));
              // Each change rounds up to a tick of the old limit, which is a longer time under the new one.
              const rounding = ((limit.burst ?? 1) * intervalOf(limit)) / 20;
              expect(conformsAt(changed, 1, now)).toBeLessThanOrEqual(latest + rounding);
            }
          },
        );
      }),
      { numRuns: runs(250) },
    );
  });
});
