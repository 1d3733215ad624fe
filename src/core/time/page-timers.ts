import type { Clock } from './clock.ts';

/**
 * Where the timers of a clock come from: `'plain'` are those of the platform itself. In a hidden page those fire once a
 * second and later once a minute, so they come from a `'worker'` of the page, on time. If the page may have no worker,
 * or the worker is silent, they are waits on `'atomics'`, also on time except in Firefox, which slows these down.
 * Otherwise they are a `'hop'`: set from a task that no timer started, which keeps them at one a second. The value is
 * that of the latest timers.
 */
export type TimerSource = 'plain' | 'worker' | 'atomics' | 'hop';

/** The timers of a clock. */
export type Timers = Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout' | 'timerSource'>;

/** The longest delay a platform timer takes, in ms; a longer one fires at once in browsers and in Node. */
const longestDelay = 2 ** 31 - 1;

/**
 * The delay for a platform timer, in ms. Platforms cut off fractions, which makes a timer early. A delay that is too
 * long for a platform timer is cut: the caller checks the clock again and sets another timer for the rest.
 */
export const platformDelay = (ms: number): number => Math.min(Math.ceil(Math.max(0, ms)), longestDelay);

interface Timer {
  readonly id: number;
  /** When it is due, on the monotonic clock. */
  readonly at: number;
  readonly callback: () => void;
  /** The plain timer that is set for it; undefined if there is none. */
  plain: unknown;
  /** The wait on the cell that counts for it, if one was started. */
  nap: object | undefined;
}

/** The part of ES2024 that is needed here. */
interface WaitingAtomics {
  waitAsync(cell: Int32Array, index: number, value: number, ms: number): { readonly value: unknown };
}

/** How often to check whether the worker is still needed, in ms. */
const tendingTime = 10_000;

/** The longest wait on the cell, in ms. It cannot be canceled, so it must not hold its timer for long. */
const longestNap = 10_000;

/** If a timer of a hidden page is later than this, in ms, it was slowed down, or the page was busy. */
const tooLate = 100;

/** The worker's message when it is ready; its other messages are ids of timers that are due. */
const ready = -1;

/** The whole worker: it takes [id, delay] and replaces the timer of that id; without a delay it cancels it. */
const program = `const t={};onmessage=({data:[i,ms]})=>{clearTimeout(t[i]);delete t[i];
if(ms>=0)t[i]=setTimeout(()=>{delete t[i];postMessage(i)},ms)};postMessage(${ready})`;

/**
 * The timers of a page. Each is a plain timer. While the page is hidden, a worker or a cell of memory has each of them
 * too, and the earlier one counts. So a worker that does not start, does not answer or dies costs only its help. Never
 * early.
 */
export class PageTimers implements Timers {
  readonly #page: Document;
  readonly #window: Window & typeof globalThis;
  readonly #plain: Timers;
  readonly #timers = new Map<number, Timer>();
  #nextId = 0;
  /** Undefined while it is not needed, null if the page may not have one. */
  #worker: Worker | null | undefined;
  #url: string | undefined;
  /** The plain timer that checks whether the worker is needed. */
  #tending: unknown;
  /** Whether the worker has answered. */
  #isReady = false;
  /** Memory that never changes, to wait on; undefined until it is tried, null if the page may not have it. */
  #cell: Int32Array | null | undefined;
  /**
   * How many timers were late while the page was hidden, each counting half as much as the one after it. This decides
   * what wakes timers. A timer from the worker is never counted as late, because a busy page is not the worker's fault.
   */
  #late = 0;
  /** Whether the page is frozen, in the back-forward cache, or about to be cached or closed. */
  #isAway = false;

  /**
   * @param window the window of the page, whose workers, channels and URLs it uses
   * @param plain the platform's own timers
   */
  constructor(page: Document, window: Window & typeof globalThis, plain: Timers) {
    this.#page = page;
    this.#window = window;
    this.#plain = plain;
    const look = (event: Event) => this.#look(event);
    for (const event of ['visibilitychange', 'freeze', 'resume']) page.addEventListener(event, look);
    for (const event of ['pagehide', 'pageshow']) window.addEventListener(event, look);
  }

  get timerSource(): TimerSource {
    if (!this.#page.hidden) return 'plain';
    if (this.#isReady) return 'worker';
    return this.#cell && this.#late < 0.2 ? 'atomics' : 'hop';
  }

  monotonic(): number {
    return this.#plain.monotonic();
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = {
      id: this.#nextId++,
      at: this.monotonic() + Math.max(0, ms),
      callback,
      plain: undefined,
      nap: undefined,
    };
    this.#timers.set(timer.id, timer);
    this.#startWorker();
    this.#set(timer);
    return timer.id;
  }

  clearTimeout(handle: unknown): void {
    const timer = this.#timers.get(handle as number);
    if (timer !== undefined) this.#forget(timer);
  }

  /** Sets the timer for the rest of its time, in place of the current one. */
  #set(timer: Timer, isOwnTask = false): void {
    this.#unset(timer);
    if (isOwnTask || !this.#page.hidden) this.#setPlain(timer);
    else this.#hop(timer);
    const delay = platformDelay(timer.at - this.monotonic());
    this.#tellWorker(timer, delay);
    if (this.#page.hidden && !this.#isReady) this.#nap(timer, delay);
  }

  #setPlain(timer: Timer): void {
    timer.plain = this.#plain.setTimeout(() => this.#wake(timer, tooLate), timer.at - this.monotonic());
  }

  #unset(timer: Timer): void {
    this.#plain.clearTimeout(timer.plain);
    timer.plain = undefined;
  }

  #forget(timer: Timer): void {
    this.#timers.delete(timer.id);
    this.#unset(timer);
    this.#tellWorker(timer);
  }

  /** Calls a timer that is due. `limit` is how late it may be, in ms, if that judges what wakes the page. */
  #wake(timer: Timer, limit = Infinity): void {
    if (!this.#timers.has(timer.id)) return;
    const late = this.monotonic() - timer.at;
    if (late < 0) {
      this.#set(timer);
      return;
    }
    this.#late = this.#late / 2 + Number(this.#page.hidden && late > limit);
    // Three in a row without the worker.
    if (this.#isReady && this.#late > 1.7) {
      this.#endWorker();
      this.#worker = null;
    }
    this.#forget(timer);
    timer.callback();
  }

  /** Sets the plain timer from a task of its own: browsers slow down what timers set in a hidden page. */
  #hop(timer: Timer): void {
    const { MessageChannel } = this.#window;
    if (MessageChannel === undefined) {
      this.#setPlain(timer);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      if (timer.plain === undefined && this.#timers.has(timer.id)) this.#setPlain(timer);
    };
    port2.postMessage(undefined);
  }

  /**
   * Waits on a cell that never changes. Chromium does not slow this down in a hidden page, nor stop it in a frozen one;
   * Firefox slows it down like timers.
   */
  #nap(timer: Timer, ms: number): void {
    if (this.#cell === null || this.#isAway) return;
    try {
      // This memory is available even if the page may not create a SharedArrayBuffer.
      this.#cell ??= new Int32Array(
        new this.#window.WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer,
      );
      const nap = {};
      timer.nap = nap;
      const { value } = (this.#window.Atomics as unknown as WaitingAtomics).waitAsync(
        this.#cell,
        0,
        0,
        Math.min(ms, longestNap),
      );
      void Promise.resolve(value).then(() => timer.nap === nap && !this.#isAway && this.#wake(timer, tooLate));
    } catch {
      this.#cell = null;
    }
  }

  /** Checks the page and the clock: timers that became due in the meantime fire at once. */
  #look({ type }: Event): void {
    if (type !== 'visibilitychange') this.#isAway = type === 'pagehide' || type === 'freeze';
    if (this.#isAway || !this.#page.hidden) this.#endWorker();
    if (this.#isAway) return;
    if (this.#timers.size > 0) this.#startWorker();
    const now = this.monotonic();
    for (const timer of this.#timers.values()) {
      // Each in its own task, so that one that throws does not stop the others.
      if (timer.at <= now) queueMicrotask(() => this.#wake(timer));
      else this.#set(timer, true);
    }
  }

  #tellWorker({ id }: Timer, ms?: number): void {
    if (this.#isReady) this.#worker?.postMessage([id, ms]);
  }

  #startWorker(): void {
    if (this.#worker !== undefined || this.#isAway || !this.#page.hidden) return;
    const { Blob, URL, Worker } = this.#window;
    try {
      this.#url ??= URL.createObjectURL(new Blob([program]));
      const worker = new Worker(this.#url);
      this.#worker = worker;
      worker.onmessage = ({ data }) => this.#hear(worker, data);
      // A content security policy that forbids the worker shows here, not when the worker is created.
      worker.onerror = () => {
        this.#endWorker();
        this.#worker = null;
      };
      this.#tendWorker();
    } catch {
      this.#worker = null;
    }
  }

  #hear(worker: Worker, id: number): void {
    if (worker !== this.#worker) return;
    const timer = this.#timers.get(id);
    if (timer !== undefined) this.#wake(timer);
    if (id !== ready) return;
    this.#isReady = true;
    for (const one of this.#timers.values()) this.#tellWorker(one, platformDelay(one.at - this.monotonic()));
  }

  /**
   * Ends the worker when no call waits. This is checked only now and then, because starting one takes longer than most
   * pauses.
   */
  #tendWorker(): void {
    this.#tending = this.#plain.setTimeout(() => {
      if (this.#timers.size === 0) this.#endWorker();
      else this.#tendWorker();
    }, tendingTime);
  }

  #endWorker(): void {
    if (!this.#worker) return;
    this.#plain.clearTimeout(this.#tending);
    this.#worker.terminate();
    this.#worker = undefined;
    this.#isReady = false;
  }
}
