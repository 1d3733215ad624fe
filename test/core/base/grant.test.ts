import { ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';
import { CallGrant, HeldGrant } from '../../../src/core/base/grant.ts';
import { planOf } from '../../../src/core/limits/plan.ts';

const plan = planOf(
  [
    { rate: 1, interval: 100 },
    { rate: 1, interval: 200 },
  ],
  0,
);

test.each([
  ['one limit', 100, [100]],
  ['several limits', [100, 200], [100, 200]],
])('a grant without a receipt makes one, for %s', (_, tats, after) => {
  const grant = new CallGrant('amy', { clock: new ManualClock() }, 5, plan, tats);
  expect(grant.receipt).toEqual({ slot: 5, cost: 1, plan, after });
  expect([grant.cost, grant.plan]).toEqual([1, plan]);
});

test('a grant with a receipt has the cost and the limits of that', () => {
  const receipt = { slot: 5, cost: 3, plan, after: [300, 600] };
  const grant = new CallGrant('amy', { clock: new ManualClock() }, 5, receipt);
  expect(grant.receipt).toBe(receipt);
  expect([grant.cost, grant.plan]).toEqual([3, plan]);
});

test('a grant tells its key and its instant on the wall clock as it is set', async () => {
  const clock = new ManualClock({ now: 1_000 });
  const grant = new CallGrant('amy', { clock }, 50, plan, 150);
  await clock.advance(20);
  expect(JSON.stringify(grant)).toBe('{"key":"amy","at":1050}');
  clock.jump(7_000);
  expect(grant.at).toBe(8_050);
});

test('a call counts as sent over an open connection until an adapter tells otherwise', () => {
  expect(new HeldGrant('amy', { clock: new ManualClock() }, 5, plan, 105).isCold).toBe(false);
});
