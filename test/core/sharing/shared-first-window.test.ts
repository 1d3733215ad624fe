import { createThrottle, keyValueStore, slidingWindow } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';

test('the first window goes to the sharer that asks first, and later ones to all of them', async () => {
  const clock = new ManualClock();
  const values = new Map<string, unknown>();
  /** Decides at once and says so 3 ms later, as the stores of browsers do. */
  const update = async (key: string, change: (stored: unknown) => unknown) => {
    values.set(key, change(values.get(key)));
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, 3));
  };
  const went = [0, 0, 0, 0];
  for (const sharer of went.keys()) {
    const store = keyValueStore({ name: 'shared', update }, { clock });
    const limits = slidingWindow({ limit: 40, interval: 1_000, margin: 0 });
    const throttle = createThrottle({ limits, store, clock });
    for (let call = 0; call < 100; call++) void throttle.wait().then(() => went[sharer]!++);
  }
  await clock.advance(500);
  expect(went).toEqual([40, 0, 0, 0]);
  await clock.advance(2_000);
  for (const calls of went.slice(1)) expect(calls).toBeGreaterThan(10);
});
