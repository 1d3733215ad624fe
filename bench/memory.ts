import v8 from 'node:v8';
import vm from 'node:vm';
import { createThrottle, type Limit, slidingWindow } from 'sluice';

// What a throttle holds on the heap: per key that was used once, and per call that waits. Key strings are not counted.

const count = 100_000;

const cases: readonly (readonly [what: string, limit: Limit])[] = [
  ['a leaky bucket', { rate: 1, interval: 3_600_000, burst: 10 }],
  ['a sliding window', slidingWindow({ limit: 10, interval: 3_600_000 })],
];

/** Prints bytes per key and per waiting call. */
export async function memory(): Promise<void> {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const keys = Array.from({ length: count }, (_, index) => `key ${index}`);
  // A key is hashed when it is used first.
  if (new Set(keys).size !== count) throw new Error('Keys must differ.');
  const held = async (use: () => Promise<unknown>): Promise<number> => {
    const heap = async () => {
      for (let turn = 0; turn < 4; turn++) {
        collect();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage().heapUsed;
    };
    const before = await heap();
    const kept = await use();
    const bytes = (await heap()) - before;
    if (kept === undefined) throw new Error('Nothing was kept.');
    return Math.round(bytes / count);
  };

  console.log(`bytes on the heap, ${count.toLocaleString('en')} of each`);
  for (const [what, limit] of cases) {
    const throttle = createThrottle({ limits: limit });
    const perKey = await held(async () => {
      for (const key of keys) await throttle.wait(key);
      return throttle;
    });
    console.log(`  a key with ${what} after one call: ${perKey}`);
    await throttle.close();
  }
  const throttle = createThrottle({ limits: { rate: 1, interval: 3_600_000 } });
  await throttle.wait();
  const waiting: Promise<unknown>[] = [];
  const perCall = await held(async () => {
    for (let call = 0; call < count; call++) waiting.push(throttle.wait());
    return waiting;
  });
  console.log(`  a waiting call, its promise included: ${perCall}`);
  const ended = Promise.allSettled(waiting);
  await throttle.close();
  await ended;
}
