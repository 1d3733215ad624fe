import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { overCells, pageOf, plotsOf, type Results } from '../../bench/peers/page.ts';
import { svgOf, ticksOf } from '../../bench/peers/plot.ts';
import { drainInterval, drainTheory, windowsOf } from '../../bench/peers/queue.ts';
import { send, shareOf } from '../../bench/peers/utilisation.ts';
import { VirtualTime } from '../../bench/peers/virtual-time.ts';
import { SlidingWindow } from '../../demo/servers/sliding-window.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('docs/benchmarks-peers.md', () => {
  const results = JSON.parse(read('bench/peers/results.json')) as Results;

  it('is generated from bench/peers/results.json: `npm run bench -- peers page` writes it again', () => {
    expect(read('docs/benchmarks-peers.md')).toBe(pageOf(results));
  });

  it('shows the plots of the same results, and no others', () => {
    const plots = plotsOf(results);
    for (const [name, svg] of Object.entries(plots)) expect(read(`docs/images/${name}.svg`), name).toBe(svg);
    const files = readdirSync(new URL('../../docs/images', import.meta.url)).filter((file) =>
      file.startsWith('peers-'),
    );
    expect(files.sort()).toEqual(
      Object.keys(plots)
        .map((name) => `${name}.svg`)
        .sort(),
    );
  });

  it('has a row with a version and a page for each library that is installed for it', () => {
    const { dependencies } = JSON.parse(read('bench/peers/package.json')) as { dependencies: Record<string, string> };
    const carriers = ['axios', 'ioredis', '@upstash/redis'];
    const contenders = read('bench/peers/contenders.ts') + read('bench/peers/redis.ts');
    const missing = Object.keys(dependencies).filter((name) => !contenders.includes(`package: '${name}'`));
    expect(missing.sort()).toEqual(carriers.sort());
  });
});

describe('the share of a quota', () => {
  const quota = { limit: 10, interval: 1_000 };
  const every = (ms: number, count: number, accepted = true) =>
    Array.from({ length: count }, (_, index) => ({ at: 5 + index * ms, accepted }));

  it('is 1 for calls at exactly the rate', () => expect(shareOf(every(100, 31), quota)).toBeCloseTo(1, 12));
  it('is a half at half of the rate', () => expect(shareOf(every(200, 31), quota)).toBeCloseTo(0.5, 12));
  it('does not count what was refused', () => {
    const log = every(100, 31).map((arrival, index) => ({ ...arrival, accepted: index % 3 === 0 }));
    expect(shareOf(log, quota)).toBeCloseTo(1 / 3, 12);
  });

  it('of a row is the least of its cells, and failed cells are told apart', () => {
    const cells = {
      'fixed window, 10 per second, jitter 0': { calls: 300, refused: 3, share: 0.9 },
      'fixed window, 10 per second, jitter 60 ms': { calls: 300, refused: 0, share: 0.8 },
      'leaky bucket, 10 per second, jitter 0': { failed: 'hangs' },
      'real time': { calls: 1_000, refused: 9, share: 0.1 },
    };
    expect(overCells({ name: 'any', results: cells }, () => true)).toEqual({
      calls: 600,
      refused: 3,
      share: 0.8,
      failed: 1,
    });
  });
});

describe('virtual time', () => {
  it('calls timers back in order, in whole milliseconds and at most one late', async () => {
    const time = new VirtualTime();
    const fired: [string, number][] = [];
    for (const [name, ms] of [
      ['late', 20],
      ['early', 5.9],
      ['at once', 0],
    ] as const) {
      time.setTimeout(() => fired.push([name, time.now]), ms);
    }
    await time.until(() => fired.length === 3, turn, 1_000);
    expect(fired.map(([name]) => name)).toEqual(['at once', 'early', 'late']);
    const least = [1, 5, 20];
    for (const [index, [, at]] of fired.entries()) {
      expect(at).toBeGreaterThanOrEqual(least[index] as number);
      expect(at).toBeLessThan((least[index] as number) + 1);
    }
  });

  it('fails when calls wait and no timer is set, or none before the end', async () => {
    const time = new VirtualTime();
    await expect(time.until(() => false, turn, 1_000)).rejects.toThrow('no timer is set');
    time.at(2_000, () => {});
    await expect(time.until(() => false, turn, 1_000)).rejects.toThrow('not done after 1 s');
  });

  it('forgets a timer that is cleared', async () => {
    const time = new VirtualTime();
    let fired = 0;
    const timer = time.setTimeout(() => fired++, 5);
    time.clear(timer);
    time.at(50, () => {});
    await time.until(() => time.now === 50, turn, 1_000);
    expect(fired).toBe(0);
  });
});

it('a call over a new connection arrives late, and one over a connection that is open does not', async () => {
  const time = new VirtualTime();
  const network = { jitter: 0, connecting: 150 };
  const { log, task } = send(new SlidingWindow({ limit: 2, interval: 1_000 }), network, () => 0, time);
  const answers: number[] = [];
  const call = () => void task().then(({ status }) => answers.push(status));
  call();
  await time.until(() => answers.length === 1, turn, 1_000);
  call();
  call();
  await time.until(() => answers.length === 3, turn, 1_000);
  expect(log).toEqual([
    { at: 155, accepted: true },
    { at: 165, accepted: true },
    { at: 315, accepted: false },
  ]);
  expect(answers).toEqual([200, 200, 429]);
});

it('theory of a drain lets the first window go at once', () => {
  for (const count of [1_000, 1_000_000]) {
    expect(drainTheory(count)).toBe(drainInterval * windowsOf(count) - drainInterval);
  }
  expect(drainTheory(1_000_000)).toBe(1_000);
});

describe('plots', () => {
  it('have axes in steps that people count in', () => {
    expect(ticksOf(0, 47, 'linear')).toEqual([0, 10, 20, 30, 40, 50]);
    expect(ticksOf(0, 0.9, 'linear')).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticksOf(150, 98_000, 'log')).toEqual([100, 1_000, 10_000, 100_000]);
  });

  it('name the reason where there is no number, and keep names out of the markup', () => {
    const svg = svgOf({
      title: 'any',
      axis: 'ns',
      scale: 'log',
      marks: [
        { name: 'a<b', value: 10, label: '10 ns', isOurs: true },
        { name: 'slow', label: 'not done after 20 s', isOurs: false },
      ],
    });
    expect(svg).toContain('a&lt;b');
    expect(svg).toContain('not done after 20 s');
    expect(svg.match(/<circle/g)).toHaveLength(1);
  });
});
