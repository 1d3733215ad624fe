import type { Receipt, Standing } from 'sluice';
import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/core/limits/plan.ts';
import { isOutdated, nextCallOn, type Slot, slotAsMoved, Wakes } from '../../../src/core/sharing/slot.ts';

const T = 100;
const plan = planOf({ rate: 1, interval: T, burst: 5 }, 0);
/** A reservation at 3,000 on the clock of the store. It spaces calls by T. */
const receipt: Receipt = { slot: 3_000, cost: 1, plan, before: [3_400], after: [3_500] };
/** The slot of it, at 1,000 on the clock of the lane. */
const slot: Slot = { receipt, due: 1_000, owner: undefined };
/** A slot without a reservation. */
const bare: Slot = { ...slot, receipt: undefined };
const standing: Standing = { limits: [], wait: 0, pausedFor: 0, plan };

describe('the next call', () => {
  test('goes when its slot is due, with the state of the bucket as it was before, on the clock of the lane', () => {
    expect(nextCallOn(slot)).toEqual({ due: 1_000, cost: 1, plan, tats: [1_400] });
  });

  test('has the state afterwards where the store keeps no earlier one', () => {
    const { before: _, ...later } = receipt;
    expect(nextCallOn({ ...slot, receipt: later })).toMatchObject({ tats: [1_500] });
  });

  test('is not known without a reservation', () => {
    expect(nextCallOn(bare)).toBeUndefined();
  });
});

describe('a slot', () => {
  test('moves by as much as its reservation was moved', () => {
    const moved = slotAsMoved(slot, { ...standing, moved: 30, moves: [{ after: 2_000, ms: 30 }] });
    expect(moved).toMatchObject({ due: 1_030, receipt: { slot: 3_030, after: [3_530] } });
  });

  test('stays where it is if it was not moved, has no reservation, or its moves are no longer known', () => {
    expect(slotAsMoved(slot, standing)).toEqual(slot);
    expect(slotAsMoved(bare, { ...standing, moved: 30, moves: [{ after: 2_000, ms: 30 }] })).toBe(bare);
    expect(slotAsMoved(slot, { ...standing, moved: 30, moves: [] })).toBe(slot);
  });

  test('is outdated if a call that costs no more could go over a millisecond earlier', () => {
    const isTooLate = (cost: number, wait: number) =>
      isOutdated({ ...slot, receipt: { ...receipt, cost } }, { ...standing, wait }, 900);
    expect([98, 99, 100].map((wait) => isTooLate(1, wait))).toEqual([true, false, false]);
    expect([0.5, 1, 1.5, 2].map((cost) => isTooLate(cost, 0))).toEqual([true, true, false, false]);
    expect(isOutdated(bare, standing, 0)).toBe(false);
  });

  test('is outdated if the limits have changed', () => {
    const other = planOf({ rate: 2, interval: T, burst: 5 }, 0);
    const large = { ...slot, receipt: { ...receipt, cost: 5 } };
    expect(isOutdated(large, { ...standing, plan: other }, 1_000)).toBe(true);
    expect(isOutdated(large, { ...standing, plan: planOf({ rate: 1, interval: T, burst: 5 }, 0) }, 0)).toBe(false);
  });
});

describe('a lane reserves slots', () => {
  const wakes = () => new Wakes();
  /** Whether it reserves after wakes that were this late, the first of them for a reservation. */
  const reservesAfter = (lateness: number, first: number, ...later: number[]): boolean => {
    const noted = wakes();
    noted.note(first, receipt, lateness);
    for (const late of later) noted.note(late, undefined, lateness);
    return noted.reserves;
  };

  test('until it wakes as late as slots are apart, and later than a call may leave', () => {
    expect(wakes().reserves).toBe(true);
    expect([0, T - 1, T, 5 * T].map((late) => reservesAfter(20, late))).toEqual([true, true, false, false]);
    expect([T, T + 1].map((late) => reservesAfter(T, late))).toEqual([true, false]);
  });

  test('again when it wakes in time without a reservation', () => {
    expect([0, T - 1, T].map((late) => reservesAfter(0, T, late))).toEqual([true, true, false]);
    expect(reservesAfter(0, T, T, 0)).toBe(true);
  });

  test('even if it wakes late when it held no reservation', () => {
    const noted = wakes();
    noted.note(5 * T, undefined, 0);
    expect(noted.reserves).toBe(true);
  });
});
