import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createThrottle, slidingWindow, type WaitOptions } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function heapUsed(): Promise<number> {
  collectGarbage();
  await settled();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const million = 1_000_000;

describe('a million waiters on one key', () => {
  test('take at most 400 bytes of heap each, promises included, and one timer; all go, in order', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: slidingWindow({ limit: 100_000, interval: 1000 }), clock });
    await throttle.wait('default', { cost: 100_000 });
    const before = await heapUsed();
    const promises: Promise<unknown>[] = new Array(million);
    for (let call = 0; call < million; call++) promises[call] = throttle.wait();
    expect(((await heapUsed()) - before) / million).toBeLessThan(400);
    expect(clock.timers).toBe(1);
    expect((await throttle.status()).waiting).toBe(million);

    let gone = 0;
    let isInOrder = true;
    for (const [call, promise] of promises.entries()) {
      promise.then(() => {
        isInOrder &&= call === gone;
        gone++;
      });
    }
    const goneAfter: number[] = [];
    for (let second = 0; second < 10; second++) {
      await clock.advance(1000);
      goneAfter.push(gone);
      expect(clock.timers).toBe(gone === million ? 0 : 1);
    }
    expect(goneAfter).toEqual(goneAfter.map((_, second) => (second + 1) * 100_000));
    expect(isInOrder).toBe(true);
    expect(await throttle.status()).toMatchObject({ waiting: 0, inFlight: 0, eta: undefined });
  }, 60_000);
});

describe('twenty thousand keys that are called and rest', () => {
  test('leave nothing but their buckets', async () => {
    const throttle = createThrottle({
      margin: 0,
      limits: { rate: 1, interval: 1, burst: 2 },
      clock: new ManualClock(),
    });
    const keys = Array.from({ length: 20_000 }, (_, key) => `key ${key}`);
    for (const key of keys) await throttle.allow(key);
    const before = await heapUsed();
    for (const key of keys) await throttle.run(() => {}, { key });
    const more = (await heapUsed()) - before;
    await throttle.close();
    expect(more / keys.length).toBeLessThan(50);
  });
});

describe('fifty thousand waiters on one key', () => {
  const many = 50_000;

  /** A throttle of one call per ms with a long line. */
  function line(options: WaitOptions) {
    const clock = new ManualClock();
    const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 1 }, clock });
    const ends = { granted: 0, rejected: 0 };
    for (let call = 0; call < many; call++) {
      throttle.wait('default', options).then(
        () => ends.granted++,
        () => ends.rejected++,
      );
    }
    return { clock, throttle, ends };
  }

  test('go one by one', async () => {
    const { clock, throttle, ends } = line({});
    await settled();
    await clock.advance(many / 2);
    expect(ends.granted).toBe(many / 2 + 1);
    expect((await throttle.status()).eta).toBe(clock.now() + many / 2 - 1);
    await clock.advance(many / 2);
    expect([ends.granted, clock.timers]).toEqual([many, 0]);
  });

  test('leave when their common signal aborts', async () => {
    const controller = new AbortController();
    const { clock, ends } = line({ signal: controller.signal });
    await settled();
    controller.abort();
    await clock.advance(0);
    expect([ends, clock.timers]).toEqual([{ granted: 1, rejected: many - 1 }, 0]);
  });

  test('leave when their time is over', async () => {
    const { clock, throttle, ends } = line({ maxWait: many });
    await settled();
    await throttle.pause('default', clock.now() + 2 * many);
    await clock.advance(many);
    expect([ends, clock.timers]).toEqual([{ granted: 1, rejected: many - 1 }, 0]);
  });

  test('leave when the throttle closes', async () => {
    const { clock, throttle, ends } = line({});
    await throttle.close();
    await settled();
    expect([ends, clock.timers]).toEqual([{ granted: 1, rejected: many - 1 }, 0]);
  });
});
