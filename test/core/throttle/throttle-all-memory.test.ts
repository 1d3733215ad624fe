import v8 from 'node:v8';
import vm from 'node:vm';
import { createThrottle, throttleAll } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';

test('a combination remembers no key whose calls have gone', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const clock = new ManualClock();
  const made = () => createThrottle({ limits: { rate: 1, interval: 1, burst: 1_000 }, margin: 0, clock });
  const both = throttleAll([made(), made()]);
  const goThrough = async (from: number, to: number) => {
    for (let key = from; key < to; key++) {
      await both.wait(`user ${key}`);
      if (key % 1_000 === 0) await clock.advance(1_000);
    }
  };
  // The first part warms up.
  await goThrough(0, 10_000);
  const start = heap();
  await goThrough(10_000, 60_000);
  // 50,000 keys with their lines would be some 25 MB.
  expect(heap() - start).toBeLessThan(5_000_000);
}, 60_000);
