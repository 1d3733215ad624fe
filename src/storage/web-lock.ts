import { shown } from '../core/base/errors.ts';
import { Deadlines } from '../core/sharing/deadlines.ts';
import type { Clock } from '../core/time/clock.ts';

/** A Web Lock while it is held. */
export interface Hold {
  /** Whether others may hold the lock by now: it was stolen, held for too long, or the page went to sleep. */
  readonly isLost: boolean;
  /** Whether what it was held for is done, so that it need not be held again. */
  isDone: boolean;
}

/** How often it is looked at a request that waits and at a lock that is held, in ms. */
const lookEvery = 100;
/** After so many looks it is given up: a second. */
const mostLooks = 10;
/** How long it is tried altogether, in ms: less than a throttle's patience with its store. */
const patience = 4_000;
/** The lock that all frozen pages hold, each its own share. */
const frozen = 'sluice-frozen';

/** Who holds a lock. */
interface Holder {
  readonly clientId: string | undefined;
  readonly isFrozen: boolean;
}

/** What one try came to. */
interface Attempt {
  readonly hold: Hold;
  /** Why the lock was not held to the end, if it was not. */
  readonly error?: unknown;
  readonly wasGranted: boolean;
}

/**
 * Web Locks that no page can keep from the others. A request that waits for a second is given up and made anew, since some
 * browsers leave the requests behind a cached page waiting until one of them is given up. Who is seen to hold a lock for another
 * second is robbed of it: it hangs. Our own are let go after a second, and when told.
 *
 * A lock that is granted to a page in the very moment in which it freezes cannot be let go. So the last thing that a page does is
 * to ask for one more, which it holds until it runs again. Whoever waits and looks sees by it that the holder is frozen, and robs it.
 */
export class WebLocks {
  readonly #locks: LockManager;
  readonly #clock: Clock;
  readonly #looks: Deadlines;
  readonly #letGo = new Set<() => void>();
  /** Resolves when nothing that others see of our sleep is left; undefined while we are awake. */
  #awake: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(locks: LockManager, clock: Clock) {
    this.#locks = locks;
    this.#clock = clock;
    this.#looks = new Deadlines(clock, lookEvery);
  }

  /**
   * Runs `section` while nobody else holds the lock `name`, again and again until it is done. `section` must look at `isLost` after
   * each await and do nothing of consequence once it is true.
   * @throws Error if it is not done within 4 seconds; whatever `section` or the browser throws
   */
  async hold(name: string, section: (hold: Hold) => Promise<void>): Promise<void> {
    let until = this.#clock.monotonic() + patience;
    let seen: Holder | undefined;
    let isStuck = false;
    while (this.#clock.monotonic() < until) {
      while (this.#awake !== undefined) {
        await this.#awake;
        isStuck = false;
        until = this.#clock.monotonic() + patience;
      }
      const robbed: Attempt | undefined = isStuck ? await this.#rob(name, seen as Holder, section) : undefined;
      const { hold, error, wasGranted }: Attempt = robbed ?? (await this.#try(name, section));
      if (hold.isDone) return;
      if (error !== undefined && !hold.isLost) throw error;
      const holder: Holder | undefined = wasGranted ? undefined : await this.#holderOf(name);
      isStuck = holder !== undefined && (holder.isFrozen || (seen !== undefined && holder.clientId === seen.clientId));
      seen = holder;
    }
    throw new Error(`The Web Lock ${shown(name)} could not be held within ${patience} ms.`);
  }

  /**
   * Gives up every request and every lock that is held, and asks for none until it is told to wake.
   * @param isFrozen whether the page stands still from now on, which others may know
   */
  sleep(isFrozen: boolean): void {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    for (const letGo of this.#letGo) letGo();
    // Granted while the page stands still. What comes after is asked for only when it is let go, lest we be robbed of that.
    const told = isFrozen ? this.#locks.request(frozen, { mode: 'shared' }, () => woken).catch(() => woken) : woken;
    const awake = told.then(() => {
      if (this.#awake === awake) this.#awake = undefined;
    });
    this.#awake = awake;
  }

  /** Goes on with what was given up. */
  wake(): void {
    this.#wake();
  }

  /** Takes back what timer is left. It may be used again. */
  close(): void {
    this.wake();
    this.#looks.close();
  }

  /**
   * Asks for the lock once.
   * @param granted called when it is held; given, the lock is taken away from whoever holds it
   */
  async #try(name: string, section: (hold: Hold) => Promise<void>, granted?: () => void): Promise<Attempt> {
    const hold = { isLost: false, isDone: false };
    const controller = new AbortController();
    let isWaiting = true;
    let wasGranted = false;
    let release = () => {};
    const letGo = () => {
      hold.isLost = true;
      controller.abort();
      release();
    };
    let looks = 0;
    const look = async () => {
      if (++looks === mostLooks) {
        letGo();
        return;
      }
      endLook = this.#looks.set(look);
      const holder = isWaiting ? await this.#holderOf(name).catch(() => undefined) : undefined;
      if (isWaiting && holder?.isFrozen) letGo();
    };
    let endLook = this.#looks.set(look);
    this.#letGo.add(letGo);
    const held = (): Promise<void> | undefined => {
      isWaiting = false;
      wasGranted = true;
      granted?.();
      if (hold.isLost) return undefined;
      looks = 0;
      return new Promise((resolve, reject) => {
        release = resolve;
        section(hold).then(resolve, reject);
      });
    };
    try {
      // A request that steals is not one that can be given up.
      await this.#locks.request(name, granted === undefined ? { signal: controller.signal } : { steal: true }, held);
      return { hold, wasGranted };
    } catch (error) {
      if (isAbort(error)) hold.isLost = true;
      return { hold, error, wasGranted };
    } finally {
      isWaiting = false;
      endLook();
      this.#letGo.delete(letGo);
    }
  }

  /** Takes the lock away from a holder that is frozen, or had it a second ago already. One tab at a time may do so. */
  async #rob(
    name: string,
    { clientId, isFrozen }: Holder,
    section: (hold: Hold) => Promise<void>,
  ): Promise<Attempt | undefined> {
    let attempt: Promise<Attempt> | undefined;
    const robbers = `${name} robbed`;
    // Who froze as a robber is robbed of that.
    const options = (await this.#holderOf(robbers))?.isFrozen ? { steal: true } : { ifAvailable: true };
    const robbed = this.#locks.request(robbers, options, async (lock) => {
      if (lock === null) return;
      const now = await this.#holderOf(name);
      if (now?.clientId !== clientId || now?.isFrozen !== isFrozen) return;
      await new Promise<void>((resolve) => {
        attempt = this.#try(name, section, resolve);
        attempt.then(() => resolve());
      });
    });
    await robbed.catch((error) => {
      if (!isAbort(error)) throw error;
    });
    return attempt;
  }

  async #holderOf(name: string): Promise<Holder | undefined> {
    const { held = [] } = await this.#locks.query();
    const holder = held.find((lock) => lock.name === name);
    if (holder === undefined) return undefined;
    const { clientId } = holder;
    return { clientId, isFrozen: held.some((lock) => lock.name === frozen && lock.clientId === clientId) };
  }
}

/** Whether a request ended because it was given up, or because its lock was stolen. */
function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'AbortError';
}
