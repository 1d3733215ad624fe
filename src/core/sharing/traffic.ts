import { isPromise, type Receipt, type StoreOperations } from '../base/store.ts';
import type { Clock } from '../time/clock.ts';

/** What the traffic with a store needs of its throttle. */
export interface TrafficHost {
  readonly clock: Clock;
  readonly store: StoreOperations;
}

/** A store operation that has only just begun. */
const begun = Promise.resolve();

/**
 * What one lane asks of its store.
 *
 * Invariant: one operation is in flight at a time, those that return something aside. What was taken last goes back first, and the
 * line goes on when all is returned.
 */
export class Traffic {
  readonly #key: string;
  readonly #host: TrafficHost;
  readonly #goOn: () => void;
  #asking: Promise<void> | undefined;
  #askedAt = 0;
  #answerTook = 0;
  #returning: Promise<unknown> | undefined;

  /** @param goOn called when the operation in flight is over */
  constructor(key: string, host: TrafficHost, goOn: () => void) {
    this.#key = key;
    this.#host = host;
    this.#goOn = goOn;
  }

  /** Whether an operation is in flight. */
  get isBusy(): boolean {
    return this.#asking !== undefined;
  }

  /** When it began, on the monotonic clock. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** How long the latest answer took, in ms; 0 if it came on the spot. */
  get answerTook(): number {
    return this.#answerTook;
  }

  /** Resolves when nothing is in flight. */
  async whenIdle(): Promise<void> {
    while (this.#asking !== undefined) await this.#asking;
  }

  /**
   * Does one operation and has the line go on.
   * @param gathers whether to wait a moment for calls that come together: one operation takes as long as another. Where many wait as it
   * is, the operation is under way before the callers granted by the previous one resume.
   */
  operate<T extends object>(
    ask: () => T | Promise<T>,
    digest: (answer: T) => void,
    fail: (error: unknown) => void,
    gathers: boolean,
  ): void {
    // Who is called back before the first await must see that the store is asked.
    this.#asking = begun;
    this.#askedAt = this.#host.clock.monotonic();
    this.#asking = this.#operate(ask, digest, fail, gathers);
  }

  async #operate<T extends object>(
    ask: () => T | Promise<T>,
    digest: (answer: T) => void,
    fail: (error: unknown) => void,
    gathers: boolean,
  ): Promise<void> {
    try {
      if (gathers) await begun;
      const asked = ask();
      const answer = await asked;
      this.#answerTook = isPromise(asked) ? this.#host.clock.monotonic() - this.#askedAt : 0;
      digest(answer);
    } catch (error) {
      await begun;
      fail(error);
    }
    if (this.#returning !== undefined) await this.#whenReturned();
    this.#finish();
  }

  /** Keeps the line from asking until something is over, which does not fail. */
  async holdFor(operation?: Promise<void>): Promise<void> {
    this.#asking = this.#after(operation);
    await this.#asking;
  }

  async #after(operation: Promise<void> | undefined): Promise<void> {
    this.#askedAt = this.#host.clock.monotonic();
    await operation;
    await this.#whenReturned();
    this.#finish();
  }

  /** Returns what nobody here wants any more. A slot that the store cannot take back is lost, which wastes one call. */
  return(receipt: Receipt): void {
    const { store } = this.#host;
    const send = () =>
      receipt.before === undefined ? store.settle(this.#key, receipt, 0) : store.giveBack(this.#key, receipt);
    try {
      const answer = this.#returning === undefined ? send() : this.#returning.then(send);
      if (!isPromise(answer)) return;
      this.#returning = answer.catch(() => {});
      if (this.#asking === undefined) void this.holdFor();
    } catch {
      // As above.
    }
  }

  /** Waits until all is returned that nobody wants. */
  async #whenReturned(): Promise<void> {
    while (this.#returning !== undefined) {
      const returning = this.#returning;
      await returning;
      if (this.#returning === returning) this.#returning = undefined;
    }
  }

  #finish(): void {
    this.#asking = undefined;
    this.#goOn();
  }
}
