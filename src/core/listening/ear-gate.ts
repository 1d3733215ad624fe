import type { Plan } from '../limits/plan.ts';
import { GoAloneGate } from '../line/go-alone-gate.ts';
import { Refusals } from './refusals.ts';
import { Remaining } from './remaining.ts';

/** How long others wait for the answer to a call that goes first to learn what is left, in ms. */
const learningPatience = 1_000;

/**
 * The gate of a key with an adapter: it knows refusals and what is left.
 *
 * Invariant: it can hold calls back, never let more go than the limits do.
 */
export class EarGate extends GoAloneGate {
  #refusals = new Refusals();
  #remaining = new Remaining();

  get remaining(): Remaining {
    return this.#remaining;
  }

  override opensAt(now: number, inFlight: number): number {
    if (now >= this.#remaining.until) {
      // The next call goes alone to learn what is left.
      this.#remaining.forget();
      if (!this.goesAlone) this.goAlone(learningPatience);
    }
    const isFull = inFlight >= this.#remaining.mostInFlight(now);
    return Math.max(super.opensAt(now, inFlight), isFull ? this.#remaining.until : -Infinity);
  }

  override most(now: number, inFlight: number): number {
    const room = this.#remaining.mostInFlight(now) - inFlight;
    return Math.min(super.most(now, inFlight), Math.max(0, room));
  }

  override isIdle(now: number): boolean {
    return this.#refusals.isOver(now) && this.#remaining.isOver(now) && super.isIdle(now);
  }

  override reset(): void {
    this.#refusals = new Refusals();
    this.#remaining = new Remaining();
    super.reset();
  }

  /** Notes that the server refused a call that left at `left`. */
  noteRefusal(left: number, now: number, plan: Plan): void {
    this.#remaining.noteRefusal(this.#refusals.noteRefusal(left, now), now, plan);
  }

  /** How long to pause after a refusal that names no time, in ms. */
  backOff(least: number | undefined): number {
    return this.#refusals.pause(least);
  }

  /** Notes that the server accepted a call that left at `left`. */
  noteAnswer(left: number): void {
    this.#refusals.noteAnswer(left);
    this.#remaining.noteAnswer();
  }
}
