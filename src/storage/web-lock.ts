import { shown } from '../core/base/errors.ts';
import { Deadlines } from '../core/sharing/deadlines.ts';
import type { Clock } from '../core/time/clock.ts';

/** A Web Lock while it is held. */
export interface Hold {
  /** Whether others may hold the lock now: it was stolen, held for too long, or the page was frozen. */
  readonly isLost: boolean;
  /** Whether the work under the lock is done, so that it need not be held again. */
  isDone: boolean;
}

/** How often a waiting request and a held lock are checked, in ms. */
const lookEvery = 100;
/** After this number of checks, a second, it is given up. */
const mostLooks = 10;
/** How long to try in total, in ms: less than a throttle's time-out for its store. */
const patience = 4_000;
/** The lock that all frozen pages hold, in shared mode. */
const frozen = 'sluice-frozen';

/** The holder of a lock. */
interface Holder {
  readonly clientId: string | undefined;
  readonly isFrozen: boolean;
}

/** The result of one try. */
interface Attempt {
  readonly hold: Hold;
  /** Why the lock was lost before the end, if it was. */
  readonly error?: unknown;
  readonly wasGranted: boolean;
}

/**
 * Web Locks that no page can block for others. A request that waits for a second is aborted and repeated, because in
 * some browsers the requests behind a cached page wait until one of them is aborted. A page that holds a lock for
 * another second hangs, and the lock is stolen from it. Our own locks are released after a second, and on demand.
 *
 * A lock that is granted to a page at the very moment of freezing cannot be released. So the last thing that a page
 * does is to request one more lock, which it holds until it runs again. It shows waiting pages that the holder is
 * frozen, and they steal the lock.
 */
export class WebLocks {
  readonly #locks: LockManager;
  readonly #clock: Clock;
  readonly #looks: Deadlines;
  readonly #letGo = new Set<() => void>();
  /** Resolves when the lock that shows our sleep is released; undefined while we are awake. */
  #awake: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(locks: LockManager, clock: Clock) {
    this.#locks = locks;
    this.#clock = clock;
    this.#looks = new Deadlines(clock, lookEvery);
  }

  /**
   * Runs `section` while no other page holds the lock `name`, repeatedly until it is done. `section` must look at
   * `isLost` after each await and do nothing of consequence once it is true.
   * @throws Error if it is not done within 4 seconds; the errors of `section` and of the browser
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
   * Aborts every request and releases every held lock, and requests none until it is told to wake.
   * @param isFrozen whether the page is frozen from now on, which others may see
   */
  sleep(isFrozen: boolean): void {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    for (const letGo of this.#letGo) letGo();
    // Granted while the page is frozen. Later locks are requested only after its release, so that they are not stolen.
    const told = isFrozen ? this.#locks.request(frozen, { mode: 'shared' }, () => woken).catch(() => woken) : woken;
    const awake = told.then(() => {
      if (this.#awake === awake) this.#awake = undefined;
    });
    this.#awake = awake;
  }

  /** Repeats the requests that were aborted. */
  wake(): void {
    this.#wake();
  }

  /** Clears the timer that is left. It may be used again. */
  close(): void {
    this.wake();
    this.#looks.close();
  }

  /**
   * Requests the lock once.
   * @param granted called when it is held; if given, the lock is stolen from its holder
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
      // A request that steals cannot be aborted.
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

  /** Steals the lock from a holder that is frozen, or already had it a second ago. One tab at a time may do so. */
  async #rob(
    name: string,
    { clientId, isFrozen }: Holder,
    section: (hold: Hold) => Promise<void>,
  ): Promise<Attempt | undefined> {
    let attempt: Promise<Attempt> | undefined;
    const robbers = `${name} robbed`;
    // If a tab froze while stealing, its right to steal is stolen.
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

/** Whether a request ended because it was aborted, or because its lock was stolen. */
function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'AbortError';
}
