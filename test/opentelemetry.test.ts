import { fileURLToPath } from 'node:url';
import type { Attributes, Meter } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { build } from 'esbuild';
import { createThrottle, memoryStore, type Throttle, type ThrottleOptions, throttleAll, throttleFetch } from 'sluice';
import { type MeterThrottleOptions, meterThrottle } from 'sluice/opentelemetry';
import { faultyStore, ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { outcomeOf } from './core/line/outcome.ts';

const T = 1_000;
const limits = { rate: 1, interval: T };

const providers: MeterProvider[] = [];
afterEach(() => Promise.all(providers.splice(0).map((provider) => provider.shutdown())));

/** A meter, and what an exporter gets of it. */
function sdk() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e9 });
  const provider = new MeterProvider({ readers: [reader] });
  providers.push(provider);
  /** The metrics of the last collection, by name. */
  const collect = async () => {
    await provider.forceFlush();
    const metrics =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  };
  /** The values of one metric: a number, or the count and sum of a histogram. */
  const valuesOf = async (name: string) =>
    ((await collect()).get(name)?.dataPoints ?? []).map(({ attributes, value }) => {
      if (typeof value === 'number') return { attributes, value };
      const { count, sum } = value as Histogram;
      return { attributes, count, sum };
    });
  return { meter: provider.getMeter('test'), collect, valuesOf };
}

function setup(options: Partial<ThrottleOptions> = {}, metered?: MeterThrottleOptions) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const { meter, collect, valuesOf } = sdk();
  const stop = meterThrottle(throttle, meter, metered);
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  const run = (ms: number, key = 'a', by: Throttle = throttle) =>
    outcomeOf(
      by.run(() => sleep(ms), { key }),
      clock,
    );
  return { clock, throttle, meter, collect, valuesOf, stop, sleep, run };
}

const attributes: Attributes = {};

describe('meterThrottle', () => {
  test('records in seconds how long calls waited and how long they took', async () => {
    const { clock, run, valuesOf } = setup();
    for (const ms of [250, 500, 750]) run(ms);
    await clock.advance(10 * T);
    expect(await valuesOf('sluice.call.wait_time')).toEqual([{ attributes, count: 3, sum: 3 }]);
    expect(await valuesOf('sluice.call.duration')).toEqual([{ attributes, count: 3, sum: 1.5 }]);
    expect(await valuesOf('sluice.call.granted')).toEqual([{ attributes, value: 3 }]);
  });

  test('names its units as the conventions want, and has buckets for long waits', async () => {
    const { clock, collect, run } = setup();
    for (let call = 0; call < 200; call++) run(0);
    await clock.advance(200 * T);
    const metrics = await collect();
    const units = [...metrics.values()].map(({ descriptor }) => [descriptor.name, descriptor.unit]);
    expect(Object.fromEntries(units)).toEqual({
      'sluice.call.wait_time': 's',
      'sluice.call.duration': 's',
      'sluice.call.granted': '{call}',
      'sluice.call.waiting': '{call}',
      'sluice.call.in_flight': '{call}',
    });
    const { buckets } = metrics.get('sluice.call.wait_time')!.dataPoints[0]!.value as Histogram;
    const filled = buckets.counts.map((count, index) => [buckets.boundaries[index], count]);
    expect(filled.filter(([, count]) => count)).toEqual([
      [0, 1],
      [1, 1],
      [2.5, 1],
      [5, 3],
      [10, 5],
      [30, 20],
      [60, 30],
      [300, 139],
    ]);
  });

  test('reports at collection how many calls wait and are in flight, also those from before it was created', async () => {
    const { clock, throttle, meter, valuesOf, stop, run } = setup();
    stop();
    for (const key of ['a', 'a', 'a', 'b', 'b']) run(300, key);
    await clock.advance(0);
    meterThrottle(throttle, meter);
    const both = async () =>
      Promise.all(['waiting', 'in_flight'].map(async (name) => (await valuesOf(`sluice.call.${name}`))[0]?.value));
    expect(await both()).toEqual([3, 2]);
    await clock.advance(300);
    expect(await both()).toEqual([3, 0]);
    await clock.advance(T - 300);
    expect(await both()).toEqual([1, 2]);
    await clock.advance(2 * T);
    expect(await both()).toEqual([0, 0]);
  });

  test('reports that no call waits before the first call', async () => {
    const { valuesOf } = setup();
    expect(await valuesOf('sluice.call.waiting')).toEqual([{ attributes, value: 0 }]);
  });

  test('sends no operation to the store', async () => {
    const asked: string[] = [];
    const store = faultyStore(memoryStore(), (operation) => void asked.push(operation));
    const { clock, collect, run } = setup({ store });
    for (const key of ['a', 'a', 'b']) run(5 * T, key);
    await clock.advance(0);
    asked.length = 0;
    await collect();
    expect(asked).toEqual([]);
  });

  test('counts each attempt that a server refuses, apart from other outcomes', async () => {
    const { clock, throttle, valuesOf } = setup({ limits: { rate: 100, interval: T } });
    const statuses = [429, 429, 200];
    const fetch = throttleFetch(throttle, {
      fetch: async () => new Response('', { status: statuses.shift() ?? 200, headers: { 'retry-after': '1' } }),
    });
    const call = outcomeOf(fetch('https://api.example.com/'), clock);
    await clock.advance(60 * T);
    expect(call.error).toBeUndefined();
    expect(await valuesOf('sluice.call.refused')).toEqual([{ attributes, value: 2 }]);
    expect(await valuesOf('sluice.call.duration')).toEqual([
      { attributes: { 'error.type': 'refused' }, count: 2, sum: 0 },
      { attributes, count: 1, sum: 0 },
    ]);
  });

  test('counts failed calls by outcome, without the names of foreign errors', async () => {
    const { clock, throttle, valuesOf } = setup({ limits: { rate: 100, interval: T } });
    const controller = new AbortController();
    const fails = () => {
      throw Object.assign(new Error('no'), { name: `Error ${Math.random()}` });
    };
    const aborts = () => {
      controller.abort();
      throw controller.signal.reason;
    };
    outcomeOf(throttle.run(fails), clock);
    outcomeOf(throttle.run(aborts, { signal: controller.signal }), clock);
    await clock.advance(T);
    const types = (await valuesOf('sluice.call.duration')).map((value) => value.attributes['error.type']);
    expect(types).toEqual(['_OTHER', 'aborted']);
    expect(await valuesOf('sluice.call.refused')).toEqual([]);
  });

  test.each<[string, string, (throttle: Throttle, clock: ManualClock) => Promise<unknown>]>([
    ['that would wait too long', 'WaitTooLongError', (throttle) => throttle.wait('a', { maxWait: 5 })],
    [
      'that its caller aborts',
      'AbortError',
      (throttle, clock) => {
        const controller = new AbortController();
        clock.setTimeout(() => controller.abort(), 5);
        return throttle.wait('a', { signal: controller.signal });
      },
    ],
    [
      'that is cleared for a reason of its own',
      '_OTHER',
      (throttle, clock) => {
        clock.setTimeout(() => throttle.clear('a', new RangeError('mine')), 5);
        return throttle.wait('a');
      },
    ],
  ])('records the wait of a call %s with what it was rejected with', async (_, type, call) => {
    const { clock, throttle, valuesOf } = setup();
    await throttle.wait('a');
    outcomeOf(call(throttle, clock), clock);
    await clock.advance(5);
    const sum = type === 'WaitTooLongError' ? 0 : 0.005;
    expect(await valuesOf('sluice.call.wait_time')).toEqual([
      { attributes, count: 1, sum: 0 },
      { attributes: { 'error.type': type }, count: 1, sum },
    ]);
    expect(await valuesOf('sluice.call.granted')).toEqual([{ attributes, value: 1 }]);
  });

  test('adds the given attributes to all measurements', async () => {
    const { clock, collect, run } = setup({}, { attributes: { api: 'x' } });
    run(T);
    run(T);
    await clock.advance(0);
    await clock.advance(T);
    for (const { dataPoints, descriptor } of (await collect()).values())
      expect(
        dataPoints.map((point) => point.attributes),
        descriptor.name,
      ).toEqual([{ api: 'x' }]);
  });

  test('sums up the keys that have the same attributes, in whatever order, and tells 0 once no call is left', async () => {
    const attributes = (key: string): Attributes =>
      key === 'b' ? { tier: 'free', kind: 1 } : { kind: 1, tier: key === 'c' ? 'paid' : 'free' };
    const { clock, run, valuesOf } = setup({}, { attributes });
    for (const key of ['a', 'b', 'c']) for (let call = 0; call < 3; call++) run(0, key);
    await clock.advance(0);
    const free = { kind: 1, tier: 'free' };
    const paid = { kind: 1, tier: 'paid' };
    expect(await valuesOf('sluice.call.waiting')).toEqual([
      { attributes: free, value: 4 },
      { attributes: paid, value: 2 },
    ]);
    await clock.advance(3 * T);
    expect(await valuesOf('sluice.call.waiting')).toEqual([
      { attributes: free, value: 0 },
      { attributes: paid, value: 0 },
    ]);
    expect(await valuesOf('sluice.call.granted')).toEqual([
      { attributes: free, value: 6 },
      { attributes: paid, value: 3 },
    ]);
  });

  test('counts calls that wait for other throttles too', async () => {
    const { clock, throttle, valuesOf } = setup();
    const slow = createThrottle({ margin: 0, limits: { rate: 1, interval: T }, clock });
    const both = throttleAll([slow, throttle]);
    for (let call = 0; call < 3; call++) void both.run(() => {}, { key: 'a' });
    await clock.advance(0);
    expect(await valuesOf('sluice.call.waiting')).toEqual([{ attributes, value: 2 }]);
  });

  test('sums up several throttles of one meter, until each is stopped', async () => {
    const { clock, meter, run, stop, valuesOf } = setup();
    const other = createThrottle({ margin: 0, limits, clock });
    const stopOther = meterThrottle(other, meter);
    for (const throttle of [undefined, other]) for (let call = 0; call < 3; call++) run(0, 'a', throttle);
    await clock.advance(0);
    expect(await valuesOf('sluice.call.waiting')).toEqual([{ attributes, value: 4 }]);
    stop();
    stop();
    expect(await valuesOf('sluice.call.waiting')).toEqual([{ attributes, value: 2 }]);
    stopOther();
    await clock.advance(T);
    expect(await valuesOf('sluice.call.granted')).toEqual([{ attributes, value: 2 }]);
  });

  test('forgets attributes without a call when there are too many of them', async () => {
    const { clock, throttle, run } = setup();
    const observed: unknown[][] = [];
    const nothing = { add() {}, record() {} };
    let observe = (_: object) => {};
    const meter = {
      createHistogram: () => nothing,
      createCounter: () => nothing,
      createObservableUpDownCounter: () => nothing,
      addBatchObservableCallback: (callback: typeof observe) => {
        observe = callback;
      },
      removeBatchObservableCallback: () => {},
    };
    meterThrottle(throttle, meter as unknown as Meter, { attributes: (key) => ({ key }) });
    const collect = () => {
      observed.length = 0;
      observe({ observe: (...values: unknown[]) => observed.push(values) });
      return observed.length / 2;
    };
    for (let key = 0; key < 1_500; key++) run(0, `${key}`);
    run(0, '0');
    await clock.advance(0);
    for (let key = 0; key < 1_500; key++) run(2 * T, `${key}`);
    await clock.advance(0);
    expect(collect()).toBe(1_500);
    await clock.advance(10 * T);
    expect([collect(), collect()]).toEqual([1_500, 1_000]);
  });

  test('measures nothing after it is stopped', async () => {
    const { clock, run, stop, valuesOf } = setup();
    run(0);
    await clock.advance(0);
    expect(await valuesOf('sluice.call.granted')).toEqual([{ attributes, value: 1 }]);
    stop();
    run(0);
    await clock.advance(T);
    expect(await valuesOf('sluice.call.granted')).toEqual([{ attributes, value: 1 }]);
    expect(await valuesOf('sluice.call.duration')).toEqual([{ attributes, count: 1, sum: 0 }]);
  });

  test('does not disturb calls when its attributes function throws', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {});
    const wrong = () => {
      throw new Error('mine');
    };
    const { clock, run } = setup({}, { attributes: wrong });
    const calls = [run(0), run(0)];
    await clock.advance(T);
    expect(calls.map(({ at }) => at)).toEqual([0, T]);
    expect(shown).toHaveBeenCalled();
    shown.mockRestore();
  });

  test('imports no code of OpenTelemetry', async () => {
    const entryPoints = [fileURLToPath(new URL('../src/opentelemetry.ts', import.meta.url))];
    const { metafile } = await build({ entryPoints, bundle: true, format: 'esm', write: false, metafile: true });
    expect(Object.keys(metafile.inputs).filter((file) => file.includes('node_modules'))).toEqual([]);
  });

  test.each<[string, () => unknown]>([
    ['throttle', () => meterThrottle({} as Throttle, sdk().meter)],
    ['meter', () => meterThrottle(createThrottle({ limits }), undefined as unknown as Meter)],
    ['meter.createHistogram', () => meterThrottle(createThrottle({ limits }), {} as Meter)],
    ['options', () => meterThrottle(createThrottle({ limits }), sdk().meter, null as unknown as object)],
    ['attributes', () => meterThrottle(createThrottle({ limits }), sdk().meter, { attributes: 'key' as never })],
  ])('refuses a wrong %s', (name, call) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(`Expected \`${name}\` to be`);
  });
});
