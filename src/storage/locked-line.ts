import type { Clock } from '../core/time/clock.ts';
import { numberOf } from './envelope.ts';
import { Fence } from './fence.ts';
import { followPage } from './page-life.ts';
import { type Hold, WebLocks } from './web-lock.ts';

/** A step that waits for its lock. */
interface Waiting {
  /** Runs the step. Gets the number of the latest write, and returns the number of its own write, if it wrote. */
  readonly step: (latest: number) => number | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * A step must run within this time after the question for the latest write, in ms; otherwise the question is repeated.
 */
const freshness = 500;

/** How much of an item stands in the names of its locks: WebKit refuses names of more than 1,024 characters. */
const longestPart = 960;

/** What the locks of an item are named by. */
function lockNameOf(item: string): string {
  if (item.length <= longestPart) return item;
  let sum = 0;
  for (let index = 0; index < item.length; index++) sum = Math.imul(sum ^ item.charCodeAt(index), 0x01000193);
  return `${item.slice(0, longestPart)} ${sum}`;
}

/**
 * Steps on items of a storage. Each runs while no other tab runs one on the same item, and after the latest write is
 * visible. The steps that wait for one item run together. Each is synchronous, so that a tab that stops leaves nothing
 * half-done, and one that lost its lock does nothing more.
 */
export class LockedLine {
  readonly #locks: WebLocks;
  readonly #fence: Fence;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting[]>();
  #unfollow: (() => void) | undefined;

  constructor(locks: LockManager, clock: Clock) {
    this.#clock = clock;
    this.#locks = new WebLocks(locks, clock);
    this.#fence = new Fence(locks, clock);
  }

  /** Runs a step when its turn comes. Rejects with the error of the step, or if the lock cannot be held. */
  join(item: string, storage: Pick<Storage, 'getItem'>, step: Waiting['step']): Promise<void> {
    this.#unfollow ??= followPage({
      leave: (isFrozen) => {
        this.#locks.sleep(isFrozen);
        this.#fence.lower();
      },
      comeBack: () => this.#locks.wake(),
    });
    return new Promise((resolve, reject) => {
      const line = this.#waiting.get(item);
      if (line !== undefined) {
        line.push({ step, resolve, reject });
        return;
      }
      this.#waiting.set(item, [{ step, resolve, reject }]);
      this.#serve(item, () => numberOf(storage.getItem(item)));
    });
  }

  /** Stops following the page. Fences are held as long as others need them. It may be used again. */
  close(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#locks.close();
  }

  /**
   * Runs the steps of an item until none waits. Their promises settle after the lock is released, because others wait
   * for it.
   */
  async #serve(item: string, here: () => number): Promise<void> {
    const line = this.#waiting.get(item) as Waiting[];
    const name = lockNameOf(item);
    while (line.length > 0) {
      const outcomes: (() => void)[] = [];
      try {
        await this.#locks.hold(`sluice ${name}`, (hold) => this.#pass(name, here, line, hold, outcomes));
      } catch (error) {
        for (const { reject } of line.splice(0)) reject(error);
      }
      for (const tell of outcomes) tell();
    }
    this.#waiting.delete(item);
  }

  async #pass(name: string, here: () => number, line: Waiting[], hold: Hold, outcomes: (() => void)[]): Promise<void> {
    const askedAt = this.#clock.monotonic();
    let latest = await this.#fence.pass(name, here, () => hold.isLost);
    // An old answer may be wrong now. The browser reports a stolen lock before it answers the next question.
    if (hold.isLost || this.#clock.monotonic() - askedAt > freshness) return;
    let written: number | undefined;
    for (const { step, resolve, reject } of line.splice(0)) {
      try {
        written = step(latest) ?? written;
        latest = Math.max(latest, written ?? 0);
        outcomes.push(resolve);
      } catch (error) {
        outcomes.push(() => reject(error));
      }
    }
    if (written !== undefined) this.#fence.raise(name, written);
    hold.isDone = true;
  }
}
