import v8 from 'node:v8';
import vm from 'node:vm';
import { createThrottle, type Grant, type Throttle, throttledMap } from 'sluice';
import { expect, test } from 'vitest';

const count = 200_000;

// `npm run bench -- map` goes through a million.
test('goes through a long source in little memory, in order, at most 100 items ahead', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const throttle = createThrottle({ limits: { rate: 1e9, interval: 1_000, burst: 1e9 } });
  let taken = 0;
  let isClosed = false;
  function* items(): Generator<number> {
    try {
      while (taken < count) yield taken++;
    } finally {
      isClosed = true;
    }
  }
  let handedOut = 0;
  let mostAhead = 0;
  let start = 0;
  let mostHeap = 0;
  for await (const value of throttledMap(throttle, items(), async (item) => item)) {
    if (value !== handedOut) throw new Error(`Expected ${handedOut}, got ${value}.`);
    mostAhead = Math.max(mostAhead, taken - handedOut);
    handedOut++;
    if (handedOut % 20_000 !== 0) continue;
    // The first part warms up.
    if (start === 0) start = heap();
    else mostHeap = Math.max(mostHeap, heap());
  }
  expect([handedOut, isClosed]).toEqual([count, true]);
  expect(mostAhead).toBeLessThanOrEqual(100);
  // 180,000 promises would be some 20 MB.
  expect(mostHeap - start).toBeLessThan(2_000_000);
}, 60_000);

test('remembers no key whose calls have gone', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const run = async (task: (grant: Grant) => unknown, { key = '' } = {}) => task({ key, at: 0 });
  const throttle = { run } as unknown as Pick<Throttle, 'run'>;
  function* items(): Generator<number> {
    for (let item = 0; item < count; item++) yield item;
  }
  let start = 0;
  let handedOut = 0;
  for await (const _ of throttledMap(throttle, items(), () => {}, { key: (item) => `user ${item}` })) {
    handedOut++;
    if (handedOut === 20_000) start = heap();
    else if (handedOut === count) expect(heap() - start).toBeLessThan(2_000_000);
  }
  expect(handedOut).toBe(count);
}, 60_000);
