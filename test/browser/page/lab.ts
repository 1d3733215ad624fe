import {
  type BucketStore,
  type Clock,
  createThrottle,
  type Grant,
  type Limit,
  quota,
  type Status,
  type Throttle,
  throttleFetch,
} from 'sluice';
import type { CallGrant } from '../../../src/core/base/grant.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { systemClock } from '../../../src/core/time/clock.ts';
import { type BareStep, bare } from './bare.ts';
import { faults, uses } from './faults.ts';
import type { ReactOptions, ReactReport } from './react.ts';
import { makeStore, type StoreName } from './stores.ts';
import type { WorkerReport } from './worker.ts';
import { sleepUntil } from './worker-sleep.ts';

// What a test can make a page do. A function takes one value and answers with one, both plain data.

const unhandled: string[] = [];
addEventListener('unhandledrejection', ({ reason }) => unhandled.push(`rejection: ${reason}`));
addEventListener('error', ({ message }) => unhandled.push(`error: ${message}`));

let timers = 0;

/** The throttles of this page. */
const throttles = new Map<string, { readonly throttle: Throttle; readonly troubles: string[] }>();

export interface TakesOptions {
  readonly store: StoreName;
  readonly key: string;
  readonly count: number;
  /** Milliseconds between two slots; long enough that all but the first are in the future. */
  readonly emissionInterval: number;
  /** When to begin, so that all tabs begin at once; ms since the epoch. */
  readonly startAt: number;
}

export interface TakesReport {
  /** In ms since the epoch. */
  readonly slots: number[];
  /** How long the slowest take took, in ms. */
  readonly slowest: number;
}

export interface CallsOptions {
  readonly store: StoreName;
  /** @default 'api' */
  readonly key?: string;
  /** Where to; what tells the call apart is added. */
  readonly url: string;
  readonly tab: string;
  readonly count: number;
  /** Calls per second. */
  readonly limit: number;
  /** Milliseconds kept in hand. */
  readonly margin: number;
  /** When to begin, in ms since the epoch. */
  readonly startAt: number;
}

export interface CallsReport {
  /** Calls that were answered. */
  readonly answered: number;
  /** What the store said, if it failed. */
  readonly troubles: readonly string[];
}

export interface ReserveOptions {
  readonly store: StoreName;
  readonly key: string;
  readonly count: number;
}

export interface RoundTripOptions {
  readonly store: StoreName;
  /** The step to do instead of one of the store. */
  readonly bareStep?: BareStep | undefined;
  readonly count: number;
}

export interface FetchesOptions {
  readonly store: StoreName;
  /** Where to, in turn; what tells the call apart is added. */
  readonly urls: readonly string[];
  readonly tab: string;
  readonly count: number;
  /** The number of the call that makes the server refuse one. */
  readonly refuse: number;
}

export interface ReserveReport {
  /** How far ahead the slots are, in ms. */
  readonly waits: readonly number[];
  /** The slots, in ms on the page's monotonic clock since the epoch. */
  readonly slots: readonly number[];
  /** What the throttle has told so far: store errors and jumps of the clock. */
  readonly troubles: readonly string[];
}

/** The page's clock with timers a little late: clocks that show whole ms can differ by one, and a pause seems not over yet. */
const lateClock: Clock = {
  ...systemClock,
  setTimeout: (callback, ms) => systemClock.setTimeout(callback, ms + 2),
};

/** The throttle of this page on a store: one call a second. */
function throttleOn(store: StoreName): { readonly throttle: Throttle; readonly troubles: string[] } {
  const known = throttles.get(store);
  if (known !== undefined) return known;
  const throttle = createThrottle({ limits: { rate: 1, interval: 1_000 }, store: makeStore(store) });
  const made = { throttle, troubles: troublesOf(throttle) };
  throttles.set(store, made);
  return made;
}

/** The stores of this page that stay open. */
const stores = new Map<StoreName, BucketStore>();

function openStore(name: StoreName): BucketStore {
  const store = stores.get(name) ?? makeStore(name);
  stores.set(name, store);
  return store;
}

function troublesOf(throttle: Throttle): string[] {
  const troubles: string[] = [];
  throttle.on('store-error', ({ error }) => troubles.push(`store-error: ${error}`));
  throttle.on('clock-jump', () => troubles.push('clock-jump'));
  return troubles;
}

export interface InWorker {
  readonly reports: readonly WorkerReport[];
  readonly unhandled: readonly string[];
}

/** Asks somebody else by a message and a port for the answer. */
function ask<T>(post: (port: MessagePort) => void): Promise<T> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    post(port2);
  });
}

const askWorker = (worker: Pick<Worker, 'postMessage'>): Promise<InWorker> =>
  ask((port) => worker.postMessage(undefined, [port]));

/** A worker that requests what it is told to. */
const requesting = 'onmessage = ({ data, ports: [port] }) => fetch(data).then(({ ok }) => port.postMessage(ok))';

/** Begins to load something; resolves when that is over, with whether it succeeded. */
function loaded<T extends XMLHttpRequest | HTMLImageElement>(
  target: T,
  begin: (target: T) => unknown,
): Promise<boolean> {
  return new Promise((resolve) => {
    target.onload = () => resolve(true);
    target.onerror = () => resolve(false);
    begin(target);
  });
}

export const lab = {
  ...faults,

  /** Takes slots back to back, through the store itself. */
  async takes({ store: name, key, count, emissionInterval, startAt }: TakesOptions): Promise<TakesReport> {
    const store = makeStore(name);
    const plan = planOf({ rate: 1, interval: emissionInterval }, 0);
    await sleepUntil(startAt);
    const slots: number[] = [];
    let slowest = 0;
    for (let take = 0; take < count; take++) {
      const begun = performance.now();
      const { granted, reserved } = await store.take(key, { plan, costs: [1], ahead: Infinity });
      slowest = Math.max(slowest, performance.now() - begun);
      const receipt = granted[0] ?? reserved;
      if (receipt !== undefined) slots.push(receipt.slot);
    }
    await store.close?.();
    return { slots, slowest };
  },

  /** Sends calls as soon as a throttle lets them go, all of which ask at once. Answers when all were answered. */
  async calls({ store, key = 'api', url, tab, count, limit, margin, startAt }: CallsOptions): Promise<CallsReport> {
    const limits = quota({ limit, interval: 1_000, burst: 1 });
    const throttle = createThrottle({ limits, margin, store: makeStore(store) });
    const troubles = troublesOf(throttle);
    throttles.set('calls', { throttle, troubles });
    // Connections take longer to make than calls.
    await fetch(`${url}/connect`);
    await sleepUntil(startAt);
    // The slot as the store has it, which no lateness of the page blurs.
    const send = (grant: Grant) => fetch(`${url}/?tab=${tab}&slot=${(grant as CallGrant).receipt.slot}`);
    const answers = Array.from({ length: count }, () => throttle.run(send, { key }));
    const answered = (await Promise.all(answers)).filter(({ ok }) => ok).length;
    await throttle.close();
    return { answered, troubles };
  },

  /** The same without an answer. */
  beginCalls(options: CallsOptions): void {
    lab.calls(options).catch(() => {});
  },

  /** Lets calls go that have all waited for the end of a pause. Answers with what they cost: transactions and requests for locks. */
  async usesOf({ store, key, count }: ReserveOptions): Promise<typeof uses> {
    const limits = { rate: 1_000, interval: 1_000, burst: 1_000 };
    const throttle = createThrottle({ limits, store: makeStore(store), clock: lateClock });
    await throttle.pause(key, Date.now() + 300);
    Object.assign(uses, { transactions: 0, locks: 0 });
    await Promise.all(Array.from({ length: count }, () => throttle.wait(key)));
    const used = { ...uses };
    await throttle.close();
    return used;
  },

  /** How long a step takes on average, one after the other, in ms: one of the store itself or what it must do at least. */
  async roundTrip({ store: name, bareStep, count }: RoundTripOptions): Promise<number> {
    const store = openStore(name);
    const plan = planOf({ rate: 1, interval: 1_000 }, 0);
    const take = () => store.take('round trip', { plan, costs: [1], ahead: Infinity });
    const step = bareStep === undefined ? take : bare[bareStep];
    // Opens what has to be opened.
    await step();
    const begun = performance.now();
    for (let done = 0; done < count; done++) await step();
    return (performance.now() - begun) / count;
  },

  /** Sends calls by a throttled fetch, 50 at once and ten a second from then on, and waits for none of them. */
  fetches({ store, urls, tab, count, refuse }: FetchesOptions): void {
    const limits = { rate: 10, interval: 1_000, burst: 50 };
    const throttle = createThrottle({ limits, margin: 0, store: makeStore(store) });
    throttles.set('calls', { throttle, troubles: troublesOf(throttle) });
    const send = throttleFetch(throttle, { key: 'api' });
    // Each of its own: a browser keeps calls waiting that ask for the same as one that has no answer yet.
    for (let call = 0; call < count; call++)
      send(`${urls[call % urls.length]}/?tab=${tab}&slot=${call}&refuse=${refuse}`).catch(() => {});
  },

  /** Tells where the throttle of `calls` stands. */
  async status(): Promise<Status | undefined> {
    return throttles.get('calls')?.throttle.status('api');
  },

  /** Takes slots through the page's throttle of one call a second, without waiting for them. */
  async reserve({ store, key, count }: ReserveOptions): Promise<ReserveReport> {
    const { throttle, troubles } = throttleOn(store);
    const waits: number[] = [];
    const slots: number[] = [];
    for (let call = 0; call < count; call++) {
      const { wait } = await throttle.reserve(key);
      waits.push(wait);
      slots.push(performance.timeOrigin + performance.now() + wait);
    }
    return { waits, slots, troubles };
  },

  /** The same in a sandboxed frame of this page. */
  async reserveInFrame(options: ReserveOptions): Promise<ReserveReport & { readonly unhandled: readonly string[] }> {
    const frame = document.createElement('iframe');
    frame.sandbox.add('allow-scripts');
    frame.src = '/frame';
    const loaded = new Promise((resolve) => {
      frame.onload = resolve;
    });
    document.body.append(frame);
    await loaded;
    const askFrame = <T>(name: string, question?: unknown) =>
      ask<T>((port) => frame.contentWindow?.postMessage({ name, question }, '*', [port]));
    const report = await askFrame<ReserveReport>('reserve', options);
    const left = await askFrame<readonly string[]>('unhandled');
    frame.remove();
    return { ...report, unhandled: left };
  },

  /** Makes every store in a worker of a kind. */
  async inWorker(kind: 'dedicated' | 'service'): Promise<InWorker> {
    if (kind === 'dedicated') return askWorker(new Worker('/worker.js'));
    await navigator.serviceWorker.register('/worker.js');
    const { active } = await navigator.serviceWorker.ready;
    return askWorker(active as ServiceWorker);
  },

  /** Puts the page under a service worker, and all whose paths begin with `scope`. */
  async register({ script, scope }: { script: string; scope: string }): Promise<void> {
    await navigator.serviceWorker.register(script, { scope });
    const isOurs = () => navigator.serviceWorker.controller?.scriptURL.endsWith(script);
    while (!isOurs())
      await new Promise((resolve) => {
        navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
      });
  },

  /** Requests something `count` times at once in each way that a script has. Answers with how many were answered. */
  async request({ url, count }: { url: string; count: number }): Promise<number> {
    const worker = new Worker(URL.createObjectURL(new Blob([requesting])));
    // Each of its own: browsers answer what is asked twice once.
    const ways = [
      (call: number) => fetch(`${url}&fetch=${call}`).then(({ ok }) => ok),
      (call: number) =>
        loaded(new XMLHttpRequest(), (request) => [request.open('GET', `${url}&xhr=${call}`), request.send()]),
      (call: number) => ask<boolean>((port) => worker.postMessage(`${url}&worker=${call}`, [port])),
    ];
    const answers = ways.flatMap((way) => Array.from({ length: count }, (_, call) => way(call)));
    return (await Promise.all(answers)).filter(Boolean).length;
  },

  /** Requests something `count` times at once, and waits for no answer. */
  requestUnheard({ url, count }: { url: string; count: number }): void {
    for (let call = 0; call < count; call++) fetch(`${url}&fetch=${call}`).catch(() => {});
  },

  /** Shows images; what they load need not be one. */
  async showImages({ url, count }: { url: string; count: number }): Promise<void> {
    const show = (number: number) =>
      loaded(new Image(), (image) => Object.assign(image, { src: `${url}&image=${number}` }));
    await Promise.all(Array.from({ length: count }, (_, number) => show(number)));
  },

  /** Requests something and tells whether it was answered within this many ms. */
  isAnswered({ url, ms }: { url: string; ms: number }): Promise<boolean> {
    const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms));
    return Promise.race([fetch(url).then(({ ok }) => ok), late]);
  },

  /** Stops a key for this many ms. */
  async pause({ store, key, ms }: { store: StoreName; key: string; ms: number }): Promise<void> {
    await throttleOn(store).throttle.pause(key, Date.now() + ms);
  },

  /** Makes a key as good as new. */
  async reset({ store, key }: { store: StoreName; key: string }): Promise<void> {
    await throttleOn(store).throttle.reset(key);
  },

  /** Gives a key a limit of its own. */
  async setLimit({ store, key, limit }: { store: StoreName; key: string; limit: Limit }): Promise<void> {
    await throttleOn(store).throttle.setLimits(key, limit);
  },

  /** Puts calls in the line of a key and leaves them there. */
  waitInLine({ store, key, count }: ReserveOptions): void {
    const { throttle } = throttleOn(store);
    for (let call = 0; call < count; call++) throttle.wait(key).catch(() => {});
  },

  /** How many calls wait in the line of a key in this page. */
  async waiting({ store, key }: { store: StoreName; key: string }): Promise<number> {
    return (await throttleOn(store).throttle.status(key)).waiting;
  },

  /** How long a key is paused yet as far as this page knows, in ms. */
  async pausedFor({ store, key }: { store: StoreName; key: string }): Promise<number> {
    const { pausedUntil } = await throttleOn(store).throttle.status(key);
    return pausedUntil === undefined ? 0 : pausedUntil - Date.now();
  },

  /** Counts from now on how often the page's own timers wake it that are set one after the other, each for this many ms. */
  countTimers(ms: number): void {
    setTimeout(() => {
      timers++;
      lab.countTimers(ms);
    }, ms);
  },

  countedTimers: (): number => timers,

  /** Computes for so long, in ms. */
  burn(ms: number): void {
    for (const end = performance.now() + ms; performance.now() < end; );
  },

  /** Shows a throttle by React, on a page that has it. */
  showByReact: (options: ReactOptions): Promise<ReactReport> =>
    (globalThis as unknown as { showByReact(options: ReactOptions): Promise<ReactReport> }).showByReact(options),

  visibility: (): DocumentVisibilityState => document.visibilityState,

  /** What went wrong in the page and was handled by nobody. */
  unhandled: (): readonly string[] => unhandled,
};

export type Lab = typeof lab;
