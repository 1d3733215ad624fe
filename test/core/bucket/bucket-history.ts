import fc from 'fast-check';
import type { Receipt } from '../../../src/core/base/store.ts';
import { type Bucket, conformsAt, newBucket } from '../../../src/core/bucket/bucket.ts';
import { giveBack, pause, settle, take } from '../../../src/core/bucket/operations.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { settlementOf } from '../../../src/core/throttle/settlement.ts';
import { tick } from '../../../src/core/time/clock.ts';

/** How many histories a property runs: SLUICE_RUNS, or about a second's worth. */
export const runs = (usual: number): number => Number(process.env.SLUICE_RUNS ?? usual);

/** How long a property may take, in ms. */
export const patience = process.env.SLUICE_RUNS === undefined ? 20_000 : 3_600_000;

/** Where clocks begin: at zero, somewhere, and at an instant since the epoch, where a double has few binary places left. */
export const begins = fc.constantFrom(0, 86_400_000.5, 1.8e12);

/** One step of a history: what happens, after how much time, to which cost, and to which of the calls so far. */
export type Step = readonly [act: number, time: number, cost: number, pick: number];

export const stepsOf = (most: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.tuple(fc.nat(239), fc.nat(15), fc.nat(15), fc.nat(63)), { minLength: 1, maxLength: most, size: 'max' });

export type Act = 'take' | 'reserve' | 'cancel' | 'settle' | 'pause';

/** What may happen; what stands here more often happens more often. */
export const taking: readonly Act[] = ['take', 'take', 'reserve'];
export const cancelling: readonly Act[] = [
  'take',
  'take',
  'take',
  'take',
  'reserve',
  'reserve',
  'reserve',
  'cancel',
  'pause',
];
export const everything: readonly Act[] = [...cancelling, 'cancel', 'settle', 'settle', 'settle'];

/** A call of a history. */
export interface Call {
  readonly at: number;
  /** When it was decided that it goes. */
  readonly decidedAt: number;
  /** What it counts as, as far as is known: its estimate until it is settled. */
  cost: Cost;
  receipt: Receipt;
  /** Whether it may be given back as long as its slot has not come. */
  reserved: boolean;
}

/** Of a usual span of time. */
const parts = [1 / 16, 1 / 3, 1 / 2, 3 / 4, 1, 1, 2, 7] as const;

/** Drives the operations on one bucket and keeps a log of the calls. */
export class History {
  readonly bucket: Bucket;
  plan: Plan;
  now: number;
  /** All calls that go, in the order in which they were granted. */
  calls: Call[] = [];
  /** A usual span of time, in ms: pauses are about as long. */
  span: number;

  constructor(limits: Limit | readonly Limit[], now: number, margin = 0) {
    this.plan = planOf(limits, margin);
    this.bucket = newBucket(this.plan);
    this.now = now;
    this.span = spanOf(this.plan);
  }

  /** The calls that go as one limit counts them. */
  going(count: (cost: Cost) => number = (cost) => cost as number): { at: number; cost: number }[] {
    return this.calls.map(({ at, cost }) => ({ at, cost: count(cost) })).filter(({ cost }) => cost > 0);
  }

  /** Lets time go by: not at all, by a tick, by about a span, or until about the instant at which `cost` conforms. */
  pass(time: number, cost: Cost): void {
    const at = conformsAt(this.bucket, cost, this.now);
    const due = at === Infinity ? this.now : Math.ceil(at / tick) * tick;
    if (time < 4) return;
    if (time === 4) this.now += tick;
    else if (time === 5) this.now = Math.max(this.now, due - tick);
    else if (time < 8) this.now = due;
    else this.now += Math.floor((this.span * parts[time - 8]!) / tick) * tick;
  }

  /**
   * Does the steps, one after the other.
   * @param acts what the numbers of the steps stand for
   * @param cost what a number costs
   * @param check called after each step that did something, with the call it was about
   */
  play(
    steps: readonly Step[],
    acts: readonly Act[],
    cost: (number: number) => Cost,
    check: (act: Act, call: Call) => void = () => {},
    trueCost: (number: number, estimate: Cost) => Cost = cost,
  ): void {
    for (const [number, time, costNumber, pick] of steps) {
      const act = acts[number % acts.length] as Act;
      this.pass(time, cost(costNumber));
      const call = this.#do(act, cost(costNumber), pick, (estimate) => trueCost(costNumber, estimate));
      if (call !== undefined) check(act, call);
    }
  }

  #do(act: Act, cost: Cost, pick: number, trueCost: (estimate: Cost) => Cost): Call | undefined {
    if (act === 'cancel') return this.cancel(pick);
    if (act === 'settle') return this.settle(pick, trueCost);
    if (act !== 'pause') return this.take(cost, act === 'reserve' ? Infinity : 0);
    pause(this.bucket, this.span * parts[pick % parts.length]!, this.now);
    return undefined;
  }

  /** Asks for one call now, reserving up to `ahead` ms. */
  take(cost: Cost, ahead = 0): Call | undefined {
    const { granted, reserved } = take(this.bucket, { plan: this.plan, costs: [cost], ahead }, this.now);
    const receipt = granted[0] ?? reserved;
    if (receipt === undefined) return undefined;
    const call: Call = {
      at: receipt.slot,
      decidedAt: this.now,
      cost,
      receipt,
      reserved: reserved !== undefined,
    };
    this.calls.push(call);
    return call;
  }

  /** Gives one of the reservations back whose slot has not come yet. */
  cancel(pick: number): Call | undefined {
    const open = this.calls.filter(({ reserved, at }) => reserved && at > this.now);
    const call = open[pick % open.length];
    if (call === undefined) return undefined;
    giveBack(this.bucket, call.receipt);
    this.calls = this.calls.filter((other) => other !== call);
    return call;
  }

  /** Tells the true cost of one of the calls that went, one of the latest as a rule; of some more than once. */
  settle(pick: number, trueCost: (estimate: Cost) => Cost): Call | undefined {
    const gone = this.calls.filter(({ at }) => at <= this.now).slice(-8);
    const call = gone[pick % gone.length];
    if (call === undefined) return undefined;
    const { from, cost, done } = settlementOf(call.receipt, trueCost(call.cost));
    settle(this.bucket, from, cost, this.now);
    call.cost = cost;
    call.receipt = done;
    call.reserved = false;
    return call;
  }
}

function spanOf({ rules: [rule] }: Plan): number {
  if (rule === undefined) return 0;
  return rule.even === 0 ? rule.span / 3 : rule.emissionInterval;
}

/** Draws whole costs up to `burst`, small ones and the greatest more often. */
export const wholeCost = (number: number, burst: number): number =>
  number < 8 ? 1 : Math.min(burst, [0, 2, 3, 4, 5, burst - 1, burst, burst][number - 8] as number);

/** Draws costs up to `burst`, fractions included. */
export const anyCost = (number: number, burst: number): number =>
  number < 5 ? Math.min(burst, [0.5, 0.0625, 1.25, 2.75, burst - 0.5][number] as number) : wholeCost(number, burst);

/** Of the costs that a call may turn out to have. */
export const trueCost = (number: number, burst: number): number =>
  [0, 0, 0, 1, 1, 2, 3, 0.5, burst, burst + 1, 2 * burst, Math.ceil(burst / 2), 1, 0, 2, 5][number] as number;

export { copyOf } from '../../../src/core/bucket/bucket.ts';

/** Numbers of a leaky bucket; with `even`, such that its emission interval is a whole number of ticks. */
export const buckets = (even = false): fc.Arbitrary<Limit & { readonly burst: number }> =>
  fc.record({
    rate: even ? fc.constantFrom(1, 2, 4, 5, 8, 10) : fc.constantFrom(1, 2, 3, 7, 10, 13, 600, 2500),
    interval: even ? fc.constantFrom(10, 100, 1000, 60_000) : fc.constantFrom(1, 100, 333, 1000, 60_000),
    burst: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 20 })),
  });

/** Margins, none as a rule. */
export const margins = (interval: number): fc.Arbitrary<number> =>
  fc.constantFrom(0, 0, 0, 0.3, interval / 20, interval / 3, interval * 2);
