import type { Clock } from '../core/time/clock.ts';
import { isWriteNumber } from './envelope.ts';

/** How long to wait for a fence, in ms: the longest measured time of a write to reach another process is 19. */
const longestWait = 250;
/** How long a fence is held, in ms: until its write has almost certainly reached all processes. */
const longestStand = 1_000;
const shortestStand = 100;

interface Post {
  readonly number: number;
  readonly raisedAt: number;
  lower(): void;
}

/**
 * Shows the next holder of a lock which write it has to see. In all browsers, processes keep copies of localStorage
 * that are refreshed a little later than a lock is handed over. So before a writer releases its lock, it requests
 * another one whose name carries the number of its write. The next holder asks for the names of all locks, and reads
 * until it sees that write.
 * @see docs/storage.md
 */
export class Fence {
  readonly #locks: LockManager;
  readonly #clock: Clock;
  /** Our own, the oldest first. */
  readonly #posts = new Map<string, Post>();
  /** Numbers that never arrived: the writes were lost. */
  readonly #missed = new Map<string, number>();
  #timer: unknown;

  constructor(locks: LockManager, clock: Clock) {
    this.#locks = locks;
    this.#clock = clock;
  }

  /**
   * Waits until the latest write of an item is here, for a quarter of a second at most. Call it with the lock held.
   * @param here the number of the write that can be read now
   * @param isLost whether further waiting is useless
   * @returns the number of the latest write
   */
  async pass(item: string, here: () => number, isLost: () => boolean): Promise<number> {
    const number = await this.#latest(item);
    if (number <= Math.max(this.#posts.get(item)?.number ?? 0, this.#missed.get(item) ?? 0)) return number;
    if (here() >= number) return number;
    const until = this.#clock.monotonic() + longestWait;
    const turns = new Turns(this.#clock);
    try {
      while (here() < number && !isLost()) {
        if (this.#clock.monotonic() >= until) {
          this.#missed.set(item, number);
          break;
        }
        await turns.next();
      }
    } finally {
      turns.close();
    }
    return number;
  }

  /**
   * Announces the write of an item. No code has to wait for it: the browser handles requests and releases of a page in
   * order, so the next holder of a lock that is released after this finds the fence.
   */
  raise(item: string, number: number): void {
    this.#missed.delete(item);
    const request = this.#locks.request(nameOf(item, number), { mode: 'shared' }, () => {
      const before = this.#posts.get(item);
      const stand = new Promise<void>((lower) => this.#note(item, number, lower));
      before?.lower();
      return stand;
    });
    // Without a fence the write may be seen late; it is kept all the same.
    request.catch(() => {});
  }

  /** Releases fences that others no longer need, before the page stops. */
  lower(): void {
    this.#lowerOlder(shortestStand);
  }

  async #latest(item: string): Promise<number> {
    const { held = [] } = await this.#locks.query();
    return held.reduce((latest, { name = '' }) => Math.max(latest, numberIn(name, item)), 0);
  }

  #note(item: string, number: number, lower: () => void): void {
    this.#posts.delete(item);
    this.#posts.set(item, { number, raisedAt: this.#clock.monotonic(), lower });
    this.#lowerLater();
  }

  #lowerOlder(age: number): void {
    const raisedBy = this.#clock.monotonic() - age;
    for (const [item, post] of this.#posts) {
      if (post.raisedAt > raisedBy) return;
      post.lower();
      this.#posts.delete(item);
    }
  }

  #lowerLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#lowerOlder(longestStand);
      if (this.#posts.size > 0) this.#lowerLater();
    }, longestStand);
    // A fence must not keep a Node process open.
    (this.#timer as { unref?: () => void } | undefined)?.unref?.();
  }
}

const prefix = 'sluice written ';
const nameOf = (item: string, number: number): string => `${prefix}${number} ${item}`;

/** The number in the name of a fence; 0 if it is not one of this item. */
function numberIn(name: string, item: string): number {
  if (!name.startsWith(prefix) || !name.endsWith(` ${item}`)) return 0;
  const number = Number(name.slice(prefix.length, name.length - item.length - 1));
  return isWriteNumber(number) ? number : 0;
}

/** Turns of the event loop, which a hidden page gets at once. */
class Turns {
  readonly #clock: Clock;
  readonly #channel = typeof MessageChannel === 'function' ? new MessageChannel() : undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#channel === undefined) {
        this.#clock.setTimeout(resolve, 0);
        return;
      }
      this.#channel.port1.onmessage = () => resolve();
      this.#channel.port2.postMessage(undefined);
    });
  }

  close(): void {
    this.#channel?.port1.close();
  }
}
