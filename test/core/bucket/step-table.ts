import { expect, test } from 'vitest';
import type { Receipt } from '../../../src/core/base/store.ts';
import { adapt, type Bucket, newBucket } from '../../../src/core/bucket/bucket.ts';
import { postpone, takeOnSlot } from '../../../src/core/bucket/moves.ts';
import { giveBack, pause, peek, reset, settle } from '../../../src/core/bucket/operations.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import type { Limit } from '../../../src/core/limits/limit.ts';
import { type Plan, planOf } from '../../../src/core/limits/plan.ts';
import { settlementOf } from '../../../src/core/throttle/settlement.ts';

/** The unit of time in step tables, in ms: the emission interval of most of their limits. */
export const T = 100;

/** A limit that lets a call go every T, `burst` of them at once. */
export const every = (burst: number, name?: string): Limit => ({
  rate: 1,
  interval: T,
  burst,
  ...(name === undefined ? undefined : { name }),
});

/**
 * One step, at an instant in units of T. What is called by a number can be corrected later by that number.
 * - `take`: asks for one call and expects a wait of this many T, 0 if it goes
 * - `reserve`: asks for a slot and expects it at that instant
 * - `fix`: the same, for a call that goes at that slot whatever becomes later
 * - `arrive`: comes with a reservation whose slot has come, and expects a wait of so many T, 0 if it goes. It counts as in time
 *   when it is no later than `late`, in T
 * - `cancel`, `settle`: gives a reservation back, tells the true cost of a call
 * - `postpone`: counts a call as if it had gone this many T later
 * - `pause`: lets nothing go for this many T
 * - `change`: puts other limits in the place of those before
 * - `margin`: keeps this many T in hand from then on
 * - `left`: expects this many calls to remain, per limit
 */
export type Step =
  | readonly ['take', at: number, cost: Cost, wait: number, id?: number]
  | readonly ['reserve', at: number, cost: Cost, slot: number, id?: number]
  | readonly ['fix', at: number, cost: Cost, slot: number, id?: number]
  | readonly ['arrive', at: number, cost: Cost, wait: number, id: number, late?: number]
  | readonly ['cancel', at: number, id: number]
  | readonly ['settle', at: number, id: number, cost: Cost]
  | readonly ['postpone', at: number, id: number, later: number]
  | readonly ['pause', at: number, wait: number]
  | readonly ['change', at: number, limits: Limit | readonly Limit[]]
  | readonly ['margin', at: number, margin: number]
  | readonly ['reset', at: number]
  | readonly ['left', at: number, ...calls: number[]];

/** Goes through a step table. The row's number is in the message when one fails. */
export function walk(limits: Limit | readonly Limit[], steps: readonly Step[], margin = 0, begin = 0): Bucket {
  let plan: Plan = planOf(limits, margin);
  const bucket = newBucket(plan);
  const receipts = new Map<number, Receipt>();
  for (const [row, step] of steps.entries()) {
    const now = begin + step[1] * T;
    const where = `row ${row + 1}: ${JSON.stringify(step)}`;
    if (step[0] === 'take' || step[0] === 'reserve' || step[0] === 'fix' || step[0] === 'arrive') {
      const [act, at, cost, expected, id, late = 0] = step;
      const isAhead = act === 'reserve' || act === 'fix';
      const request = {
        plan,
        costs: [cost],
        ahead: act === 'take' ? 0 : Infinity,
        fixed: act === 'fix',
        late: late * T,
      };
      const instead = act === 'arrive' ? receipts.get(id as number) : undefined;
      const { granted, reserved, wait } = takeOnSlot(bucket, { ...request, instead }, now);
      const receipt = granted[0] ?? reserved;
      if (id !== undefined && receipt !== undefined) receipts.set(id, receipt);
      expect((isAhead ? at * T + wait : wait) / T, where).toBeCloseTo(expected, 9);
      expect(receipt !== undefined, where).toBe(act !== 'take' || expected === 0);
    } else if (step[0] === 'cancel') giveBack(bucket, receipts.get(step[2]) as Receipt);
    else if (step[0] === 'settle') {
      const { from, cost, done } = settlementOf(receipts.get(step[2]) as Receipt, step[3]);
      settle(bucket, from, cost, now);
      receipts.set(step[2], done);
    } else if (step[0] === 'postpone') postpone(bucket, receipts.get(step[2]) as Receipt, step[3] * T, now);
    else if (step[0] === 'pause') pause(bucket, step[2] * T, now);
    else if (step[0] === 'reset') reset(bucket, now);
    else if (step[0] === 'change') {
      plan = planOf(step[2], plan.margin);
      adapt(bucket, plan, now);
    } else if (step[0] === 'margin') {
      plan = planOf(
        plan.rules.map(({ limit }) => limit),
        step[2] * T,
      );
      adapt(bucket, plan, now);
    } else {
      expect(
        peek(bucket, now).limits.map(({ remaining }) => remaining),
        where,
      ).toEqual(step.slice(2));
    }
  }
  return bucket;
}

/** Makes a test of a step table, which must hold wherever time begins. */
export function table(name: string, limits: Limit | readonly Limit[], steps: readonly Step[], margin = 0): void {
  test.each([0, 1e9 + 0.5, 1.8e12])(`${name}, from %d`, (begin) => {
    walk(limits, steps, margin, begin);
  });
}
