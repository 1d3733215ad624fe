import { createThrottle, memoryStore } from 'sluice';
import { faultyStore } from 'sluice/testing';
import { expect, test } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';
import { FreezingClock } from './shared-line.ts';

test('a store that answers at once is known by its answers, however long it keeps the process busy', async () => {
  const clock = new FreezingClock();
  const asked: string[] = [];
  const busy = faultyStore(memoryStore({ clock }), (operation) => {
    asked.push(operation);
    clock.frozenFor += 3;
    return undefined;
  });
  const store = { ...busy, shared: true, hears: false };
  const throttle = createThrottle({ margin: 0, limits: { rate: 1, interval: 400 }, clock, store });
  const calls = [outcomeOf(throttle.wait(), clock), outcomeOf(throttle.wait(), clock)];
  await clock.advance(410);
  expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled']);
  // It cannot notify, so it is asked for the present time of the slot when that is due.
  expect(asked).toEqual(['take', 'take']);
});
