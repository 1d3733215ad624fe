import { createThrottle, memoryStore } from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';
import type { Receipt, StoreOperations } from '../../../src/core/base/store.ts';
import { Traffic } from '../../../src/core/sharing/traffic.ts';
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

test('the line moves on when all is given back, also what was given back while the rest was on its way', async () => {
  const done: (() => void)[] = [];
  const given: Receipt[] = [];
  const giveBack = (_: string, receipt: Receipt) => {
    given.push(receipt);
    return new Promise<void>((resolve) => done.push(resolve));
  };
  const store = { giveBack } as unknown as StoreOperations;
  let movedOn = 0;
  const traffic = new Traffic('key', { clock: new ManualClock(), store }, () => movedOn++);
  const [first, second] = [{ before: [] }, { before: [] }] as unknown as [Receipt, Receipt];
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  traffic.return(first);
  await turn();
  traffic.return(second);
  await turn();
  expect(given).toEqual([first]);
  done.shift()?.();
  await turn();
  expect([given.length, movedOn, traffic.isBusy]).toEqual([2, 0, true]);
  done.shift()?.();
  await turn();
  expect([movedOn, traffic.isBusy]).toEqual([1, false]);
});
