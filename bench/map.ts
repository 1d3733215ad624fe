import v8 from 'node:v8';
import vm from 'node:vm';
import { createThrottle, throttledMap } from 'sluice';

// A million items through `throttledMap`: how long, how far ahead of the loop the source is read, what it holds on the heap.

const count = 1_000_000;
const looks = 10;

/** Prints it for both orders. */
export async function map(): Promise<void> {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  for (const ordered of [true, false]) {
    const throttle = createThrottle({ limits: { rate: 1e9, interval: 1_000, burst: 1e9 } });
    let taken = 0;
    function* items(): Generator<number> {
      while (taken < count) yield taken++;
    }
    let handedOut = 0;
    let mostAhead = 0;
    const heaps: number[] = [];
    const begun = performance.now();
    for await (const value of throttledMap(throttle, items(), async (item) => item, { ordered })) {
      if (ordered && value !== handedOut) throw new Error(`Expected ${handedOut}, got ${value}.`);
      mostAhead = Math.max(mostAhead, taken - handedOut);
      handedOut++;
      if (handedOut % (count / looks) === 0) heaps.push(heap());
    }
    const seconds = (performance.now() - begun) / 1_000;
    const grown = (Math.max(...heaps) - (heaps[0] as number)) / 1_000;
    console.log(
      `${handedOut.toLocaleString('en')} items ${ordered ? 'in order' : 'as they are done'}: ${seconds.toFixed(1)} s, ` +
        `at most ${mostAhead} taken ahead, ${grown.toFixed(0)} kB more on the heap after the first tenth`,
    );
    await throttle.close();
  }
}
