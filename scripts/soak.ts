// Throttles under random faults in real time: npm run soak -- [--minutes 10] [--seed 1]
//
// Each world is one quota of 10 calls in any second that several callers share, and a server of demo/servers, in a process of its
// own, that logs what arrives. At the end the log is judged: what the throttled callers sent, refused calls included, was in no
// second more than 10 (unless a schedule of the world says how much more is allowed, and why), none arrived twice, every call has
// ended, answered or by an error of its own, and the heap of this process is flat. A second counts by slots; by when calls left, less
// the time between slot and departure in which their process did not run, as it measured itself; and by when they arrived, unless
// they left over more than a second and were held up on their way. A line of a failure has, per call, when it was asked for, answered,
// due by its slot, due by its departure, when it left and when it arrived, in ms.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import {
  type BucketStore,
  type Clock,
  createThrottle,
  keyValueStore,
  type Limit,
  memoryStore,
  quota,
  slidingWindow,
  type Throttle,
  throttleFetch,
} from 'sluice';
import { faultyStore } from 'sluice/testing';
import { startServerProcess } from '../demo/servers/server-process.ts';
import { openTabs } from '../test/browser/browser.ts';
import { type Chromium, type ChromiumTab, startChromium } from '../test/browser/chromium.ts';
import { type Site, startSite } from '../test/browser/site.ts';
import { startRedis } from '../test/storage/redis-server.ts';
import { find, requirements } from './requirements.ts';
import { type Stamp, stamped, wall } from './soak-stamp.ts';
import { sumOf, Tally, type TallyReport } from './soak-tally.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: `${Date.now() % 100_000}` } },
});
const length = Number(values.minutes) * 60_000;
const limit = 10;
const interval = 1_000;
const margin = 100;
const limits = quota({ limit, interval, burst: 1 });

let state = Number(values.seed) || 1;
/** From 0 up to 1. Faults come in real time, so a seed gives the same plan, not the same run. */
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}
const between = (least: number, most: number) => least + random() * (most - least);
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const end = performance.now() + length;
const isOver = () => performance.now() >= end;

interface Call extends Stamp {
  /** When it would have left, had its process run all the time since its slot. */
  readonly due: number;
  readonly arrived: number;
}

/** Reads the stamps of the calls that arrived, and leaves those of others out. */
function callsOf(log: readonly { readonly at: number; readonly client: string | undefined }[]): Call[] {
  return log.flatMap(({ at: arrived, client = '' }) => {
    if (!client.startsWith('{')) return [];
    const stamp = JSON.parse(client) as Stamp;
    return [{ ...stamp, arrived, due: Math.max(Math.min(stamp.slot, stamp.left), stamp.left - stamp.stalled) }];
  });
}

type By = 'slot' | 'due' | 'arrived';

/** Calls that keep a quota, by slots and by departures, and how many more may be in a window, and why. */
interface Schedule {
  readonly name: string;
  readonly calls: readonly Call[];
  allowed?(window: readonly Call[], by: By): number;
}

interface World {
  readonly name: string;
  /** Does its faults until the time is over, and ends its callers. */
  run(): Promise<void>;
  report(): TallyReport;
  /** What arrived. */
  log(): Promise<readonly Call[]>;
  /** What has to keep the quota each for itself. Default: all calls together. */
  schedules?(log: readonly Call[]): readonly Schedule[];
  /** What was done to it. */
  faults(): Readonly<Record<string, number>>;
  close?(): Promise<void>;
}

const servers = startServerProcess();
const startServer = () => servers.startQuotaServer({ algorithm: 'sliding-window', limit, interval });

/** Counts what is done to a world. */
function counter(): { readonly counts: Record<string, number>; note(what: string): void } {
  const counts: Record<string, number> = {};
  const note = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  return { counts, note };
}

interface Local {
  readonly name: string;
  readonly limits?: Limit;
  /** A handle on the buckets of the world; each throttle has its own. */
  readonly store: (fault: (what: string) => void) => () => BucketStore;
  readonly onStoreError?: 'memory' | 'reject';
  readonly throttles?: number;
  /** Whether another client uses the quota up from time to time, so that calls are refused. */
  readonly intruder?: boolean;
  /** Makes the wall clock of the world jump from time to time. */
  readonly clock?: { readonly clock: Clock; jump(ms: number): void };
  readonly allowed?: (window: readonly Call[], jumps: readonly number[], by: By) => number;
  /** Whether the slots are judged by the clock of this process: that of the store is another, or jumps. */
  readonly isLocal?: boolean;
}

/** A world in this process. */
async function local(options: Local): Promise<World> {
  const { name, throttles = 1, intruder = false, clock, onStoreError = 'reject' } = options;
  const server = await startServer();
  const tally = new Tally();
  const { counts, note } = counter();
  const jumps: number[] = [];
  const makeStore = options.store(note);
  const open = (): Throttle =>
    createThrottle({
      limits: options.limits ?? limits,
      margin,
      store: makeStore(),
      onStoreError,
      maxQueue: 20,
      ...(clock && { clock: clock.clock }),
    });
  const users: Throttle[] = Array.from({ length: throttles }, open);
  let opened = 0;
  const fetches = new WeakMap<Throttle, typeof fetch>();
  const sendOf = (throttle: Throttle) => {
    const send = fetches.get(throttle) ?? stamped(`${name} ${opened++}`, throttle, options.isLocal ?? false);
    fetches.set(throttle, send);
    return send;
  };

  async function caller(index: number): Promise<void> {
    while (!isOver()) {
      const maxWait = between(500, 5_000);
      const throttle = users[index] as Throttle;
      const fetch = throttleFetch(throttle, { key: () => 'soak', maxWait, fetch: sendOf(throttle) });
      const controller = new AbortController();
      const timer = random() < 0.1 ? setTimeout(() => controller.abort(), between(0, 1_500)) : undefined;
      await tally.count(fetch(server.url, { signal: controller.signal }).then((answer) => answer.text()));
      clearTimeout(timer);
      // Those that are refused a place in the line do not try again at once.
      await sleep(between(5, 100));
      if (random() < 0.02) await sleep(between(500, 2_000));
    }
  }

  async function faults(): Promise<void> {
    while (!isOver()) {
      await sleep(between(1_000, 5_000));
      const index = Math.floor(random() * throttles);
      const throttle = users[index] as Throttle;
      const drawn = random();
      if (drawn < 0.3) {
        note('pauses');
        await throttle.pause('soak', Date.now() + between(50, 1_500)).catch(() => {});
      } else if (drawn < 0.5) {
        note('closed');
        users[index] = open();
        await throttle.close();
      } else if (drawn < 0.7 && intruder) {
        note('bursts of others');
        const call = () => fetch(server.url, { headers: { 'x-client': 'other' } }).then((answer) => answer.text());
        await Promise.all(Array.from({ length: 6 }, call));
      } else if (drawn < 0.9 && clock !== undefined) {
        const ms = (random() < 0.5 ? -1 : 1) * between(300, 60_000);
        note(ms > 0 ? 'jumps forward' : 'jumps back');
        if (ms > 0) jumps.push(wall());
        clock.jump(ms);
      }
    }
  }

  return {
    name,
    run: async () => {
      const callers = Array.from({ length: 4 * throttles }, (_, index) => caller(index % throttles));
      await faults();
      for (const throttle of users) await throttle.close();
      await Promise.race([Promise.all(callers), sleep(30_000)]);
    },
    report: () => tally.report(),
    log: async () => callsOf(await server.log()),
    schedules: (calls) => [{ name: 'all', calls, allowed: (window, by) => options.allowed?.(window, jumps, by) ?? 0 }],
    faults: () => counts,
  };
}

/** Errors and delays of a store, drawn. */
const drawFault = (note: (what: string) => void) => () => {
  const drawn = random();
  if (drawn < 0.05) {
    note('store errors');
    return { error: new Error('drawn') };
  }
  return drawn < 0.2 ? { after: sleep(between(0, 60)) } : undefined;
};

/** A wall clock that jumps; waiting goes by the real one. */
function jumpingClock(): { readonly clock: Clock; jump(ms: number): void } {
  let off = 0;
  return {
    clock: {
      now: () => Date.now() + off,
      monotonic: () => performance.now(),
      setTimeout: (callback, ms) => setTimeout(callback, ms),
      clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
    },
    jump: (ms) => {
      off += ms;
    },
  };
}

const locals: readonly Local[] = [
  { name: 'memory, others use the quota too', store: () => () => memoryStore(), intruder: true, isLocal: true },
  {
    name: 'a sliding window in memory',
    store: () => () => memoryStore(),
    limits: slidingWindow({ limit, interval }),
    intruder: true,
    isLocal: true,
  },
  {
    name: 'a store with errors and delays',
    throttles: 3,
    store: (note) => {
      const buckets = new Map<string, unknown>();
      const update = (key: string, change: (stored: unknown) => unknown) =>
        void buckets.set(key, change(buckets.get(key)));
      return () => faultyStore(keyValueStore({ name: 'map', update }), drawFault(note));
    },
  },
  {
    name: 'a wall clock that jumps',
    throttles: 3,
    clock: jumpingClock(),
    isLocal: true,
    store: () => {
      const buckets = new Map<string, unknown>();
      const update = async (key: string, change: (stored: unknown) => unknown) => {
        await sleep(between(0, 10));
        buckets.set(key, change(buckets.get(key)));
      };
      return () => keyValueStore({ name: 'map', update });
    },
    // DESIGN: a jump forward lets at most one burst go, which is 1 here. Who holds a slot goes on it besides.
    allowed: (window, jumps, by) => {
      const recent = jumps.filter(
        (at) => at >= (window[0] as Call)[by] - interval && at <= (window.at(-1) as Call)[by],
      );
      return recent.length * 3;
    },
  },
];

/** Memory stores are one for each throttle: a world with `closed` needs one for all. */
function shared(options: Local): Local {
  if (options.throttles !== undefined) return options;
  return {
    ...options,
    store: (note) => {
      const make = options.store(note);
      const one = make();
      return () => one;
    },
  };
}

/** Processes that share a Redis, are killed, and the Redis restarted from an older snapshot. */
async function onRedis(onStoreError: 'memory' | 'reject'): Promise<World> {
  const name = `processes on a Redis, onStoreError: '${onStoreError}'`;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-soak-'));
  const redis = await startRedis(['--dir', folder]);
  const server = await startServer();
  const { counts, note } = counter();
  const reports: TallyReport[] = [];
  const killed: number[] = [];
  let started = 0;
  const start = () =>
    fork(
      fileURLToPath(new URL('./soak-process.ts', import.meta.url)),
      [`${redis.port}`, server.url, `p${started++}`, onStoreError],
      {
        execArgv: ['--import', 'tsx'],
      },
    );
  const stop = async (child: ChildProcess) => {
    const ended = once(child, 'exit');
    child.once('message', (report) => void reports.push(report as TallyReport));
    child.send('stop');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  };
  return {
    name,
    run: async () => {
      const children = [start(), start(), start()];
      await sleep(Math.min(8_000, length / 4));
      while (!isOver()) {
        await sleep(between(2_000, 8_000));
        const index = Math.floor(random() * children.length);
        const child = children[index] as ChildProcess;
        const drawn = random();
        if (drawn < 0.3) {
          note('killed with SIGKILL');
          child.kill('SIGKILL');
          children[index] = start();
        } else if (drawn < 0.5) {
          note('ended');
          children[index] = start();
          await stop(child);
        } else if (drawn < 0.65) {
          note('stopped for a while');
          child.kill('SIGSTOP');
          await sleep(between(200, 3_000));
          child.kill('SIGCONT');
        } else if (drawn < 0.9) {
          note('Redis restarted from an older snapshot');
          const admin = new Redis(redis.port);
          await admin.save();
          admin.disconnect();
          await sleep(between(200, 5_000));
          killed.push(wall());
          await redis.kill();
          await sleep(between(0, 500));
          await redis.start();
        } else {
          note('Redis frozen for a while');
          redis.freeze();
          await sleep(between(100, 2_000));
          redis.thaw();
        }
      }
      await Promise.all(children.map(stop));
    },
    report: () => sumOf(reports),
    log: async () => callsOf(await server.log()),
    schedules: (calls) => schedulesOf(calls, killed),
    faults: () => counts,
    close: async () => {
      await redis.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * What one run of Redis grants keeps the quota by itself, and so does what the local bucket of one process grants. After a restart
 * the first who comes brings back what his process knows, and the schedule goes on from there: of the slots that were given later
 * he knows nothing. Those that lie behind are before the new ones, whose first may follow the last of them closely: one call more.
 * Those that lie ahead are one for each process, which goes on its slot without a look.
 */
function schedulesOf(calls: readonly Call[], killed: readonly number[]): Schedule[] {
  const runOf = ({ asked }: Call) => killed.filter((at) => at < asked).length;
  const stored = calls.filter(({ standIn }) => !standIn);
  const runs = killed.map((_, index) => stored.filter((call) => runOf(call) === index + 1));
  const firsts = runs.map((run) => Math.min(...run.map(({ slot }) => slot)));
  const clients = [...new Set(calls.map(({ client }) => client))];
  return [
    ...[stored.filter((call) => runOf(call) === 0), ...runs].map((run, index) => ({
      name: `run ${index}`,
      calls: run,
    })),
    {
      name: 'all runs',
      calls: stored,
      allowed: (window) => {
        const run = Math.max(...window.map(runOf));
        if (run === Math.min(...window.map(runOf))) return 0;
        const held = window.filter((call) => runOf(call) < run && call.slot >= (firsts[run - 1] as number));
        return 1 + new Set(held.map(({ client }) => client)).size;
      },
    },
    ...clients.map((client) => ({
      name: `stand-in of ${client}`,
      calls: calls.filter((call) => call.client === client && call.standIn),
    })),
    // What a local bucket granted the store is not told: its first call may follow the last of that closely.
    ...clients.map((client) => ({
      name: client,
      calls: calls.filter((call) => call.client === client),
      allowed: (window: readonly Call[], by: By) => {
        const sorted = [...window].sort((a, b) => a[by] - b[by]);
        return sorted.filter((call, index) => !call.standIn && sorted[index - 1]?.standIn).length;
      },
    })),
  ];
}

/** Tabs of Chromium that share an IndexedDB, come and go, reload and freeze. */
async function inTabs(program: string): Promise<World> {
  const site: Site = await startSite();
  const browser: Chromium = await startChromium(program);
  const { counts, note } = counter();
  const log: Call[] = [];
  const [strange, counted] = [[] as string[], { made: 0, answered: 0, pending: 0 }];
  const read = async () => {
    for (const { at, slot, tab } of await site.takeLog())
      log.push({
        client: tab,
        serial: log.length,
        slot,
        left: slot,
        due: slot,
        arrived: at,
        stalled: 0,
        asked: 0,
        answered: 0,
        standIn: false,
      });
  };
  const count = 5;
  let runs = 0;
  /** Lets a tab send calls until it is gone. */
  async function use(tab: ChromiumTab, isGone: () => boolean): Promise<void> {
    while (!isOver() && !isGone()) {
      const question = {
        store: 'indexed-db',
        key: 'soak',
        url: site.calls,
        count,
        limit,
        margin,
        tab: `tab ${runs++}`,
        startAt: Date.now(),
      } as const;
      counted.made += count;
      counted.pending += count;
      const answer = await Promise.race([
        tab.call('calls', question).catch((error: unknown) => error),
        (async () => {
          while (!isGone()) await sleep(50);
        })(),
        sleep(60_000).then(() => 'no answer'),
      ]);
      const report = answer as { answered?: number; troubles?: string[] } | undefined;
      if (isGone()) counted.made -= count;
      else if (report?.answered !== undefined) {
        counted.answered += report.answered;
        strange.push(...(report.troubles ?? []));
      } else strange.push(String(answer));
      if (answer !== 'no answer') counted.pending -= count;
    }
  }
  const tabs = await openTabs(browser, `${site.pages}/`, 3);
  return {
    name: 'tabs on IndexedDB',
    run: async () => {
      const users = tabs.map((tab) => {
        const user = { tab, gone: false };
        return { user, done: use(tab, () => user.gone) };
      });
      const past: Promise<void>[] = [];
      while (!isOver()) {
        await sleep(between(2_000, 6_000));
        await read();
        const index = Math.floor(random() * users.length);
        const one = users[index] as (typeof users)[number];
        const drawn = random();
        if (drawn < 0.3) {
          note('frozen for a while');
          await one.user.tab.freeze();
          await sleep(between(200, 3_000));
          await one.user.tab.resume();
          continue;
        }
        note(drawn < 0.6 ? 'reloaded' : 'closed');
        one.user.gone = true;
        past.push(one.done);
        let { tab } = one.user;
        if (drawn < 0.6) await tab.reload();
        else {
          await tab.close();
          tab = await browser.open(`${site.pages}/`);
        }
        const user = { tab, gone: false };
        users[index] = { user, done: use(tab, () => user.gone) };
      }
      await Promise.race([Promise.all([...past, ...users.map(({ done }) => done)]), sleep(30_000)]);
      await read();
    },
    report: () => ({ ...counted, errors: {}, strange: strange.slice(0, 10) }),
    log: async () => log,
    faults: () => counts,
    close: async () => {
      await browser.close();
      await site.close();
    },
  };
}

/** The windows in which more calls went than the quota and what is allowed besides, as lines. */
function above(world: World, calls: readonly Call[]): string[] {
  const found: string[] = [];
  const once = new Set(calls.map(({ client, serial }) => `${client} ${serial}`)).size;
  if (once < calls.length) found.push(`${calls.length - once} calls arrived twice`);
  for (const schedule of world.schedules?.(calls) ?? [{ name: 'all', calls }])
    for (const by of ['slot', 'due', 'arrived'] as const) {
      const log = [...schedule.calls].sort((a, b) => a[by] - b[by]);
      let first = 0;
      for (let last = 0; last < log.length; last++) {
        while ((log[last] as Call)[by] - (log[first] as Call)[by] >= interval) first++;
        const window = log.slice(first, last + 1);
        if (window.length <= limit) continue;
        if (by === 'arrived' && spanOf(window) >= interval) bunched++;
        else if (window.length <= limit + (schedule.allowed?.(window, by) ?? 0)) excused++;
        else {
          const when = new Date((window[0] as Call)[by]).toISOString();
          const times = window.map(({ client, slot, due, left, arrived, asked, answered, standIn }) => {
            const from = (window[0] as Call)[by];
            return `${client}${standIn ? '!' : ''} ${[asked, answered, slot, due, left, arrived].map((at) => (at - from).toFixed(0)).join('/')}`;
          });
          found.push(`${window.length} by ${by} in the second from ${when} (${schedule.name}): ${times.join(', ')}`);
        }
      }
    }
  return found;
}
let bunched = 0;
let excused = 0;

/** From the first of these calls that was due to the last, in ms. */
function spanOf(calls: readonly Call[]): number {
  const instants = calls.map(({ due }) => due);
  return Math.max(...instants) - Math.min(...instants);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function heapUsed(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

const unhandled: string[] = [];
process.on('unhandledRejection', (error) => void unhandled.push(String(error)));

const worlds: World[] = await Promise.all(locals.map((options) => local(shared(options))));
worlds.push(await onRedis('reject'), await onRedis('memory'));
const chromium = find(requirements.find(({ name }) => name === 'chromium') as (typeof requirements)[number]);
if (chromium === undefined) console.log('Chromium was not found: no tabs are tested.');
else worlds.push(await inTabs(chromium));

console.log(`soak: ${values.minutes} minutes, seed ${values.seed}, ${worlds.length} worlds of ${limit} calls a second`);
const begun = performance.now();
const heap: number[] = [];
const progress = setInterval(
  () => {
    heap.push(heapUsed());
    const { made, answered, pending } = sumOf(worlds.map((world) => world.report()));
    const seconds = Math.round((performance.now() - begun) / 1_000);
    console.log(
      `${seconds} s: ${made} calls, ${answered} answered, ${pending} pending; ${heap.at(-1)?.toFixed(2)} MB of heap`,
    );
  },
  Math.min(30_000, length / 8),
);
await Promise.all(worlds.map((world) => world.run()));
clearInterval(progress);

const wrong: string[] = unhandled.map((error) => `unhandled: ${error}`);
for (const world of worlds) {
  const { made, answered, errors, strange, pending } = world.report();
  const log = await world.log();
  excused = 0;
  bunched = 0;
  const excess = above(world, log);
  console.log(
    `\n${world.name}: ${made} calls, ${answered} answered, ${log.length} arrived; rejections: ${JSON.stringify(errors)}`,
  );
  console.log(
    `  faults: ${JSON.stringify(world.faults())}; ${excused} allowed seconds above the quota, ${bunched} by calls delayed on the network`,
  );
  const most = (of: (call: Call) => number) => Math.max(0, ...log.map(of)).toFixed(0);
  console.log(
    `  after their slots calls left by at most ${most(({ slot, left }) => left - slot)} ms, ${most(({ slot, due }) => due - slot)} while their process ran; before, by ${most(({ slot, left }) => slot - left)} ms`,
  );
  if (log.length === 0) wrong.push(`${world.name}: nothing arrived`);
  if (pending > 0) wrong.push(`${world.name}: ${pending} calls never ended`);
  wrong.push(...strange.map((error) => `${world.name}: ${error}`));
  wrong.push(...excess.slice(0, 20).map((line) => `${world.name}: ${line}`));
  if (excess.length > 20) wrong.push(`${world.name}: and ${excess.length - 20} more`);
}
// The first quarter compiles and fills caches.
const steady = heap.slice(heap.length >> 2);
const growth = median(steady.slice(steady.length >> 1)) - median(steady.slice(0, steady.length >> 1));
console.log(
  `\nheap: ${growth >= 0 ? '+' : ''}${growth.toFixed(2)} MB from the first to the second half, after the first quarter`,
);
if (growth > 1) wrong.push(`the heap grew by ${growth.toFixed(2)} MB`);

for (const world of worlds) await world.close?.();
await servers.close();
for (const line of wrong) console.log(`WRONG: ${line}`);
console.log(wrong.length === 0 ? 'Nothing lost, nothing early, heap flat.' : `FAILED, seed ${values.seed}.`);
process.exit(wrong.length === 0 ? 0 : 1);
