import type { CallGrant } from '../base/grant.ts';
import { Gate } from './gate.ts';

/** How long others wait for the answer to a call that went alone after a refusal, in ms. */
const patience = 10_000;

/**
 * A gate that lets one call go alone after a pause, and the others after its answer: otherwise all might be refused
 * together.
 *
 * Invariant: at most one call is out alone, and other calls wait for it at most for its patience.
 */
export class GoAloneGate extends Gate {
  /** Whether the next call goes alone; then that call, until its answer. */
  #alone: 'next' | CallGrant | undefined;
  /** Until when others wait for it. */
  #aloneUntil = 0;
  #patience = patience;

  override opensAt(now: number, inFlight: number): number {
    const opensAt = super.opensAt(now, inFlight);
    if (typeof this.#alone !== 'object') return opensAt;
    if (now < this.#aloneUntil) return Math.max(opensAt, this.#aloneUntil);
    this.#alone = undefined;
    return opensAt;
  }

  override most(now: number, inFlight: number): number {
    return this.#alone === 'next' ? 1 : super.most(now, inFlight);
  }

  override pass(grant: CallGrant, isSeen: boolean, now: number): void {
    if (this.#alone !== 'next') return;
    // The end of a call that holds no place is not visible.
    this.#alone = isSeen ? grant : undefined;
    this.#aloneUntil = now + this.#patience;
  }

  override end(grant: CallGrant): void {
    if (this.#alone === grant) this.#alone = undefined;
  }

  override isIdle(now: number): boolean {
    return typeof this.#alone !== 'object' && super.isIdle(now);
  }

  override reset(): void {
    this.#alone = undefined;
    super.reset();
  }

  /** Whether a call will go alone, or is out alone. */
  get goesAlone(): boolean {
    return this.#alone !== undefined;
  }

  /**
   * Lets one call go alone as soon as calls may go again.
   * @param ms how long others wait for its answer
   */
  goAlone(ms: number = patience): void {
    this.#patience = this.#alone === 'next' ? Math.max(ms, this.#patience) : ms;
    this.#alone = 'next';
  }
}
