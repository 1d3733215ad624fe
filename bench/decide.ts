import { createThrottle, type Limit, slidingWindow } from 'sluice';
import { median, sideBySide } from './side-by-side.ts';

// What a call that may go at once costs: `throttle.wait()` against the least that anybody could do.

/** Never full while the bench runs, and not at rest either between two uses of a key. */
const wide: Limit = { rate: 1_000_000, interval: 60_000, burst: 1e9 };
const calls = 500_000;
const callsPerTurn = 1_000;
const rounds = 15;

type Wait = (key: string) => Promise<unknown>;

/** A bucket step on a Map with `performance.now()`, and a promise that is already resolved. */
function bareMinimum(): Wait {
  const buckets = new Map<string, { tat: number }>();
  const emissionInterval = 0.06;
  const tolerance = emissionInterval * 1e9;
  return (key) => {
    const now = performance.now();
    let bucket = buckets.get(key);
    if (bucket === undefined) {
      bucket = { tat: 0 };
      buckets.set(key, bucket);
    }
    if (bucket.tat - tolerance > now) return Promise.reject(new Error('never here'));
    bucket.tat = Math.max(bucket.tat, now) + emissionInterval;
    return Promise.resolve(0);
  };
}

function throttled(limits: Limit | readonly Limit[]): Wait {
  const throttle = createThrottle({ limits });
  return (key) => throttle.wait(key);
}

/** Nanoseconds a call, its `.then` included. */
async function time(wait: Wait, keys: readonly string[]): Promise<number> {
  let granted = 0;
  const count = () => {
    granted++;
  };
  const start = performance.now();
  for (let call = 0; call < calls; call += callsPerTurn) {
    for (let turn = 0; turn < callsPerTurn; turn++) void wait(keys[(call + turn) % keys.length] as string).then(count);
    await undefined;
  }
  const ms = performance.now() - start;
  if (granted !== calls) throw new Error(`Expected ${calls} grants, got ${granted}.`);
  return (ms / calls) * 1e6;
}

export async function decide(): Promise<void> {
  console.log(`decide: ${rounds} rounds of ${calls.toLocaleString('en')} calls, side by side; ns a call, median`);
  const minimum = { 'bare minimum': bareMinimum, 'one limit': () => throttled(wide) };
  const kinds = {
    'one limit': () => throttled(wide),
    'two limits': () => throttled([wide, { ...wide, interval: 120_000 }]),
    'sliding window': () => throttled(slidingWindow({ limit: 1e9, interval: 60_000 })),
  };
  // Each comparison has the process to itself first: a program has one kind of throttle more often than four.
  for (const contenders of [minimum, kinds]) for (const count of [1, 100_000]) await compare(contenders, count);
}

/** Compares all contenders with the first. */
async function compare(contenders: Readonly<Record<string, () => Wait>>, count: number): Promise<void> {
  const keys = Array.from({ length: count }, (_, index) => `key-${index}`);
  const waits = Object.fromEntries(Object.entries(contenders).map(([name, make]) => [name, make()]));
  const times = await sideBySide(waits, rounds, (wait) => time(wait, keys));
  const [first = ''] = Object.keys(waits);
  console.log(`\n  ${count.toLocaleString('en')} ${count === 1 ? 'key' : 'keys'}`);
  for (const [name, ns] of Object.entries(times)) {
    const ratio = median(ns.map((one, round) => one / (times[first]?.[round] ?? one)));
    console.log(`    ${name.padEnd(16)}${median(ns).toFixed(0).padStart(6)} ns   ${ratio.toFixed(2)} x ${first}`);
  }
}
