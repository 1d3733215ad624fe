/** How fast two clocks may drift apart, in ms per ms. */
const drift = 0.001;

/**
 * How long answers take on their way back, told by the server's clock and ours. A slot must not become later by that,
 * or its call leaves together with the next one.
 */
export class ReturnDelay {
  /** By how much our clock is ahead of the server's when an answer comes back quickly, in ms; Infinity before the first answer. */
  #quickest = Infinity;
  #at = 0;

  get isKnown(): boolean {
    return this.#quickest < Infinity;
  }

  /**
   * Notes an answer.
   * @param decidedAt on the server's clock
   * @param now on ours
   */
  note(decidedAt: number, now: number): void {
    const drifted = this.isKnown ? (now - this.#at) * drift : 0;
    this.#quickest = Math.min(now - decidedAt, this.#quickest + drifted);
    this.#at = now;
  }

  /** How long ago a decision was made, in ms, less the time that the quickest answer took on its way back. */
  since(decidedAt: number, now: number): number {
    return now - decidedAt - this.#quickest;
  }
}
