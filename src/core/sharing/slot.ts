import type { Receipt, Standing } from '../base/store.ts';
import { asMoved, spacingOf } from '../bucket/moves.ts';
import { costInCalls } from '../limits/cost.ts';
import { samePlan } from '../limits/plan.ts';
import type { NextCall, Waiter } from '../line/waiting-room.ts';

/** When the next call goes. */
export interface Slot {
  /** The reservation, for the call that is first when it is due; undefined if the lane asks when it wakes. */
  readonly receipt: Receipt | undefined;
  /** When it is due, on the monotonic clock. */
  readonly due: number;
  /** The waiter that it was requested for; undefined if others have come before it since. */
  readonly owner: Waiter | undefined;
}

/** What is known about the next call; undefined if it is not reserved. */
export function nextCallOn({ due, receipt }: Slot): NextCall | undefined {
  if (receipt === undefined) return undefined;
  const { plan, cost, slot, before = receipt.after } = receipt;
  return { due, cost, plan, tats: before.map((tat) => due + tat - slot) };
}

/** The slot, moved to its present time. */
export function slotAsMoved(slot: Slot, standing: Standing): Slot {
  const { receipt } = slot;
  const later = receipt && asMoved(receipt, standing);
  if (receipt === undefined || later === undefined) return slot;
  return { ...slot, receipt: later, due: slot.due + later.slot - receipt.slot };
}

/**
 * Whether the limits of a slot have changed, or a new call could go before it: the bucket was reset, or another's call
 * cost less.
 */
export function isOutdated({ receipt, due }: Slot, { plan, wait }: Standing, now: number): boolean {
  if (receipt === undefined) return false;
  return !samePlan(plan, receipt.plan) || (costInCalls(receipt.cost) <= 1 && due - now - wait > 1);
}

/**
 * How late a lane wakes for its slots.
 *
 * Invariant: a lane that woke too late to use its slot reserves none until it wakes in time; it asks when it wakes.
 */
export class Wakes {
  /** How far apart slots were, in ms, when it woke too late; undefined otherwise. */
  #missedSpacing: number | undefined;

  /** Whether the lane reserves slots. */
  get reserves(): boolean {
    return this.#missedSpacing === undefined;
  }

  /**
   * Notes a wake.
   * @param late how late it was, in ms
   * @param lateness how late a call may leave after its slot, in ms
   */
  note(late: number, receipt: Receipt | undefined, lateness: number): void {
    const spacing = receipt === undefined ? this.#missedSpacing : spacingOf(receipt);
    this.#missedSpacing = spacing !== undefined && late >= spacing && late > lateness ? spacing : undefined;
  }
}
