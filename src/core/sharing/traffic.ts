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
  /** When the latest operation began, on the monotonic clock. */
  askedAt = 0;
  /** How long the latest answer took, in ms; 0 if it came on the spot. */
  answerTook = 0;
  #asking: Promise<void> | undefined;
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
    void this.#begin(async () => {
      try {
        if (gathers) await begun;
        const asked = ask();
        const answer = await asked;
        this.answerTook = isPromise(asked) ? this.#host.clock.monotonic() - this.askedAt : 0;
        digest(answer);
      } catch (error) {
        // Not within the step of the line that asked, which could not go on.
        await begun;
        fail(error);
      }
      await this.#end();
    });
  }

  /** Keeps the line from asking until something is over, which does not fail. */
  hold(operation?: Promise<unknown>): Promise<void> {
    return this.#begin(async () => {
      await operation;
      await this.#end();
    });
  }

  #begin(operate: () => Promise<void>): Promise<void> {
    this.askedAt = this.#host.clock.monotonic();
    // Who is called back before the first await must see that the store is asked.
    this.#asking = begun;
    this.#asking = operate();
    return this.#asking;
  }

  /** Has the line go on when all is returned: at once, if nothing is, so that it asks before those go on who were granted. */
  async #end(): Promise<void> {
    while (this.#returning !== undefined) {
      const returning = this.#returning;
      await returning;
      if (this.#returning === returning) this.#returning = undefined;
    }
    this.#asking = undefined;
    this.#goOn();
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
      if (this.#asking === undefined) void this.hold();
    } catch {
      // As above.
    }
  }
}
