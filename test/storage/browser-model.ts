import type { Clock } from 'sluice';
import type { ManualClock } from 'sluice/testing';

type Callback = (lock: Lock | null) => unknown;

interface Asked {
  readonly tab: Tab;
  readonly name: string;
  readonly mode: LockMode;
  readonly callback: Callback;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the page has given it up, or was told that it was robbed. */
  isOver: boolean;
}

interface Write {
  readonly order: number;
  readonly name: string;
  readonly text: string | null;
}

/**
 * A browser of several processes: its locks are in order, as the specification of Web Locks says, and messages to and from each
 * tab take their time; what one tab writes to localStorage reaches the others later still.
 * @see https://w3c.github.io/web-locks/
 */
export class Browser {
  readonly tabs: Tab[] = [];
  held: Asked[] = [];
  queue: Asked[] = [];
  /** Whether nobody is granted a lock until some request is given up, as Chromium does with those behind a cached page. */
  isStuck = false;
  writes = 0;
  /** How many characters localStorage holds at most, names and texts. */
  room = 5_242_880;
  /** How long a message takes at most, and a write on its way to another process, in ms. */
  readonly latency: { message: number; write: number };
  /** What was asked of the browser, by kind. */
  readonly asked = { request: 0, query: 0, steal: 0 };

  constructor(
    readonly clock: ManualClock,
    readonly random: () => number,
    latency: Partial<Browser['latency']> = {},
  ) {
    this.latency = { message: 0.5, write: 15, ...latency };
  }

  /** The names of the locks that are held. */
  get heldNames(): string[] {
    return this.held.map(({ name }) => name);
  }

  openTab(): Tab {
    const tab = new Tab(this, `tab ${this.tabs.length}`);
    this.tabs.push(tab);
    return tab;
  }

  /** Writes in this process at once, and in the others one after the other, later. */
  write(from: Tab, name: string, text: string | null): void {
    const write = { order: ++this.writes, name, text };
    for (const tab of this.tabs) {
      if (tab === from) tab.see(write);
      else tab.mail.send(this.latency.write, () => tab.hear(write));
    }
  }

  enqueue(asked: Asked, { steal = false, ifAvailable = false }: LockOptions): void {
    if (steal) {
      this.asked.steal++;
      for (const robbed of this.held.filter(({ name }) => name === asked.name)) {
        this.held = this.held.filter((other) => other !== robbed);
        robbed.tab.receive(() => {
          robbed.isOver = true;
          robbed.reject(new DOMException('The lock was stolen.', 'AbortError'));
        });
      }
      this.#grant(asked);
    } else if (ifAvailable && !this.#isFree(asked, this.queue)) {
      asked.tab.receive(() => settle(asked, null));
    } else {
      this.queue.push(asked);
      this.process();
    }
  }

  /** Takes a request back, unless it is granted: then the lock stays with the tab until that hears of it. */
  giveUp(asked: Asked): void {
    this.isStuck = false;
    this.queue = this.queue.filter((other) => other !== asked);
    this.process();
  }

  release(asked: Asked): void {
    this.held = this.held.filter((other) => other !== asked);
    this.process();
  }

  process(): void {
    if (this.isStuck) return;
    for (const [place, asked] of this.queue.entries()) {
      if (!this.#isFree(asked, this.queue.slice(0, place))) continue;
      this.queue = this.queue.filter((other) => other !== asked);
      this.#grant(asked);
      this.process();
      return;
    }
  }

  #isFree({ name, mode }: Asked, ahead: readonly Asked[]): boolean {
    const rivals = [...this.held, ...ahead].filter((other) => other.name === name);
    return mode === 'shared' ? rivals.every((other) => other.mode === 'shared') : rivals.length === 0;
  }

  #grant(asked: Asked): void {
    this.held.push(asked);
    asked.tab.receive(() => {
      if (asked.isOver) asked.tab.toBrowser.send(this.latency.message, () => this.release(asked));
      else settle(asked, { name: asked.name, mode: asked.mode });
    });
  }
}

/** Runs the callback of a request and holds the lock until what it answers has settled. */
function settle(asked: Asked, lock: Lock | null): void {
  const { browser, toBrowser } = asked.tab;
  const running = new Promise((resolve) => resolve(asked.tab.run(() => asked.callback(lock))));
  const over = () => toBrowser.send(browser.latency.message, () => browser.release(asked));
  running.then(
    (value) => {
      over();
      asked.resolve(value);
    },
    (error) => {
      over();
      asked.reject(error);
    },
  );
}

/** Messages that take their time and arrive in order. */
class Channel {
  #last = 0;
  constructor(readonly browser: Browser) {}

  send(latency: number, message: () => void): void {
    const { clock, random } = this.browser;
    if (latency === 0) {
      queueMicrotask(message);
      return;
    }
    this.#last = Math.max(this.#last, clock.monotonic() + random() * latency);
    clock.setTimeout(message, this.#last - clock.monotonic());
  }
}

/** A tab in a process of its own. */
export class Tab {
  readonly toBrowser: Channel;
  readonly fromBrowser: Channel;
  readonly mail: Channel;
  readonly page = new EventTarget();
  readonly #items = new Map<string, Write>();
  #frozen: (() => void)[] | undefined;
  #unseen: Write[] = [];

  constructor(
    readonly browser: Browser,
    readonly clientId: string,
  ) {
    this.toBrowser = new Channel(browser);
    this.fromBrowser = new Channel(browser);
    this.mail = new Channel(browser);
  }

  /** The clock of the browser, whose timers wait while the tab is frozen. */
  readonly clock: Clock = {
    now: () => this.browser.clock.now(),
    monotonic: () => this.browser.clock.monotonic(),
    setTimeout: (callback, ms) => this.browser.clock.setTimeout(() => this.#unlessFrozen(callback), ms),
    clearTimeout: (handle) => this.browser.clock.clearTimeout(handle),
  };

  readonly storage = {
    getItem: (name: string): string | null => this.#items.get(name)?.text ?? null,
    setItem: (name: string, text: string): void => {
      const used = [...this.#items].map(([other, write]) => (other === name ? 0 : other.length + sizeOf(write)));
      if (used.reduce((sum, size) => sum + size, name.length + text.length) > this.browser.room)
        throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
      this.browser.write(this, name, text);
    },
    removeItem: (name: string): void => this.browser.write(this, name, null),
  };

  readonly locks: LockManager = {
    request: (name: string, ...rest: [LockOptions, Callback] | [Callback]): Promise<never> => {
      const callback = rest.at(-1) as Callback;
      const options = (rest.length === 2 ? rest[0] : {}) as LockOptions;
      return this.#request(name, options, callback) as Promise<never>;
    },
    query: () =>
      new Promise((resolve) => {
        const { browser } = this;
        this.toBrowser.send(browser.latency.message, () => {
          browser.asked.query++;
          const info = ({ name, mode, tab: { clientId } }: Asked) => ({ name, mode, clientId });
          const snapshot = { held: browser.held.map(info), pending: browser.queue.map(info) };
          this.receive(() => resolve(snapshot));
        });
      }),
  };

  /** Runs something of this tab: what it asks the globals for is its own. */
  run<T>(what: () => T): T {
    current = this;
    return what();
  }

  /** A write of another tab: it comes when the tab is not frozen, after all else that came meanwhile. */
  hear(write: Write): void {
    if (this.#frozen === undefined) this.see(write);
    else this.#unseen.push(write);
  }

  see(write: Write): void {
    if ((this.#items.get(write.name)?.order ?? 0) < write.order) this.#items.set(write.name, write);
  }

  /** A message of the browser: it comes in order, and when the tab is not frozen. */
  receive(message: () => void): void {
    this.fromBrowser.send(this.browser.latency.message, () => this.#unlessFrozen(message));
  }

  /** Stops the tab without a word, as a signal to its process does. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const messages = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const message of messages) this.fromBrowser.send(this.browser.latency.message, message);
    for (const write of this.#unseen.splice(0)) this.mail.send(this.browser.latency.write, () => this.see(write));
  }

  #unlessFrozen(task: () => void): void {
    if (this.#frozen === undefined) task();
    else this.#frozen.push(task);
  }

  #request(name: string, options: LockOptions, callback: Callback): Promise<unknown> {
    const { mode = 'exclusive', signal, steal = false, ifAvailable = false } = options;
    const { browser } = this;
    if (signal !== undefined && (steal || ifAvailable))
      return Promise.reject(new DOMException('Not with a signal.', 'NotSupportedError'));
    // As in WebKit.
    if (name.length > 1_024) return Promise.reject(new DOMException('The name is too long.', 'NotSupportedError'));
    if (signal?.aborted) return Promise.reject(signal.reason);
    browser.asked.request++;
    return new Promise((resolve, reject) => {
      let wasGranted = false;
      const noted: Callback = (lock) => {
        wasGranted = true;
        return callback(lock);
      };
      const asked: Asked = { tab: this, name, mode, callback: noted, resolve, reject, isOver: false };
      signal?.addEventListener('abort', () => {
        if (wasGranted) return;
        asked.isOver = true;
        reject(signal.reason);
        this.toBrowser.send(browser.latency.message, () => browser.giveUp(asked));
      });
      this.toBrowser.send(browser.latency.message, () => browser.enqueue(asked, options));
    });
  }
}

const sizeOf = ({ text }: Write): number => text?.length ?? 0;

let current: Tab | undefined;

/** Makes the globals those of the tab that runs. */
export const tabGlobals = {
  navigator: {
    get locks(): LockManager | undefined {
      return current?.locks;
    },
  },
  document: {},
  addEventListener: (...listener: Parameters<EventTarget['addEventListener']>): void =>
    current?.page.addEventListener(...listener),
  removeEventListener: (...listener: Parameters<EventTarget['addEventListener']>): void =>
    current?.page.removeEventListener(...listener),
};
