import { type Contender, noTask, type Outcome } from './contender.ts';
import { heapUsed } from './heap.ts';

// Many calls that wait: what it takes to get in line, what a waiting call holds, and how long it takes until all have gone.

/** ms of a window. bottleneck takes multiples of 250 only. */
export const drainInterval = 250;

/** How many windows a drain takes: a million calls in a second, fewer in half a second. */
export const windowsOf = (count: number): number => (count >= 1_000_000 ? 5 : 3);

/** ms from the first call to the last when the first window goes at once: what the limit alone takes. */
export const drainTheory = (count: number): number => (windowsOf(count) - 1) * drainInterval;

/** Counts timers, set and alive. */
function countTimers() {
  const { setTimeout: set, clearTimeout: clear, setInterval: repeat, clearInterval: end } = globalThis;
  const alive = new Set<unknown>();
  const counter = { set: 0, alive: () => alive.size };
  globalThis.setTimeout = Object.assign((callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    counter.set++;
    const timer = set(() => {
      alive.delete(timer);
      callback(...args);
    }, ms);
    alive.add(timer);
    return timer;
  }, set) as unknown as typeof setTimeout;
  globalThis.clearTimeout = ((timer: NodeJS.Timeout) => {
    alive.delete(timer);
    clear(timer);
  }) as typeof clearTimeout;
  globalThis.setInterval = Object.assign((callback: () => void, ms?: number) => {
    counter.set++;
    const timer = repeat(callback, ms);
    alive.add(timer);
    return timer;
  }, repeat) as unknown as typeof setInterval;
  globalThis.clearInterval = ((timer: NodeJS.Timeout) => {
    alive.delete(timer);
    end(timer);
  }) as typeof clearInterval;
  return counter;
}

async function hold(contender: Contender, count: number): Promise<Outcome> {
  const call = (await contender.load()).one({ limit: 1, interval: 3_600_000 });
  await call(noTask);
  const calls: Promise<unknown>[] = [];
  const before = await heapUsed();
  const start = performance.now();
  for (let made = 0; made < count; made++) calls.push(call(noTask));
  const ns = ((performance.now() - start) / count) * 1e6;
  await new Promise((resolve) => setImmediate(resolve));
  const bytes = ((await heapUsed()) - before) / count;
  if (calls.length !== count) throw new Error('Nothing was kept.');
  return { ns, bytes };
}

async function timersOf(contender: Contender, count: number): Promise<Outcome> {
  const timers = countTimers();
  const call = (await contender.load()).one({ limit: 1, interval: 3_600_000 });
  await call(noTask);
  for (let made = 0; made < count; made++) void call(noTask);
  // axios-rate-limit sets some that are over at once.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  return { set: timers.set, alive: timers.alive() };
}

async function drain(contender: Contender, count: number): Promise<Outcome> {
  const call = (await contender.load()).one({ limit: Math.ceil(count / windowsOf(count)), interval: drainInterval });
  let failure: unknown;
  const before = process.cpuUsage();
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let ended = 0;
    const end = () => {
      if (++ended === count) resolve();
    };
    const fail = (error: unknown) => {
      failure = error;
      resolve();
    };
    for (let made = 0; made < count; made++) call(noTask).then(end, fail);
  });
  if (failure !== undefined) throw failure;
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { ms, ofTheory: ms / drainTheory(count), processor: (user + system) / 1_000 };
}

const steps = [hold, drain, timersOf];

/** @param step 0: how they wait; 1: how they go; 2: the timers of those that wait */
export async function queue(contender: Contender, { count = 1_000, step = 0 }): Promise<Outcome> {
  return (steps[step] as typeof hold)(contender, count);
}
