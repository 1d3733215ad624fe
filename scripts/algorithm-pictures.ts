import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createThrottle, type Limit, quota, slidingWindow } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { SlidingWindow } from '../demo/servers/sliding-window.ts';

// Draws the pictures of docs/algorithm.md from what the library does: `npx tsx scripts/algorithm-pictures.ts`.

const width = 760;
const left = 230;
const right = 20;
const rowHeight = 46;
const head = 40;

const ink = '#1f2937';
const faint = '#9aa3b2';
const calm = '#2563eb';
const alarm = '#dc2626';
const shade = '#dbeafe';
const alarmShade = '#fee2e2';

/** Calls that all wait from the start: when each goes, in ms. */
async function departures(limits: Limit, calls: number, margin = 0): Promise<number[]> {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits, margin, clock });
  const times: number[] = [];
  for (let call = 0; call < calls; call++) void throttle.wait().then(() => times.push(clock.monotonic()));
  while (times.length < calls) await clock.advance(1);
  return times;
}

/** How full a leaky bucket is, in calls, every few ms, while calls that all wait from the start go. */
async function levels(limits: Limit, calls: number, until: number): Promise<[number, number][]> {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits, margin: 0, clock });
  for (let call = 0; call < calls; call++) void throttle.wait();
  const points: [number, number][] = [];
  await clock.advance(0);
  for (let now = 0; now <= until; now += 5) {
    const { resetAfter = 0 } = (await throttle.status()).limits[0] ?? {};
    points.push([now, (resetAfter * limits.rate) / limits.interval]);
    await clock.advance(5);
  }
  return points;
}

/** The window of that length that holds the most calls: where it begins, and how many. */
function fullest(times: readonly number[], span: number): { from: number; most: number } {
  const counts = times.map((from) => ({
    from,
    most: times.filter((time) => time >= from && time < from + span).length,
  }));
  return counts.reduce((best, one) => (one.most > best.most ? one : best));
}

const round = (value: number) => Math.round(value * 10) / 10;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

interface Scale {
  readonly until: number;
  readonly x: (ms: number) => number;
}

function scaleTo(until: number): Scale {
  return { until, x: (ms) => round(left + (ms / until) * (width - left - right)) };
}

const rowAt = (index: number) => head + index * rowHeight;

function label(index: number, text: string, note = ''): string {
  const y = rowAt(index);
  const code = `<text x="16" y="${y + 18}" class="code">${escaped(text)}</text>`;
  return note === '' ? code : `${code}<text x="16" y="${y + 34}" class="note">${escaped(note)}</text>`;
}

/** A line for each call, and how many there are where several go at one instant. */
function ticks({ x, until }: Scale, index: number, times: readonly number[], color = calm): string {
  const y = rowAt(index);
  const places = new Map<number, number>();
  for (const time of times) if (time <= until) places.set(x(time), (places.get(x(time)) ?? 0) + 1);
  return [...places]
    .map(([place, calls]) => {
      const line = `<line x1="${place}" x2="${place}" y1="${y + 8}" y2="${y + 32}" stroke="${color}" stroke-width="2"/>`;
      return calls === 1 ? line : `${line}<text x="${place - 6}" y="${y + 24}" class="count">${calls}</text>`;
    })
    .join('');
}

function span({ x }: Scale, index: number, from: number, to: number, color: string): string {
  return `<rect x="${x(from)}" y="${rowAt(index) + 2}" width="${round(x(to) - x(from))}" height="36" rx="3" fill="${color}"/>`;
}

function axis({ x, until }: Scale, rows: number, step: number): string {
  const y = rowAt(rows) + 4;
  const marks = Array.from({ length: Math.floor(until / step) + 1 }, (_, index) => index * step);
  const texts = marks.map(
    (ms) =>
      `<line x1="${x(ms)}" x2="${x(ms)}" y1="${y}" y2="${y + 5}" stroke="${faint}"/><text x="${x(ms)}" y="${y + 18}" class="mid">${ms / 1_000} s</text>`,
  );
  return `<line x1="${left}" x2="${width - right}" y1="${y}" y2="${y}" stroke="${faint}"/>${texts.join('')}`;
}

function drawing(title: string, rows: number, parts: readonly string[]): string {
  const height = rowAt(rows) + 34;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: ${ink} }
.code { font: 12px ui-monospace, monospace }
.note { fill: #5b6472 }
.mid { text-anchor: middle; fill: #5b6472 }
.count { text-anchor: end; font-weight: 600 }
.title { font-weight: 600 }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>
<text x="16" y="22" class="title">${escaped(title)}</text>
${parts.join('\n')}
</svg>
`;
}

async function leakyBucket(): Promise<string> {
  const limits: Limit = { rate: 10, interval: 1_000, burst: 5 };
  const scale = scaleTo(2_000);
  const y = (level: number) => round(rowAt(3) - 8 - level * 14);
  const level = (await levels(limits, 15, 2_000)).map(([now, calls]) => `${scale.x(now)},${y(calls)}`);
  return drawing('A leaky bucket: 5 at once, then 10 per second', 3, [
    label(0, 'calls that go', '15 asked for at 0 s'),
    ticks(scale, 0, await departures(limits, 15)),
    label(1, 'level of the bucket', 'dashed: the burst of 5'),
    `<line x1="${left}" x2="${width - right}" y1="${y(5)}" y2="${y(5)}" stroke="${alarm}" stroke-dasharray="4 4"/>`,
    `<polyline points="${level.join(' ')}" fill="none" stroke="${calm}" stroke-width="2"/>`,
    axis(scale, 3, 500),
  ]);
}

async function anyWindow(): Promise<string> {
  const scale = scaleTo(3_000);
  const rows = [
    ['rate 20, burst 20', { rate: 20, interval: 1_000, burst: 20 }],
    ['quota, burst 5', quota({ limit: 20, interval: 1_000, burst: 5 })],
  ] as const;
  const parts = [];
  for (const [index, [text, limits]] of rows.entries()) {
    const times = await departures(limits, 60);
    const { from, most } = fullest(times, 1_000);
    parts.push(span(scale, index, from, from + 1_000, most > 20 ? alarmShade : shade));
    parts.push(label(index, text, `at most ${most} in any second`));
    parts.push(ticks(scale, index, times));
  }
  return drawing('"20 per second": the fullest second of two buckets', 2, [...parts, axis(scale, 2, 500)]);
}

async function quotaOrWindow(): Promise<string> {
  const scale = scaleTo(3_000);
  const rows = [
    ['slidingWindow', slidingWindow({ limit: 20, interval: 1_000 })],
    ['perSecond(20)', quota({ limit: 20, interval: 1_000 })],
    ['perSecond(20), burst 5', quota({ limit: 20, interval: 1_000, burst: 5 })],
  ] as const;
  const parts = [];
  for (const [index, [text, limits]] of rows.entries()) {
    const times = await departures(limits, 60);
    const gone = times.filter((time) => time < 3_000).length;
    parts.push(label(index, text, `${gone} of 60 gone in 3 s`), ticks(scale, index, times));
  }
  return drawing('"20 per second" as a window and as quotas', 3, [...parts, axis(scale, 3, 500)]);
}

/** ms that a call is on its way: 0 to 60, the same in every run (mulberry32). */
function jitter(): () => number {
  let state = 7;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * 60;
  };
}

async function margin(): Promise<string> {
  const scale = scaleTo(1_300);
  const rows = [0, 60] as const;
  const parts = [];
  for (const [index, kept] of rows.entries()) {
    const times = await departures(slidingWindow({ limit: 10, interval: 1_000 }), 20, kept);
    const late = jitter();
    const arrivals = times.map((time) => time + late()).sort((one, other) => one - other);
    const server = new SlidingWindow({ limit: 10, interval: 1_000 });
    const judged = arrivals.map((at) => ({ at, isAccepted: server.accept(at).accepted }));
    const refused = judged.filter(({ isAccepted }) => !isAccepted);
    parts.push(label(2 * index, `margin: ${kept}`, 'leave the client'), ticks(scale, 2 * index, times, faint));
    parts.push(label(2 * index + 1, '', `reach the server: ${refused.length} refused`));
    parts.push(
      ticks(
        scale,
        2 * index + 1,
        judged.filter(({ isAccepted }) => isAccepted).map(({ at }) => at),
      ),
    );
    parts.push(
      ticks(
        scale,
        2 * index + 1,
        refused.map(({ at }) => at),
        alarm,
      ),
    );
  }
  return drawing('A window of 10 per second over a network that takes 0 to 60 ms', 4, [...parts, axis(scale, 4, 250)]);
}

/** Each picture by its name in docs/images. */
export async function algorithmPictures(): Promise<Record<string, string>> {
  return {
    'leaky-bucket.svg': await leakyBucket(),
    'any-window.svg': await anyWindow(),
    'quota-or-window.svg': await quotaOrWindow(),
    'margin.svg': await margin(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL('../docs/images/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(await algorithmPictures())) writeFileSync(`${folder}${name}`, text);
}
