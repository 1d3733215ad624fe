import type { Failure, Numbers } from './contender.ts';
import { isFailure, type Row } from './measure.ts';
import { type Mark, svgOf } from './plot.ts';
import { drainInterval, drainTheory } from './queue.ts';
import { callsPerTab, tabCount, tabQuota } from './tabs.ts';
import { cellName, networks, quotas, servers } from './utilisation.ts';

// docs/benchmarks-peers.md and its plots, made of results.json alone.

export interface Part {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  /** Load of the machine when the part began. */
  readonly load: number;
  /** How long the part took. */
  readonly seconds: number;
  readonly rows: readonly Row[];
}

export type Results = Readonly<Record<string, Part>>;

const isOurs = ({ name }: Row) => name.startsWith('sluice');
const reference = 'bare minimum';

/** Rows with keys of their own; the others are a Map of instances here. */
const withKeys = /^(sluice|bare|bottleneck|rate-limiter-flexible|Effect)/;

const value = ({ results }: Row, what: string, name: string): number | undefined => {
  const found = results[what];
  return found === undefined || isFailure(found) ? undefined : found[name];
};

const failure = ({ results }: Row, what: string): string => {
  const found: Numbers | Failure | undefined = results[what];
  return found !== undefined && isFailure(found) ? found.failed : '–';
};

const count = (number: number, digits = 0): string =>
  number.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const whole = (number: number) => count(number);
/** Three digits. */
const short = (number: number) => count(Number(number.toPrecision(3)), number < 10 ? 2 : number < 100 ? 1 : 0);
const percent = (part: number) => `${(100 * part).toFixed(1)} %`;

function cellOf(row: Row, what: string, name: string, written: (number: number) => string): string {
  const found = value(row, what, name);
  return found === undefined ? failure(row, what) : written(found);
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const named = (row: Row) => (isOurs(row) ? `**${row.name}**` : `${row.name}${row.version ? ` ${row.version}` : ''}`);

/** The lowest first; those without a number last. */
const byValue = (rows: readonly Row[], of: (row: Row) => number | undefined): Row[] =>
  [...rows].sort((a, b) => (of(a) ?? Number.POSITIVE_INFINITY) - (of(b) ?? Number.POSITIVE_INFINITY));

/** Names the rows that are before our best one. */
function ahead(rows: readonly Row[], of: (row: Row) => number | undefined): string {
  const ours = Math.min(...rows.filter(isOurs).map((row) => of(row) ?? Number.POSITIVE_INFINITY));
  const before = byValue(rows, of).filter((row) => !isOurs(row) && row.name !== reference && (of(row) ?? ours) < ours);
  return before.length === 0 ? 'none' : before.map(({ name }) => name).join('; ');
}

function measured(part: Part): string {
  const load = `load ${part.load.toFixed(1)} at its start`;
  return `Measured ${part.date}, Node ${part.node}, ${part.machine}, ${load}; took ${part.seconds} s.`;
}

const plain = (name: string, alt: string) => `![${alt}](images/${name}.svg)`;

const sizes = [1_000, 10_000, 100_000, 1_000_000];

/** Of all cells of a row that a filter picks: calls, refused ones, the least share, and how many have no numbers. */
export function overCells(row: Row, picks: (cell: string) => boolean) {
  const cells = Object.entries(row.results).filter(([cell]) => cell.includes(', ') && picks(cell));
  const good = cells.map(([, cell]) => cell).filter((cell): cell is Numbers => !isFailure(cell));
  const sum = (what: string) => good.reduce((total, cell) => total + (cell[what] ?? 0), 0);
  return {
    calls: sum('calls'),
    refused: sum('refused'),
    share: Math.min(...good.map(({ share = 0 }) => share)),
    failed: cells.length - good.length,
  };
}

const inServer = (server: string) => (cell: string) => cell.startsWith(`${server}, `);
const inNetwork = (network: string) => (cell: string) => cell.endsWith(`, ${network}`);
const everywhere = () => true;

const sections: Readonly<Record<string, (part: Part) => string>> = {
  decide: (part) => {
    const of = (row: Row) => value(row, '100000', 'ns');
    const keyed = part.rows.filter(({ name }) => withKeys.test(name));
    return `## decide

What a call costs that may go at once, its \`.then\` included: ns a call, 1,000 calls in a turn, the median of 5 rounds of 0.1 s, and
the best of three passes over all rows. With one key the quota is 2,000,000 in 60 s, with 100,000 keys 100 in 60 s for each. "Keys: Map" is a library
without keys; a Map of its instances stands for them. Each key is used once before, which counts for the time limit of 20 s alone. Libraries that space calls evenly are left out, as no second call may go at once.

${plain('peers-decide', 'ns for a call that may go at once, 100,000 keys')}

${table(
  ['', '1 key', '100,000 keys', 'keys'],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, '1', 'ns', short),
    cellOf(row, '100000', 'ns', short),
    withKeys.test(row.name) ? 'its own' : 'Map',
  ]),
)}

Before the best row of sluice with 100,000 keys of their own: ${ahead(keyed, of)}. With a Map of instances: ${ahead(part.rows, of)}. With one key:
${ahead(part.rows, (row) => value(row, '1', 'ns'))}. What these save: p-throttle hands out no grant, and knows neither cost nor a second limit;
\`tryRemoveTokens\` gives no promise and never waits. \`allow\` of sluice tells what is left of each limit, which is most of its cost.

${measured(part)}`;
  },
  queue: (part) => {
    const ofDrain = (row: Row) => value(row, 'drain 1000000', 'ofTheory');
    return `## queue

Many calls on one key that all have to wait. "In line" is what a call takes to get there, in ns, and what it holds, in bytes, its promise
included, with ${whole(100_000)} and ${whole(1_000_000)} waiting. Timers are those that are set while 1,000 wait. A drain lasts from the first call to the end
of the last: the limit lets a third of the calls go in any ${drainInterval} ms, of a million a fifth; so theory says ${drainTheory(1_000)} ms, and ${drainTheory(1_000_000)} ms for a million. The table has how
many times as long it took. No margin is kept, as the others keep none. The machine limits this more than the libraries' logic does: a million
promises are mostly work for the garbage collector, so the last column has the processor's time, all threads together. A call that is made when
its turn has come already goes at once. Those that space calls by whole milliseconds are not drained.

${plain('peers-queue', 'Drain of a million waiting calls against theory')}

${table(
  [
    '',
    'in line, 100,000',
    'in line, 1,000,000',
    'bytes',
    'timers',
    ...sizes.map((size) => `drain ${whole(size)}`),
    'processor',
  ],
  byValue(part.rows, ofDrain).map((row) => [
    named(row),
    cellOf(row, 'hold 100000', 'ns', short),
    cellOf(row, 'hold 1000000', 'ns', short),
    [100_000, 1_000_000].map((size) => cellOf(row, `hold ${size}`, 'bytes', whole)).join(', '),
    cellOf(row, 'timers 1000', 'alive', whole),
    ...sizes.map((size) => cellOf(row, `drain ${size}`, 'ofTheory', (times) => times.toFixed(2))),
    cellOf(row, 'drain 1000000', 'processor', (ms) => `${(ms / 1_000).toFixed(1)} s`),
  ]),
)}

Before the best row of sluice with a million: ${ahead(part.rows, ofDrain)}. In bytes for a waiting call: ${ahead(part.rows, (row) => value(row, 'hold 1000000', 'bytes'))}. A waiting call of
sluice can leave at any time, has a priority and a deadline, and gets a grant that can be settled; the bare minimum is an array of callbacks.

${measured(part)}`;
  },
  utilisation: (part) => {
    const of = (row: Row) => overCells(row, everywhere).refused / overCells(row, everywhere).calls;
    const clean = part.rows.filter((row) => overCells(row, everywhere).refused === 0 && !row.results.all);
    const spots = part.rows.filter((row) => row.results['real time'] !== undefined);
    return `## utilisation

In virtual time: all calls are made at once, and a server that enforces the quota refuses what is too much. Nobody sends a call again. The
servers: a fixed window, a sliding one, a token bucket that holds the whole quota, and a leaky bucket that takes a tenth of it at once, two
calls at least. The quotas: ${Object.entries(quotas)
      .map(([name, { calls }]) => `${name} (${whole(calls)} calls)`)
      .join(', ')}. The networks: 5 ms one way; each call up to 60 ms late;
and new connections that take 150 ms, kept open and used again. Timers are Node's: whole milliseconds, up to one late.
sluice has the documented number and its adapter for fetch, with the margin that is its default. "Used" is the
lowest share of the rate that the accepted calls of a cell used from the first arrival to the last. It can be above 100 %, as a first window goes at once.

${plain('peers-utilisation', 'Calls that servers refused, of all')}

${table(
  [
    '',
    ...Object.keys(servers).map((server) => `refused, ${server}`),
    ...Object.keys(networks).map((network) => `used, ${network}`),
    '1,000 calls at 100 per second',
  ],
  byValue(part.rows, of).map((row) => [
    named(row),
    ...Object.keys(servers).map((server) => {
      const { refused, calls } = overCells(row, inServer(server));
      return calls === 0 ? failure(row, 'all') : whole(refused);
    }),
    ...Object.keys(networks).map((network) => percent(overCells(row, inNetwork(network)).share)),
    cellOf(
      row,
      cellName('sliding window', '100 per second', 'jitter 0'),
      'seconds',
      (seconds) => `${seconds.toFixed(1)} s`,
    ),
  ]),
)}

Refused by no server: ${clean.length === 0 ? 'none' : clean.map(({ name }) => name).join('; ')}. An evenly spaced quota costs speed where the server is a window: its
first calls do not go all at once. A burst that a window allows is more than a leaky bucket takes. Whoever does not know the server takes \`burst: 1\`.

All 36 cells of each row are in bench/peers/results.json. One of them in real time, ${cellName('sliding window', '100 per second', 'jitter 60 ms')}:
${spots
  .map((row) => {
    const cell = (what: string) => ({
      refused: value(row, what, 'refused') ?? Number.NaN,
      share: value(row, what, 'share') ?? Number.NaN,
    });
    const [real, virtual] = [cell('real time'), cell(cellName('sliding window', '100 per second', 'jitter 60 ms'))];
    return `${row.name}: ${real.refused} refused and ${percent(real.share)} used, ${virtual.refused} and ${percent(virtual.share)} in virtual time`;
  })
  .join('; ')}.

${measured(part)}`;
  },
  memory: (part) => {
    const of = (row: Row) => value(row, '1000000', 'bytes');
    return `## memory

Bytes on the heap for each key after one call, the key's string not counted; the quota is 10 an hour. A library without keys is a Map of instances.

${plain('peers-memory', 'Bytes for each key, a million keys')}

${table(
  ['', '100,000 keys', '1,000,000 keys', 'keys'],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, '100000', 'bytes', whole),
    cellOf(row, '1000000', 'bytes', whole),
    withKeys.test(row.name) ? 'its own' : 'Map',
  ]),
)}

Before the best row of sluice: ${ahead(part.rows, of)}. The bare minimum is a number in an object in a Map.

${measured(part)}`;
  },
  size: (part) => {
    const of = (row: Row) => value(row, 'import', 'bytes');
    return `## size

What a page loads for the useful import: bundled with esbuild, minified and gzipped. axios is not counted for axios-rate-limit, nor are modules
of Node that a bundler would have to replace (p-ratelimit, async-sema).

${plain('peers-size', 'Size of the useful import')}

${table(
  ['', 'kB'],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, 'import', 'bytes', (bytes) => (bytes / 1_000).toFixed(1)),
  ]),
)}

sluice is large. Most of the others are one limiter in one process. The rest is several limits in one decision, limits that change,
leaving the line, priorities, timers in hidden pages, and in \`throttleFetch\` what servers say. Who needs none of that is well served by p-throttle with \`strict\`.

${measured(part)}`;
  },
  redis: (part) => {
    const of = (row: Row) => -(value(row, 'call', 'many') ?? 0);
    return `## redis

Decisions on one key in one Redis on the same machine, through one ioredis 6 for all: how many a second with one caller who asks again as soon as
he is answered, with 64 of them, and what each of the latter takes of the server's processor.

${plain('peers-redis', 'Decisions a second in one Redis, 64 callers')}

${table(
  ['', '1 caller, per second', '64 callers, per second', "server's time, µs"],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, 'call', 'alone', whole),
    cellOf(row, 'call', 'many', whole),
    cellOf(row, 'call', 'server', short),
  ]),
)}

One script call of sluice decides for all callers who wait at that moment; with one caller there is nobody to share it with. Before sluice with one caller: ${ahead(
      part.rows,
      (row) => -(value(row, 'call', 'alone') ?? 0),
    )}.
The script of sluice does more in a call: it keeps several limits, pauses and what the server said. @upstash/ratelimit is made for Upstash over HTTP; here its script goes to the same Redis. p-ratelimit asks Redis for no decision: it splits the quota by
the number of processes. Effect's store for Redis brings a client of its own and is not here.

${measured(part)}`;
  },
  tabs: (part) => {
    const of = (row: Row) => value(row, 'tabs', 'refused');
    return `## tabs

In Chromium, ${tabCount} tabs of one page make ${callsPerTab} calls each at one instant to one API that takes ${tabQuota.limit} in any second. A library
that counts in its own tab lets each of them have the whole quota.

${plain('peers-tabs', 'Calls that the API refused, of 200 from four tabs')}

${table(
  ['', 'calls', 'refused', 'seconds'],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, 'tabs', 'calls', whole),
    cellOf(row, 'tabs', 'refused', whole),
    cellOf(row, 'tabs', 'seconds', (seconds) => seconds.toFixed(1)),
  ]),
)}

${measured(part)}`;
  },
};

/** The page, of the parts that were measured. */
export function pageOf(results: Results): string {
  const parts = Object.entries(sections).flatMap(([name, section]) => {
    const part = results[name];
    return part === undefined ? [] : [section(part)];
  });
  return `# Side by side with the alternatives

<!-- Made by \`npm run bench -- peers\` of bench/peers/results.json: changes by hand are lost. -->

\`npm run bench -- peers\` measures sluice and what people use today on the same work, and writes this page. It is meant for a machine with nothing else to do, with two
cores. \`npm run bench -- peers decide tabs\` measures these parts alone, \`--quick\` looks whether all runs and writes nothing. The other
libraries are in bench/peers with a package.json of their own, and are installed when they are first needed. Each is configured as its
documentation advises; bench/peers/contenders.ts names the page. Each measurement has a process of its own and a time limit: "not done
after" is what came of one that hangs or is slow. Look at ratios: times differ from machine to machine, and by what else it does.

${parts.join('\n\n')}

## What was configured, and where that is advised

${table(
  ['', 'version', 'page'],
  Object.values(
    Object.fromEntries(
      Object.values(results)
        .flatMap(({ rows }) => rows)
        .filter(({ page }) => page !== undefined)
        .map((row) => [row.name, [row.name, row.version ?? '', `[its documentation](${row.page})`]]),
    ),
  ),
)}
`;
}

const marksOf = (
  rows: readonly Row[],
  what: string,
  name: string,
  label: (number: number) => string,
  order: (number: number) => number = (number) => number,
): Mark[] => {
  const of = (row: Row) => value(row, what, name);
  return byValue(rows, (row) => {
    const found = of(row);
    return found === undefined ? undefined : order(found);
  })
    .filter((row) => row.results[what] !== undefined)
    .map((row) => ({
      name: row.name,
      value: of(row),
      label: cellOf(row, what, name, label),
      isOurs: isOurs(row),
    }));
};

/** The plots, by the name of their file. */
export function plotsOf(results: Results): Record<string, string> {
  const plots: Record<string, string> = {};
  const add = (part: string, make: (rows: readonly Row[]) => Parameters<typeof svgOf>[0]) => {
    const rows = results[part]?.rows;
    if (rows !== undefined) plots[`peers-${part}`] = svgOf(make(rows));
  };
  add('decide', (rows) => ({
    title: 'A call that may go at once, 100,000 keys',
    axis: 'ns a call, logarithmic; less is better',
    scale: 'log',
    marks: marksOf(rows, '100000', 'ns', (ns) => `${short(ns)} ns`),
  }));
  add('queue', (rows) => ({
    title: 'A million waiting calls go',
    axis: 'times as long as the limit alone would take; 1 is best',
    scale: 'linear',
    marks: marksOf(rows, 'drain 1000000', 'ofTheory', (times) => `${times.toFixed(2)} ×`),
  }));
  add('utilisation', (rows) => ({
    title: 'What four servers refuse',
    axis: '% of all calls of 36 cells; 0 is best',
    scale: 'linear',
    marks: byValue(rows, (row) => overCells(row, everywhere).refused / overCells(row, everywhere).calls).map((row) => {
      const { refused, calls, share } = overCells(row, everywhere);
      const part = calls === 0 ? undefined : (100 * refused) / calls;
      const label = part === undefined ? failure(row, 'all') : `${part.toFixed(1)} %, used ${percent(share)}`;
      return { name: row.name, value: part, label, isOurs: isOurs(row) };
    }),
  }));
  add('memory', (rows) => ({
    title: 'A key after one call, a million keys',
    axis: 'bytes on the heap, logarithmic; less is better',
    scale: 'log',
    marks: marksOf(rows, '1000000', 'bytes', (bytes) => `${whole(bytes)} bytes`),
  }));
  add('size', (rows) => ({
    title: 'The useful import, minified and gzipped',
    axis: 'bytes; less is better',
    scale: 'linear',
    marks: marksOf(rows, 'import', 'bytes', (bytes) => `${(bytes / 1_000).toFixed(1)} kB`),
  }));
  add('redis', (rows) => ({
    title: 'Decisions in one Redis, one key, 64 callers',
    axis: 'decisions a second, logarithmic; more is better',
    scale: 'log',
    marks: marksOf(
      rows,
      'call',
      'many',
      (rate) => whole(rate),
      (rate) => -rate,
    ),
  }));
  add('tabs', (rows) => ({
    title: 'Four tabs, one quota',
    axis: 'calls of 200 that the API refused; 0 is best',
    scale: 'linear',
    marks: marksOf(rows, 'tabs', 'refused', whole),
  }));
  return plots;
}
