// Run as a process of its own by process-life.test.ts: does what its argument names and ends when nothing holds it open.
import { createThrottle, keyValueStore, type Throttle } from 'sluice';
import { indexedDbStore } from 'sluice/indexed-db';

const values = new Map<string, unknown>();
const slowStore = keyValueStore({
  name: 'map',
  update: async (key, change) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    values.set(key, change(values.get(key)));
  },
});
const interval = 300;
const limits = { rate: 1, interval };
const slowLimits = { rate: 1, interval: 5000 };
const far = () => Date.now() + 3_600_000;

/** Makes a throttle whose next call would have to wait for an hour. */
async function full(): Promise<Throttle> {
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 3_600_000 } });
  await throttle.wait();
  return throttle;
}

const scenarios: Record<string, () => Promise<unknown>> = {
  idle: async () => {
    const throttle = createThrottle({ margin: 0, limits: slowLimits });
    throttle.on('granted', () => {});
    await throttle.wait();
    await throttle.allow();
    await throttle.wait('default', { maxWait: 0 }).catch(() => {});
    await throttle.run(() => {}, { key: 'other' });
    await throttle.status();
  },
  'idle on a slow store': async () => {
    const throttle = createThrottle({ margin: 0, limits: slowLimits, store: slowStore });
    await Promise.all([throttle.wait(), throttle.allow('a'), throttle.status('b'), throttle.pause('c', far())]);
  },
  'idle on a store that listens to others': async () => {
    const throttle = createThrottle({ margin: 0, limits: slowLimits, store: indexedDbStore() });
    await Promise.all([throttle.wait(), throttle.pause('a', far())]);
  },
  'paused and reserved': async () => {
    const throttle = await full();
    await throttle.pause('default', far());
    await throttle.reserve();
  },
  aborted: async () => {
    const throttle = await full();
    const controller = new AbortController();
    const call = throttle.wait('default', { signal: controller.signal }).catch(() => {});
    controller.abort();
    await call;
  },
  closed: async () => {
    const throttle = await full();
    const call = throttle.wait().catch(() => {});
    await throttle.close();
    await call;
  },
  waiting: async () => {
    const throttle = createThrottle({ margin: 0, limits });
    void throttle.wait();
    void throttle.wait().then(() => console.log('granted'));
  },
  'waiting on a slow store': async () => {
    const throttle = createThrottle({ margin: 0, limits, store: slowStore });
    void throttle.wait();
    void throttle.wait().then(() => console.log('granted'));
  },
  'waiting with a maxWait': async () => {
    const throttle = createThrottle({ margin: 0, limits, concurrency: 1 });
    void throttle.run(() => new Promise(() => {}));
    void throttle.wait('default', { maxWait: interval }).catch(() => console.log('rejected'));
  },
};

const started = performance.now();
process.on('exit', () => console.log(`lived ${Math.round(performance.now() - started)} ms`));
await scenarios[process.argv[2] as string]?.();
