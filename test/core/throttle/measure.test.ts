import { PerformanceObserver, performance } from 'node:perf_hooks';
import { createThrottle, measureThrottle, type Throttle, type Timeline } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };

/** An entry as a `PerformanceObserver` gets it. */
interface Shown {
  readonly name: string;
  readonly start: number;
  readonly duration: number;
  readonly detail: unknown;
}

function setup() {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock });
  const shown: Shown[] = [];
  const note = (entries: readonly object[]) => {
    for (const { name, startTime: start, duration, detail } of entries as PerformanceMeasure[])
      shown.push({ name, start, duration, detail });
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ type: 'measure' });
  /** The platform's, but for the time, which is the throttle's. */
  const began = 5_000 - clock.monotonic();
  const timeline: Timeline = {
    now: () => began + clock.monotonic(),
    measure: (name, options) => performance.measure(name, options),
    clearMeasures: (name) => performance.clearMeasures(name),
  };
  const stop = measureThrottle(throttle, timeline);
  const run = (ms: number, options?: Parameters<Throttle['run']>[1]) =>
    outcomeOf(
      throttle.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, ms)), options),
      clock,
    );
  const entries = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    // On a busy machine some were not told yet.
    note(observer.takeRecords());
    observer.disconnect();
    return shown;
  };
  return { clock, throttle, run, stop, entries };
}

describe('measureThrottle', () => {
  test('shows the wait of a call that had to wait, and each call of run', async () => {
    const { clock, run, entries } = setup();
    run(30, { key: 'a' });
    run(20, { key: 'a' });
    await clock.advance(10 * T);
    const call = { key: 'a', cost: 1 };
    expect(await entries()).toEqual([
      { name: 'sluice call a', start: 5_000, duration: 30, detail: { ...call, wait: 0, duration: 30, outcome: 'ok' } },
      { name: 'sluice wait a', start: 5_000, duration: T, detail: { ...call, wait: T, outcome: 'granted' } },
      {
        name: 'sluice call a',
        start: 5_000 + T,
        duration: 20,
        detail: { ...call, wait: T, duration: 20, outcome: 'ok' },
      },
    ]);
  });

  test('shows the wait of a call that was rejected, with whatever that cannot be copied', async () => {
    const { clock, throttle, run, entries } = setup();
    await throttle.wait('a');
    run(0, { key: 'a' });
    await clock.advance(40);
    throttle.clear('a', () => {});
    const detail = { key: 'a', cost: 1, wait: 40, outcome: 'rejected' };
    expect(await entries()).toEqual([{ name: 'sluice wait a', start: 5_000, duration: 40, detail }]);
  });

  test('shows no wait of a call that went at once, and none that was refused at once', async () => {
    const { clock, throttle, entries } = setup();
    await throttle.wait('a');
    outcomeOf(throttle.wait('a', { maxWait: 1 }), clock);
    await throttle.allow('b');
    await clock.advance(T);
    expect(await entries()).toEqual([]);
  });

  test('leaves nothing in the buffer of the platform, and what others put there', async () => {
    const { clock, run, entries } = setup();
    performance.measure('mine', { start: 0, end: 1 });
    for (let call = 0; call < 5; call++) run(1, { key: 'a' });
    await clock.advance(10 * T);
    expect((await entries()).filter(({ name }) => name.startsWith('sluice'))).toHaveLength(9);
    expect(performance.getEntriesByType('measure').map(({ name }) => name)).toEqual(['mine']);
    performance.clearMeasures('mine');
  });

  test('takes each entry out of the buffer once it is made, even of the shortest wait', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 0.5 }, clock });
    const told: string[] = [];
    measureThrottle(throttle, {
      now: () => clock.monotonic(),
      measure: (name, { start, end }) => told.push(`${name} from ${start} to ${end}`),
      clearMeasures: (name) => told.push(`${name} cleared`),
    });
    for (let call = 0; call < 2; call++) outcomeOf(throttle.wait('a'), clock);
    await clock.advance(10);
    expect(told).toEqual(['sluice wait a from 0 to 0.5', 'sluice wait a cleared']);
  });

  test('takes the `performance` of the platform, and begins no entry before that does', async () => {
    const { clock, throttle, stop, entries } = setup();
    stop();
    const stopAgain = measureThrottle(throttle, performance);
    await throttle.wait('a');
    const aLongTime = 1e9;
    await throttle.pause('a', clock.now() + 3_600_000);
    outcomeOf(throttle.wait('a'), clock);
    await clock.advance(aLongTime);
    stopAgain();
    expect(await entries()).toMatchObject([{ name: 'sluice wait a', start: 0, detail: { wait: 3_600_000 } }]);
  });

  test('shows nothing after it is stopped, which can be done twice', async () => {
    const { clock, run, stop, entries } = setup();
    run(30);
    run(30);
    stop();
    stop();
    await clock.advance(10 * T);
    expect(await entries()).toEqual([]);
  });

  test.each(['now', 'measure', 'clearMeasures'])('refuses a timeline without %s', (method) => {
    const timeline = { now: () => 0, measure() {}, clearMeasures() {}, [method]: undefined };
    const throttle = createThrottle({ limits });
    expect(() => measureThrottle(throttle, timeline as unknown as Timeline)).toThrow(
      `Expected \`timeline.${method}\` to be a function, got \`undefined\`.`,
    );
  });
});
