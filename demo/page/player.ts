import { type BucketStore, createThrottle, memoryStore, type Status, subscribe, type Throttle } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';
import { localStorageStore } from 'sluice/local-storage';
import { keyOf, openClient, type Send } from './clients.ts';
import type { Journal } from './journal.ts';
import type { Line, Network } from './network.ts';
import { limitsOf, type Setup } from './setup.ts';

/** ms since the epoch with a fraction, on a clock that never goes back. */
export const instant = (): number => performance.timeOrigin + performance.now();

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** ms of work in one go, so that the page stays quick. */
const SLICE = 8;
/** Plain calls in one go: a flood of them would hold up the throttled calls on their way to the same worker. */
const FLOOD = 16;
/** Calls that one signal aborts. */
const TOGETHER = 25;

export interface PlayerOptions {
  readonly network: Network;
  readonly journal: Journal;
  readonly tab: number;
  readonly onStatus: (status: Status) => void;
  /** Told whenever there is another throttle, and what the key of its calls is. */
  readonly onThrottle: (throttle: Throttle, key: string) => void;
}

const makeStore: Readonly<Record<Setup['store'], () => BucketStore>> = {
  memory: memoryStore,
  'local-storage': () => localStorageStore({ prefix: 'sluice-playground:' }),
  'indexed-db': () => indexedDbStore({ dbName: 'sluice-playground' }),
};

/** Makes the calls of this tab as the page is set up, and writes down what becomes of them. */
export class Player {
  readonly #options: PlayerOptions;
  /** Of this tab: what was used stays used when the client changes. */
  readonly #stores = new Map<string, BucketStore>();
  readonly #abortable = new Set<AbortController>();
  #setup: Setup;
  #throttle: Throttle;
  #stop: () => void;
  #senders = new Map<string, Promise<Send>>();
  #nextId = 1;
  /** Ends the sending of what was asked for, which takes a while. */
  #sending = new AbortController();

  constructor(setup: Setup, options: PlayerOptions) {
    this.#options = options;
    this.#setup = setup;
    [this.#throttle, this.#stop] = this.#open();
  }

  /** Goes on as set up from now on. Calls that wait stay in line if only numbers have changed. */
  async configure(setup: Setup): Promise<void> {
    const before = this.#setup;
    this.#setup = setup;
    const isSame = (['client', 'store', 'margin'] as const).every((name) => setup[name] === before[name]);
    const limits = limitsOf(setup);
    if (!isSame || limits === 'server' || before.kind === 'server') {
      const old = this.#throttle;
      this.#stop();
      [this.#throttle, this.#stop] = this.#open();
      await old.close();
    } else if (JSON.stringify(limits) !== JSON.stringify(limitsOf(before))) await this.#throttle.configure({ limits });
  }

  #open(): [Throttle, () => void] {
    const { journal, network, tab, onStatus, onThrottle } = this.#options;
    const { client, margin, store: name } = this.#setup;
    const store = this.#stores.get(name) ?? makeStore[name]();
    this.#stores.set(name, store);
    const limits = limitsOf(this.#setup);
    const throttle = createThrottle({ limits, store, margin: margin < 0 ? 'auto' : margin });
    const key = keyOf(client, network.base('throttled', this.#setup, tab));
    this.#senders = new Map();
    const stops = [
      throttle.on('granted', () => journal.write(tab, 'throttled', 'sent', instant())),
      throttle.on('ended', ({ outcome }) => {
        if (outcome === 'refused') journal.write(tab, 'throttled', 'refused', instant());
      }),
      subscribe(throttle, key, (status) => {
        journal.writeWaiting(tab, instant(), status.waiting);
        onStatus(status);
      }),
    ];
    onThrottle(throttle, key);
    return [
      throttle,
      () => {
        for (const stop of stops) stop();
        journal.writeWaiting(tab, instant(), 0);
      },
    ];
  }

  #sender(line: Line): Promise<Send> {
    const { network, tab } = this.#options;
    const { client, priority } = this.#setup;
    const base = network.base(line, this.#setup, tab);
    const name = `${line} ${base} ${priority}`;
    let sender = this.#senders.get(name);
    if (sender === undefined) {
      const throttle = line === 'throttled' ? this.#throttle : undefined;
      sender = openClient[client](base, throttle, priority, network.fetch);
      this.#senders.set(name, sender);
    }
    return sender;
  }

  /** Makes calls: the throttled ones, and the same without sluice if that is set up. */
  async send(count: number): Promise<void> {
    const { signal } = this.#sending;
    const lines: readonly Line[] = this.#setup.plain ? ['plain', 'throttled'] : ['throttled'];
    await Promise.all(
      lines.map(async (line) => {
        const send = await this.#sender(line);
        let together = new AbortController();
        for (let left = count, turn = Infinity; left > 0 && !signal.aborted; left -= turn) {
          const end = performance.now() + SLICE;
          const most = line === 'plain' ? FLOOD : left;
          for (turn = 0; turn < Math.min(most, left) && performance.now() < end; turn++) {
            if (turn % TOGETHER === 0) {
              together = new AbortController();
              this.#abortable.add(together);
            }
            void this.#call(line, send, together);
          }
          await rest(line === 'plain' ? 10 : 0);
        }
      }),
    );
  }

  async #call(line: Line, send: Send, { signal }: AbortController): Promise<void> {
    const { journal, tab } = this.#options;
    journal.write(tab, line, 'asked', instant());
    if (line === 'plain') journal.write(tab, line, 'sent', instant());
    const status = await send(this.#nextId++, signal).catch(() => 0);
    const isRefused = status === 429 && line === 'plain';
    const step = status === 200 ? 'answered' : isRefused ? 'refused' : status === 0 ? 'aborted' : 'failed';
    journal.write(tab, line, step, instant());
  }

  /** Aborts every call that is not answered yet. */
  async abortAll(): Promise<void> {
    this.#sending.abort();
    this.#sending = new AbortController();
    const all = [...this.#abortable].reverse();
    this.#abortable.clear();
    for (const controller of all) {
      controller.abort();
      await rest(0);
    }
  }

  /** Does what a server does that says stop. */
  pause(ms: number): Promise<void> {
    const { network, tab } = this.#options;
    const key = keyOf(this.#setup.client, network.base('throttled', this.#setup, tab));
    return this.#throttle.pause(key, Date.now() + ms);
  }
}
