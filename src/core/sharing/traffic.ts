import { isPromise, type Receipt, type StoreOperations } from '../base/store.ts';
import type { Clock } from '../time/clock.ts';

/** What this needs of its throttle. */
export interface TrafficHost {
  readonly clock: Clock;
  readonly store: StoreOperations;
}

/** A store operation that has only just begun. */
const begun = Promise.resolve();

/**
 * The requests of one lane to its store.
 *
 * Invariant: one operation is in flight at a time, apart from those that give something back. What was taken last goes
 * back first, and the line moves on when all is returned.
 */
export class Traffic {
  readonly #key: string;
  readonly #host: TrafficHost;
  readonly #goOn: () => void;
  /** When the latest operation began, on the monotonic clock. */
  askedAt = 0;
  /** How long the latest answer took, in ms; 0 if it was synchronous. */
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
   * Runs one operation, then moves the line on.
   * @param gathers whether to wait a moment for calls that come together, because all operations take equally long. If
   * many wait already, the operation starts before the callers granted by the previous one resume.
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
        // Not within the step of the line that asked, because that step could not move on.
        await begun;
        fail(error);
      }
      await this.#end();
    });
  }

  /** Keeps the line from asking until a promise that never rejects settles. */
  hold(operation?: Promise<unknown>): Promise<void> {
    return this.#begin(async () => {
      await operation;
      await this.#end();
    });
  }

  #begin(operate: () => Promise<void>): Promise<void> {
    this.askedAt = this.#host.clock.monotonic();
    // Callbacks before the first await must see that the store is being asked.
    this.#asking = begun;
    this.#asking = operate();
    return this.#asking;
  }

  /**
   * Moves the line on when all is returned. If nothing is returned, that is at once, so that it asks before the granted
   * callers resume.
   */
  async #end(): Promise<void> {
    // More may be given back meanwhile.
    while (this.#returning !== undefined) {
      const returning = this.#returning;
      await returning;
      if (this.#returning === returning) this.#returning = undefined;
    }
    this.#asking = undefined;
    this.#goOn();
  }

  /** Gives back what this process no longer needs. If the store fails, a slot is lost, which wastes one call. */
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
