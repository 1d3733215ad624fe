import type { Clock } from './clock.ts';

/**
 * Where the timers of a clock come from: `'plain'` are those of the platform itself. In a hidden page, where these come once a
 * second and later once a minute, they come from a `'worker'` of the page at full rate or, where it may have none, by a `'hop'`:
 * they are set from a task that no timer started, which browsers slow down least.
 */
export type TimerSource = 'plain' | 'worker' | 'hop';

/** The part of a clock that waits. */
export type Timers = Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout' | 'timerSource'>;

/** The longest delay a platform timer takes, in ms; a longer one fires at once in browsers and in Node. */
const longestDelay = 2 ** 31 - 1;

/**
 * The delay for a platform timer, in ms. Platforms cut off fractions, which makes a timer early. One that is too long for a
 * platform timer becomes shorter: who waits looks at the clock again and sets another timer for the rest.
 */
export const platformDelay = (ms: number): number => Math.min(Math.ceil(Math.max(0, ms)), longestDelay);

interface Timer {
  readonly id: number;
  /** When it is due, on the monotonic clock. */
  readonly at: number;
  readonly callback: () => void;
  /** The plain timer that is set for it; undefined if none is. */
  plain: unknown;
}

/** A worker that was not used for so long is ended, in ms. */
const workerRests = 10_000;

/** What the worker says when it is ready; otherwise it tells which timer is due. */
const ready = -1;

/** The whole worker: it takes [id, delay] in place of what it has for that id; no delay takes the timer back. */
const program = `const timers = {};
onmessage = ({ data: [id, ms] }) => {
  clearTimeout(timers[id]);
  delete timers[id];
  if (ms >= 0) timers[id] = setTimeout(() => { delete timers[id]; postMessage(id); }, ms);
};
postMessage(${ready});`;

/**
 * The timers of a page. Each is a plain timer. While the page is hidden, a worker has each of them as well and the earlier one
 * counts, so that a worker that does not start, does not answer or dies costs no more than its help. Never early.
 */
export class PageTimers implements Timers {
  readonly #page: Document;
  readonly #window: Window & typeof globalThis;
  readonly #plain: Timers;
  readonly #timers = new Map<number, Timer>();
  #nextId = 0;
  /** The timers that are set as soon as the hop that is on its way arrives. */
  #hopping: Timer[] = [];
  #worker: Worker | undefined;
  #url: string | undefined;
  /** The plain timer that looks after the worker. */
  #tending: unknown;
  /** Whether the worker has answered. */
  #isReady = false;
  /** Whether the worker had something to do since it was last looked after. */
  #isUsed = false;
  /** Whether the page may have no worker. */
  #isForbidden = false;
  /** Whether the page is in the back-forward cache, or on its way there or out of the world. */
  #isAway = false;

  /**
   * @param window the window of the page, whose workers, channels and URLs it uses
   * @param plain the platform's own timers
   */
  constructor(page: Document, window: Window & typeof globalThis, plain: Timers) {
    this.#page = page;
    this.#window = window;
    this.#plain = plain;
    for (const event of ['visibilitychange', 'resume']) page.addEventListener(event, this.#look);
    for (const event of ['pagehide', 'pageshow']) window.addEventListener(event, this.#look);
  }

  get timerSource(): TimerSource {
    if (!this.#page.hidden) return 'plain';
    return this.#isReady ? 'worker' : 'hop';
  }

  monotonic(): number {
    return this.#plain.monotonic();
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { id: this.#nextId++, at: this.monotonic() + Math.max(0, ms), callback, plain: undefined };
    this.#timers.set(timer.id, timer);
    this.#startWorker();
    this.#set(timer);
    return timer.id;
  }

  clearTimeout(handle: unknown): void {
    const timer = this.#timers.get(handle as number);
    if (timer !== undefined) this.#forget(timer);
  }

  /** Sets the timer for what is left of it, in place of what is set already. */
  #set(timer: Timer, isOwnTask = false): void {
    this.#unset(timer);
    if (isOwnTask || !this.#page.hidden) this.#setPlain(timer);
    else this.#hop(timer);
    this.#tellWorker(timer, platformDelay(timer.at - this.monotonic()));
  }

  #setPlain(timer: Timer): void {
    timer.plain = this.#plain.setTimeout(() => this.#wake(timer), timer.at - this.monotonic());
  }

  #unset(timer: Timer): void {
    if (timer.plain === undefined) return;
    this.#plain.clearTimeout(timer.plain);
    timer.plain = undefined;
  }

  #forget(timer: Timer): void {
    this.#timers.delete(timer.id);
    this.#unset(timer);
    this.#tellWorker(timer);
  }

  #wake(timer: Timer): void {
    if (this.monotonic() < timer.at) {
      this.#set(timer);
      return;
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
    if (this.#hopping.push(timer) > 1) return;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      const arrived = this.#hopping;
      this.#hopping = [];
      for (const one of arrived) if (one.plain === undefined && this.#timers.has(one.id)) this.#setPlain(one);
    };
    port2.postMessage(undefined);
  }

  /** Looks at the page and at the clock: what has come due meanwhile comes at once, each timer as a task of its own. */
  readonly #look = ({ type }: Event): void => {
    this.#isAway = type === 'pagehide' || (this.#isAway && type !== 'pageshow');
    if (this.#isAway || !this.#page.hidden) this.#endWorker();
    else if (this.#timers.size > 0) this.#startWorker();
    for (const timer of this.#timers.values()) this.#set(timer, true);
  };

  #tellWorker({ id }: Timer, ms?: number): void {
    if (!this.#isReady) return;
    this.#isUsed = true;
    this.#worker?.postMessage([id, ms]);
  }

  #startWorker(): void {
    if (this.#worker !== undefined || this.#isForbidden || this.#isAway || !this.#page.hidden) return;
    const { Blob, URL, Worker } = this.#window;
    try {
      this.#url = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
      const worker = new Worker(this.#url);
      this.#worker = worker;
      worker.onmessage = ({ data }) => this.#hear(worker, data);
      // A content security policy that forbids the worker shows here, not where the worker is made.
      worker.onerror = (event) => {
        event.preventDefault();
        if (worker === this.#worker) this.#forbidWorker();
      };
      this.#tendWorker();
    } catch {
      this.#forbidWorker();
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

  /** Ends the worker once nobody has waited for a while. */
  #tendWorker(): void {
    this.#tending = this.#plain.setTimeout(() => {
      if (this.#timers.size === 0 && !this.#isUsed) this.#endWorker();
      else this.#tendWorker();
      this.#isUsed = false;
    }, workerRests);
  }

  #forbidWorker(): void {
    this.#isForbidden = true;
    this.#endWorker();
  }

  #endWorker(): void {
    this.#plain.clearTimeout(this.#tending);
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#isReady = false;
    if (this.#url !== undefined) this.#window.URL.revokeObjectURL(this.#url);
    this.#url = undefined;
  }
}
