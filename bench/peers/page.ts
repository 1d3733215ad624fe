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

This part measures what a call costs that may go at once, its \`.then\` included. The figures are nanoseconds a call, with 1,000 calls in a turn: the median
of 5 rounds of 0.1 s, and the best of three passes over all rows. With one key the quota is 2,000,000 in 60 s. With 100,000 keys it is 100 in 60 s for each.

"Keys: Map" is a library without keys, used through a Map of its instances. Each key is used once before the measurement. That first use counts only
for the time limit of 20 s. Libraries that space calls evenly are left out, as no second call may go at once.

${plain('peers-decide', 'nanoseconds for a call that may go at once, 100,000 keys')}

${table(
  ['', '1 key', '100,000 keys', 'keys'],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, '1', 'ns', short),
    cellOf(row, '100000', 'ns', short),
    withKeys.test(row.name) ? 'its own' : 'Map',
  ]),
)}

Faster than the best row of sluice:

- with 100,000 keys of their own: ${ahead(keyed, of)}
- with a Map of instances: ${ahead(part.rows, of)}
- with one key: ${ahead(part.rows, (row) => value(row, '1', 'ns'))}

These do less. p-throttle hands out no grant, and has neither costs nor a second limit. \`tryRemoveTokens\` gives no promise and never waits.
\`allow\` of sluice tells what is left of each limit, which is most of its cost.

${measured(part)}`;
  },
  queue: (part) => {
    const ofDrain = (row: Row) => value(row, 'drain 1000000', 'ofTheory');
    return `## queue

This part makes many calls on one key that all have to wait:

- "In line" is how long a call takes to join the line, in nanoseconds. "Bytes" is what it holds there, its promise included. Both are measured with
  ${whole(100_000)} and ${whole(1_000_000)} waiting.
- "Timers" counts those that are set while 1,000 calls wait.
- A "drain" lasts from the first call to the end of the last. The limit lets a third of the calls go in any ${drainInterval} ms, and of a million calls a
  fifth. So theory says ${drainTheory(1_000)} ms, and ${drainTheory(1_000_000)} ms for a million. The table has how many times as long it took.
- "Processor" is the processor's time, all threads together.

No margin is kept, as the others keep none. A call that is made when its turn has already come goes at once. Libraries that space calls by whole
milliseconds are not drained. The machine limits these figures more than the libraries' logic does, since a million promises are mostly work for
the garbage collector.

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

Faster than the best row of sluice with a million: ${ahead(part.rows, ofDrain)}. Fewer bytes for a waiting call: ${ahead(part.rows, (row) => value(row, 'hold 1000000', 'bytes'))}.
A waiting call of sluice can leave at any time, has a priority and a deadline, and gets a grant that can be settled. The bare minimum is an array
of callbacks.

${measured(part)}`;
  },
  utilisation: (part) => {
    const of = (row: Row) => overCells(row, everywhere).refused / overCells(row, everywhere).calls;
    const clean = part.rows.filter((row) => overCells(row, everywhere).refused === 0 && !row.results.all);
    const spots = part.rows.filter((row) => row.results['real time'] !== undefined);
    return `## utilisation

All calls are made at once, in virtual time, and a server that enforces the quota refuses what is too much. Refused calls are not sent again.

- Servers: a fixed window, a sliding window, a token bucket and a leaky bucket. The token bucket holds the whole quota. The leaky bucket takes a
  tenth of it at once, and at least two calls.
- Quotas: ${Object.entries(quotas)
      .map(([name, { calls }]) => `${name} (${whole(calls)} calls)`)
      .join(', ')}.
- Networks: 5 ms one way; each call up to 60 ms late; new connections that take 150 ms, kept open and used again.
- Timers are Node's: whole milliseconds, up to one late.

The throttle of sluice has only the documented number, its adapter for fetch and the default margin. "Used" is the share of the rate that the
accepted calls of a cell used from the first arrival to the last. The table has the lowest of all cells. It can be above 100 %, as a first window
goes at once.

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
first calls do not go all at once. A burst that a window allows is more than a leaky bucket takes. If you do not know the server, take \`burst: 1\`.

All 36 cells of each row are in bench/peers/results.json. One cell was measured in real time too: ${cellName('sliding window', '100 per second', 'jitter 60 ms')}.

${spots
  .map((row) => {
    const cell = (what: string) => ({
      refused: value(row, what, 'refused') ?? Number.NaN,
      share: value(row, what, 'share') ?? Number.NaN,
    });
    const [real, virtual] = [cell('real time'), cell(cellName('sliding window', '100 per second', 'jitter 60 ms'))];
    return `- ${row.name}: ${real.refused} refused and ${percent(real.share)} used; in virtual time ${virtual.refused} and ${percent(virtual.share)}`;
  })
  .join('\n')}

${measured(part)}`;
  },
  memory: (part) => {
    const of = (row: Row) => value(row, '1000000', 'bytes');
    return `## memory

This part measures the bytes on the heap for each key after one call. The key's string is not counted. The quota is 10 an hour. A library without
keys is used through a Map of instances.

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

Fewer bytes than the best row of sluice: ${ahead(part.rows, of)}. A bucket of sluice also knows the limits that it went under, since they can change. The bare minimum is a number in an object in a Map.

${measured(part)}`;
  },
  size: (part) => {
    const of = (row: Row) => value(row, 'import', 'bytes');
    return `## size

This part measures what a page loads for the useful import, bundled with esbuild, minified and gzipped. For axios-rate-limit, axios is not counted.
Modules of Node that a bundler would have to replace (p-ratelimit, async-sema) are not counted either.

${plain('peers-size', 'Size of the useful import')}

${table(
  ['', 'kB'],
  byValue(part.rows, of).map((row) => [
    named(row),
    cellOf(row, 'import', 'bytes', (bytes) => (bytes / 1_000).toFixed(1)),
  ]),
)}

sluice is large. Most of the others are one limiter in one process. What it adds is several limits in one decision, limits that change, leaving the
line, priorities, timers in hidden pages, and in \`throttleFetch\` what servers say. If you need none of that, p-throttle with \`strict\` serves
you well.

${measured(part)}`;
  },
  redis: (part) => {
    const of = (row: Row) => -(value(row, 'call', 'many') ?? 0);
    return `## redis

This part measures decisions on one key in one Redis on the same machine, through one ioredis 6 for all. A caller asks again as soon as it is
answered. The table has the decisions per second with one caller and with 64 of them. The last column is what a decision takes of the server's
processor with 64 callers.

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

One script call of sluice decides for all callers that wait at that moment. A single caller has nobody to share it with. Faster than sluice with
one caller: ${ahead(part.rows, (row) => -(value(row, 'call', 'alone') ?? 0))}. The script of sluice does more in a call: it keeps several limits, pauses and what
the server said.

The package @upstash/ratelimit is made for Upstash over HTTP; here its script goes to the same Redis. Two others are left out:

- p-ratelimit asks Redis for no decision. It splits the quota by the number of processes.
- Effect's store for Redis brings its own client.

${measured(part)}`;
  },
  tabs: (part) => {
    const of = (row: Row) => value(row, 'tabs', 'refused');
    return `## tabs

In Chromium, ${tabCount} tabs of one page make ${callsPerTab} calls each at one instant. They call one API that takes ${tabQuota.limit} in any second. A library that counts in
its own tab gives each tab the whole quota.

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

<!-- \`npm run bench -- peers\` makes this page from bench/peers/results.json: changes by hand are lost. -->

\`npm run bench -- peers\` measures sluice and the alternatives that people use today on the same work, and writes this page. It is meant for a
machine with two cores and nothing else to do.

- \`npm run bench -- peers decide tabs\` measures only these parts.
- \`--quick\` checks that everything runs, and writes nothing.

The other libraries are in bench/peers, with their own package.json. They are installed when they are first needed. Each is configured as its
documentation advises; bench/peers/contenders.ts and the last table name the page. Each measurement has its own process and a time limit. "Not done after" stands for one that
hangs or is slow. Look at the ratios: times differ from machine to machine, and with the other work of the machine.

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
