import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adapt, conformsAt } from '../../../src/core/bucket/bucket.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { type Margin, type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { tick } from '../../../src/core/time/clock.ts';
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
import { type Gone, overLimits, restOf } from './limits-in-force.ts';

const lengths = fc.constantFrom(10, 100, 333, 1000);
const numbers = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 60 }));

const windows = fc.record({ limit: numbers, interval: lengths }).map(slidingWindow);

const quotas = fc
  .record({ limit: numbers, part: fc.double({ min: 0, max: 1, noNaN: true }), interval: lengths })
  .map(({ limit, part, interval }) => quota({ limit, interval, burst: 1 + Math.floor(part * (limit - 1)) }));

/** A limit of any kind. */
const anyLimit: fc.Arbitrary<Limit> = fc.oneof(windows, quotas, buckets());

/** A true cost is no higher here: a debt is nobody's fault. */
const lower = (estimate: Cost, calls: number): Cost =>
  typeof estimate === 'number'
    ? Math.min(estimate, Math.floor(calls))
    : Object.fromEntries(Object.entries(estimate).map(([name, cost]) => [name, Math.min(cost, Math.floor(calls))]));

/** What a number costs under limits of these bursts. */
type CostOf = (number: number, bursts: readonly number[]) => Cost;
const oneCost: CostOf = (number, [burst = 1]) => wholeCost(number, burst);

/** A history in which the limits change. */
class Changes {
  readonly history: History;
  readonly #choices: readonly Plan[];
  readonly #inForce = new Set<Plan>();
  /** What each call went under. */
  readonly #under = new Map<Call, Plan>();

  constructor(choices: readonly (Limit | readonly Limit[])[], begin: number, margins: readonly Margin[] = [0]) {
    this.#choices = choices.map((limits, index) => planOf(limits, margins[index % margins.length] as Margin));
    this.history = new History(choices[0] as Limit, begin);
  }

  #change(number: number): void {
    const { history } = this;
    history.plan = this.#choices[number % this.#choices.length] as Plan;
    this.#inForce.add(history.plan);
    adapt(history.bucket, history.plan, history.now);
  }

  /**
   * Does the steps under limits that change before some of them.
   * @param changes to which limits before a step; undefined for no change
   * @param check called after each step with its call, if it is a new one
   */
  play(
    steps: readonly Step[],
    changes: (step: Step, index: number) => number | undefined,
    cost: CostOf,
    check: (call: Call) => void,
  ): void {
    this.#change(0);
    for (const [index, step] of steps.entries()) {
      const next = changes(step, index);
      if (next !== undefined) this.#change(next);
      const bursts = this.history.plan.rules.map(({ burst }) => burst);
      this.history.play(
        [step],
        everything,
        (number) => cost(number, bursts),
        (_, call) => {
          if (this.#under.has(call)) return;
          this.#under.set(call, this.history.plan);
          check(call);
        },
        (number, estimate) => lower(estimate, trueCost(number, 4)),
      );
    }
  }

  /** What is wrong with a call that was granted last, as the limits of one place or name count it. */
  over(last: Call, place: number | string = 0, sees?: () => number): string | undefined {
    const gone = this.history.calls.map((call) => ({
      at: call.at,
      cost: typeof call.cost === 'number' ? call.cost : (call.cost[place] ?? 1),
      under: limitIn(this.#under.get(call) as Plan, place),
    }));
    const inForce = [...this.#inForce].map((plan) => limitIn(plan, place));
    return overLimits(gone, gone[this.history.calls.indexOf(last)] as Gone, inForce, sees);
  }

  /** The latest instant at which something was to go. */
  get last(): number {
    const { bucket, now, calls } = this.history;
    return Math.max(now, bucket.extras.gate, bucket.extras.latest, ...calls.map(({ at }) => at));
  }
}

const limitIn = ({ limits }: Plan, place: number | string): Limit =>
  (typeof place === 'number' ? limits[place] : limits.find(({ name }) => name === place)) as Limit;

/** Before every fifth step, to any. */
const nowAndThen = ([act, , , pick]: Step) => (act % 5 === 0 ? pick : undefined);

/** An emission interval below a tick uses up whole ticks at a time. */
const coarse = anyLimit.filter(({ rate, interval }) => interval / rate >= 1 / 8);

/** Emission intervals and levels are rounded up, by less than a hundredth all together. */
const hair = 1.01;

const longest = (limits: readonly Limit[], of: (limit: Limit) => number): number =>
  Math.max(...limits.map(of)) * hair + tick;
const intervalOf = ({ interval }: Limit): number => interval;

const told = <Limits>(limits: fc.Arbitrary<Limits>, least = 2, most = 3) =>
  fc.record({ choices: fc.array(limits, { minLength: least, maxLength: most }), begin: begins, steps: stepsOf(50) });

describe('limits that change', { timeout: patience }, () => {
  test('grant in any window at most what the largest of them allows', () => {
    fc.assert(
      fc.property(told(anyLimit), ({ choices, begin, steps }) => {
        const changes = new Changes(choices, begin);
        changes.play(steps, nowAndThen, oneCost, (call) => {
          expect(changes.over(call)).toBeUndefined();
        });
      }),
      { numRuns: runs(1000) },
    );
  });

  test('keep margins of their own', () => {
    const margins = fc.array(fc.constantFrom<Margin>(0, 'calls', 0.3, 5, 50), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(told(anyLimit), margins, ({ choices, begin, steps }, kept) => {
        const changes = new Changes(choices, begin, kept);
        changes.play(steps, nowAndThen, oneCost, (call) => {
          expect(changes.over(call)).toBeUndefined();
        });
      }),
      { numRuns: runs(500) },
    );
  });

  test('back and forth at every call, as while one version of a program takes the place of another, forget nothing', () => {
    fc.assert(
      fc.property(told(anyLimit, 2, 2), ({ choices, begin, steps }) => {
        const changes = new Changes(choices, begin);
        changes.play(
          steps,
          (_, index) => index,
          oneCost,
          (call) => {
            expect(changes.over(call, 0, () => Infinity)).toBeUndefined();
          },
        );
      }),
      { numRuns: runs(1000) },
    );
  });

  test('are remembered up to eight of them', () => {
    fc.assert(
      fc.property(told(anyLimit, 4, 8), ({ choices, begin, steps }) => {
        const changes = new Changes(choices, begin);
        changes.play(
          steps,
          ([, , , pick]) => pick,
          oneCost,
          (call) => {
            expect(changes.over(call)).toBeUndefined();
          },
        );
      }),
      { numRuns: runs(300) },
    );
  });

  test('are changed each on its own by name, whatever their order', () => {
    const names = ['limit 0', 'limit 1'] as const;
    const two = fc.tuple(anyLimit, anyLimit, fc.boolean()).map(([first, second, isTurned]) => {
      const named = [first, second].map((limit, index) => ({ ...limit, name: names[index] as string }));
      return isTurned ? named.reverse() : named;
    });
    fc.assert(
      fc.property(told(two), ({ choices, begin, steps }) => {
        const changes = new Changes(choices, begin);
        const burstOf = (name: string) =>
          changes.history.plan.rules.find((rule) => rule.name === name)?.burst as number;
        const cost = (number: number) =>
          Object.fromEntries(names.map((name, index) => [name, wholeCost((number + 7 * index) % 16, burstOf(name))]));
        changes.play(steps, nowAndThen, cost, (call) => {
          for (const name of names) expect(changes.over(call, name)).toBeUndefined();
        });
      }),
      { numRuns: runs(500) },
    );
  });

  test('are changed each on its own by place', () => {
    fc.assert(
      fc.property(told(fc.tuple(anyLimit, anyLimit)), ({ choices, begin, steps }) => {
        const changes = new Changes(choices, begin);
        const cost: CostOf = (number, bursts) => wholeCost(number, Math.min(...bursts));
        changes.play(steps, nowAndThen, cost, (call) => {
          for (const place of [0, 1]) expect(changes.over(call, place)).toBeUndefined();
        });
      }),
      { numRuns: runs(500) },
    );
  });

  test('are at rest one interval after the limits alone would be', () => {
    fc.assert(
      fc.property(told(coarse), fc.nat(), ({ choices, begin, steps }, pick) => {
        const changes = new Changes(choices, begin);
        const next = planOf(choices[pick % choices.length] as Limit, 0);
        changes.play(steps, nowAndThen, oneCost, () => {
          const { bucket, plan } = changes.history;
          const rested = changes.last + longest(choices, restOf) + longest(choices, intervalOf);
          for (const known of [plan, next]) {
            const later = copyOf(bucket);
            adapt(later, known, rested);
            expect(conformsAt(later, known.rules[0]?.burst as number, rested)).toBe(rested);
          }
        });
      }),
      { numRuns: runs(250) },
    );
  });

  test('make no call wait longer than without the change or the longest interval', () => {
    fc.assert(
      fc.property(told(coarse), ({ choices, begin, steps }) => {
        const changes = new Changes(choices, begin);
        changes.play(steps, nowAndThen, oneCost, () => {
          const { bucket, now } = changes.history;
          const latest = Math.max(changes.last + longest(choices, intervalOf), conformsAt(bucket, 1, now));
          for (const limit of choices) {
            const changed = copyOf(bucket);
            adapt(changed, planOf(limit, 0), now);
            expect(conformsAt(changed, 1, now)).toBeLessThanOrEqual(latest);
          }
        });
      }),
      { numRuns: runs(250) },
    );
  });
});
