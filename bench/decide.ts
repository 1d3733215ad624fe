import type { Limit } from 'sluice';
import { type Build, buildsOf, earlier } from './builds.ts';
import { median, sideBySide } from './side-by-side.ts';

// What a call that may go at once costs: `throttle.wait()` and `throttle.run()` against the least that anybody could do.

/** Never full while the bench runs, and not at rest either between two uses of a key. */
const wide: Limit = { rate: 1_000_000, interval: 60_000, burst: 1e9 };
const calls = 500_000;
const callsPerTurn = 1_000;
const rounds = 15;

type Call = (key: string) => Promise<unknown>;

/** A bucket step on a Map with `performance.now()`. */
function bareStep(): (key: string) => void {
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
    if (bucket.tat - tolerance > now) throw new Error('never here');
    bucket.tat = Math.max(bucket.tat, now) + emissionInterval;
  };
}

/** The step, and a promise that is already resolved. */
function bareWait(): Call {
  const step = bareStep();
  return (key) => {
    step(key);
    return Promise.resolve(0);
  };
}

const task = async () => {};

/** The step, and then the task. */
function bareRun(): Call {
  const step = bareStep();
  return async (key) => {
    step(key);
    return await task();
  };
}

function waiting({ createThrottle }: Build, limits: Limit | readonly Limit[]): Call {
  const throttle = createThrottle({ limits });
  return (key) => throttle.wait(key);
}

function running({ createThrottle }: Build): Call {
  const throttle = createThrottle({ limits: wide });
  return (key) => throttle.run(task, { key });
}

/** Nanoseconds a call, its `.then` included. */
async function time(call: Call, keys: readonly string[]): Promise<number> {
  let ended = 0;
  const count = () => {
    ended++;
  };
  const start = performance.now();
  for (let made = 0; made < calls; made += callsPerTurn) {
    for (let turn = 0; turn < callsPerTurn; turn++) void call(keys[(made + turn) % keys.length] as string).then(count);
    // A task takes some steps more.
    for (let step = 0; step < 20 && ended < made + callsPerTurn; step++) await undefined;
  }
  const ms = performance.now() - start;
  if (ended !== calls) throw new Error(`Expected ${calls} calls to end, ${ended} did.`);
  return (ms / calls) * 1e6;
}

type Contenders = Readonly<Record<string, () => Call>>;

export async function decide(against?: string): Promise<void> {
  console.log(`decide: ${rounds} rounds of ${calls.toLocaleString('en')} calls, side by side; ns a call, median`);
  const builds = Object.entries(await buildsOf(against));
  const ofEach = (name: string, make: (build: Build) => Call): Contenders =>
    Object.fromEntries(builds.map(([label, build]) => [name + label, () => make(build)]));
  const oneLimit = ofEach('one limit', (build) => waiting(build, wide));
  const kinds = {
    ...oneLimit,
    ...ofEach('two limits', (build) => waiting(build, [wide, { ...wide, interval: 120_000 }])),
    ...ofEach('sliding window', (build) => waiting(build, build.slidingWindow({ limit: 1e9, interval: 60_000 }))),
  };
  const comparisons: readonly Contenders[] = [
    { 'bare minimum': bareWait, ...oneLimit },
    { 'bare minimum, then a task': bareRun, ...ofEach('run', running) },
    kinds,
  ];
  // Each comparison has the process to itself first: a program has one kind of throttle more often than four.
  for (const contenders of comparisons) for (const count of [1, 100_000]) await compare(contenders, count);
}

/** Compares all contenders with the first, that of their build where each has one, and with their like of the earlier build. */
async function compare(contenders: Contenders, count: number): Promise<void> {
  const keys = Array.from({ length: count }, (_, index) => `key-${index}`);
  const made = Object.fromEntries(Object.entries(contenders).map(([name, make]) => [name, make()]));
  const times = await sideBySide(made, rounds, (call) => time(call, keys));
  const [first = ''] = Object.keys(made);
  console.log(`\n  ${count.toLocaleString('en')} ${count === 1 ? 'key' : 'keys'}`);
  for (const [name, ns] of Object.entries(times)) {
    const ofItsBuild = name.endsWith(earlier) ? first + earlier : first;
    const others = [ofItsBuild in times ? ofItsBuild : first, name + earlier].filter((other) => other in times);
    const ratios = others.map((other) => {
      const ratio = median(ns.map((one, round) => one / (times[other]?.[round] ?? one)));
      return `   ${ratio.toFixed(2)} x ${other}`;
    });
    console.log(`    ${name.padEnd(25)}${median(ns).toFixed(0).padStart(6)} ns${ratios.join('')}`);
  }
}
