import type { Clock } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { PageTimers, platformDelay, type Timers } from '../../../src/core/time/page-timers.ts';

/** What the page does when a worker is made. */
export type WorkerManner = 'works' | 'starts slowly' | 'forbidden' | 'throws' | 'missing' | 'never answers' | 'dies';

interface PlainTimer {
  readonly due: number;
  readonly nesting: number;
  readonly callback: () => void;
  at: unknown;
}

const second = 1000;
const minute = 60_000;
/** How long a page is hidden before its timers come once a minute, in ms. */
const grace = 5 * minute;

/** How long a worker takes to start, in ms, and one that starts slowly. */
export const boot = 15;
export const slowBoot = 5_000;

/**
 * A page under virtual time, with a window that makes workers and channels. Its plain timers are as Chromium's: cut to whole
 * ms; once a second while it is hidden, and after 5 minutes once a minute if they were set by timers again and again.
 * The program of a worker is really run.
 */
export class FakePage {
  readonly clock: ManualClock;
  readonly document = Object.assign(new EventTarget(), { hidden: false });
  readonly window: EventTarget & Record<string, unknown>;
  readonly timers: PageTimers;
  readonly urls = new Map<string, string>();
  readonly plain: Timers;
  manner: WorkerManner = 'works';
  /** Whether the page may wait on memory. */
  hasMemory = false;
  /** Whether these waits are slowed down as timers are, as in Firefox. */
  isMemorySlow = false;
  /** How long a plain timer takes that is set for `ms`. */
  delay: (ms: number) => number = Math.floor;
  workersMade = 0;
  workersAlive = 0;
  /** Messages that were sent to workers. */
  messages = 0;
  channels = 0;
  /** How often memory was asked for, and waits on it that were started. */
  memories = 0;
  naps = 0;
  #plainTimers = new Set<PlainTimer>();
  #hiddenSince = Infinity;
  #isFrozen = false;
  #isBusy = false;
  #held: (() => void)[] = [];
  /** How many timers in a row led to the task that runs. */
  #nesting = 0;

  constructor(clock: ManualClock = new ManualClock()) {
    this.clock = clock;
    this.window = Object.assign(new EventTarget(), this.#globals());
    Object.defineProperty(this.window, 'WebAssembly', {
      get: () => {
        this.memories++;
        return this.hasMemory ? WebAssembly : undefined;
      },
    });
    Object.defineProperty(this.window, 'Worker', { get: () => this.#workerClass() });
    this.plain = {
      timerSource: 'plain',
      monotonic: () => this.clock.monotonic(),
      setTimeout: (callback, ms) => this.#setPlain(callback, this.delay(platformDelay(ms))),
      clearTimeout: (handle) => this.#clearPlain(handle as PlainTimer | undefined),
    };
    this.timers = new PageTimers(this.document as never, this.window as never, this.plain);
  }

  /** Plain timers that are set. */
  get plainTimers(): number {
    return this.#plainTimers.size;
  }

  /** The clock that code of this page sees. */
  get systemClock(): Clock {
    const { clock, timers } = this;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimeout: (callback, ms) => timers.setTimeout(callback, ms),
      clearTimeout: (handle) => timers.clearTimeout(handle),
      get timerSource() {
        return timers.timerSource;
      },
    };
  }

  /** Resolves with `value` when the page hears of it: in `ms`, or later if it is frozen then. */
  hears<T>(value: T, ms: number): Promise<T> {
    return new Promise((resolve) => void this.clock.setTimeout(() => this.#task(() => resolve(value)), ms));
  }

  setHidden(hidden: boolean): void {
    this.document.hidden = hidden;
    this.#hiddenSince = hidden ? this.clock.monotonic() : Infinity;
    for (const timer of this.#plainTimers) this.#schedule(timer);
    this.say('visibilitychange');
  }

  /** Nothing of the page runs any more, its workers included, until it is resumed. */
  freeze(): void {
    this.say('freeze');
    this.#isFrozen = true;
  }

  /** What came due meanwhile comes at once, after the event. */
  resume(): void {
    this.#isFrozen = false;
    this.say('resume');
    this.#release();
  }

  /** A long task: what comes due has to wait until it is over. */
  block(): void {
    this.#isBusy = true;
    this.#isFrozen = true;
  }

  unblock(): void {
    this.#isBusy = false;
    this.#isFrozen = false;
    this.#release();
  }

  /** Sends one of the events of a page's life, as a task that no timer started. */
  say(type: string): void {
    this.#nesting = 0;
    const target = type.startsWith('page') ? this.window : this.document;
    target.dispatchEvent(new Event(type));
  }

  #release(): void {
    for (const task of this.#held.splice(0)) this.clock.setTimeout(task, 0);
  }

  #task(callback: () => void, nesting = 0): void {
    if (this.#isFrozen) {
      this.#held.push(() => this.#task(callback, nesting));
      return;
    }
    // It stays until the next task: promises go on where they were settled.
    this.#nesting = nesting;
    callback();
  }

  #setPlain(callback: () => void, ms: number): PlainTimer {
    const due = this.clock.monotonic() + ms;
    const timer = { due, nesting: this.#nesting + 1, callback, at: undefined };
    this.#plainTimers.add(timer);
    this.#schedule(timer);
    return timer;
  }

  #schedule(timer: PlainTimer): void {
    this.clock.clearTimeout(timer.at);
    const now = this.clock.monotonic();
    const fire = () => {
      if (this.#plainTimers.delete(timer)) timer.callback();
    };
    timer.at = this.clock.setTimeout(() => this.#task(fire, timer.nesting), this.#aligned(timer) - now);
  }

  #aligned({ due, nesting }: PlainTimer): number {
    if (!this.document.hidden) return due;
    const step = nesting >= 5 && due > this.#hiddenSince + grace ? minute : second;
    return Math.ceil(due / step) * step;
  }

  #clearPlain(timer: PlainTimer | undefined): void {
    if (timer === undefined || !this.#plainTimers.delete(timer)) return;
    this.clock.clearTimeout(timer.at);
  }

  #globals(): Record<string, unknown> {
    const page = this;
    return {
      Blob: class {
        readonly text: string;
        constructor(parts: readonly string[]) {
          this.text = parts.join('');
        }
      },
      // Not even a frozen page stops this.
      Atomics: {
        waitAsync: (cell: Int32Array, index: number, value: number, ms: number) => {
          if (!(cell.buffer instanceof SharedArrayBuffer)) throw new TypeError('The memory is not shared.');
          if (cell[index] !== value) return { value: 'not-equal' };
          page.naps++;
          return {
            value: new Promise<void>((resolve) => {
              const due = page.clock.monotonic() + ms;
              const at = page.isMemorySlow && page.document.hidden ? Math.ceil(due / second) * second : due;
              const tell = () => (page.#isBusy ? page.#task(resolve) : resolve());
              page.clock.setTimeout(tell, at - page.clock.monotonic());
            }),
          };
        },
      },
      URL: {
        createObjectURL: ({ text }: { text: string }) => {
          const url = `blob:${page.workersMade}`;
          page.urls.set(url, text);
          return url;
        },
        revokeObjectURL: (url: string) => page.urls.delete(url),
      },
      MessageChannel: class {
        readonly port1: { onmessage?: () => void; close(): void };
        readonly port2 = {
          postMessage: () => page.clock.setTimeout(() => page.#task(() => this.port1.onmessage?.()), 0),
        };
        constructor() {
          page.channels++;
          this.port1 = { close: () => page.channels-- };
        }
      },
    };
  }

  #workerClass() {
    const page = this;
    if (page.manner === 'missing') return undefined;
    return class {
      onmessage: ((event: { data: unknown }) => void) | undefined;
      onerror: ((event: Event) => void) | undefined;
      #scope: { onmessage: (event: { data: unknown }) => void } | undefined;
      #isAlive = true;

      constructor(url: string) {
        page.workersMade++;
        if (page.manner === 'throws') throw new DOMException('Not here.', 'SecurityError');
        const program = page.urls.get(url);
        if (program === undefined) throw new Error(`${url} leads nowhere.`);
        page.workersAlive++;
        if (page.manner === 'forbidden') this.#later(() => this.onerror?.(new Event('error', { cancelable: true })), 1);
        else if (page.manner !== 'never answers')
          this.#later(() => this.#run(program), page.manner === 'starts slowly' ? slowBoot : boot);
      }

      postMessage(data: unknown): void {
        page.messages++;
        if (page.manner !== 'dies') this.#later(() => this.#scope?.onmessage({ data }));
      }

      terminate(): void {
        if (this.#isAlive) page.workersAlive--;
        this.#isAlive = false;
      }

      #later(task: () => void, ms = 0): unknown {
        return page.clock.setTimeout(() => page.#task(() => this.#isAlive && task()), ms);
      }

      #run(program: string): void {
        this.#scope = {
          onmessage: () => {},
          // A message underway still arrives after the worker has ended.
          postMessage: (data: unknown) => page.clock.setTimeout(() => page.#task(() => this.onmessage?.({ data })), 0),
          setTimeout: (callback: () => void, ms: number) => this.#later(callback, Math.floor(ms) + 0.2),
          clearTimeout: (handle: unknown) => page.clock.clearTimeout(handle),
        } as never;
        new Function('scope', `with (scope) { ${program} }`)(this.#scope);
      }
    };
  }
}

/** Sets one timer after another, each `ms` after the last came. Returns when they came. */
export function chain({ clock }: FakePage, timers: Timers, ms: number): number[] {
  const came: number[] = [];
  const set = () =>
    timers.setTimeout(() => {
      came.push(clock.monotonic());
      set();
    }, ms);
  set();
  return came;
}

/** The longest gap between two of these instants that lie after `from`. */
export const longestGap = (instants: readonly number[], from = 0): number =>
  Math.max(...instants.map((at, index) => (at < from ? 0 : at - (instants[index - 1] ?? from))));
