import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { WaitTooLongError } from '../../../src/core/base/errors.ts';
import { Events } from '../../../src/core/base/events.ts';
import type { Cost } from '../../../src/core/limits/cost.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { checkBounds } from '../../../src/core/line/bounds.ts';
import { type Waiter, WaitingRoom } from '../../../src/core/line/waiting-room.ts';

const plan = planOf({ rate: 1, interval: 100 }, 0);

async function made() {
  const clock = new ManualClock();
  await clock.advance(1_234);
  const host = { clock, events: new Events(), places: { bounds: checkBounds({}) } };
  const room = new WaitingRoom('key', host, () => {});
  const request = (cost: Cost, priority = 0) => ({
    cost,
    priority,
    maxWait: Infinity,
    signal: undefined,
    holdsPlace: false,
  });
  const join = (cost: Cost, priority?: number): [Waiter, Promise<unknown>] =>
    room.join(request(cost, priority), clock.monotonic());
  return { clock, room, request, join };
}

describe('the load of a line', () => {
  test('is exactly that of the new calls after the line was empty', async () => {
    const { room, join } = await made();
    const [[first], [second]] = [join(0.1), join(0.2)];
    expect(room.loadUnder(plan)).toEqual([0.1 + 0.2]);
    room.part(first);
    room.part(second);
    join(0.1);
    expect(room.loadUnder(plan)).toEqual([0.1]);
  });

  test('follows the limits when they change', async () => {
    const { room, join } = await made();
    join({ data: 7 });
    join(2);
    const limit = { rate: 1, interval: 100 };
    const named = planOf(
      [
        { ...limit, name: 'calls' },
        { ...limit, name: 'data' },
      ],
      0,
    );
    expect(room.loadUnder(plan)).toEqual([3]);
    expect(room.loadUnder(named)).toEqual([3, 9]);
    expect(room.loadUnder(plan)).toEqual([3]);
  });
});

test('a call that passes others may be next at the end of the pause while the cost of the next is unknown', async () => {
  const { room, request, join } = await made();
  join(1);
  const next = { cost: undefined, due: 9_000, plan, tats: [9_000] };
  for (const cost of [1, { calls: 1 }]) expect(room.earliest(next, request(cost, 1), 2_000)).toBe(2_000);
  expect(room.earliest({ ...next, cost: 1 }, request(1, 1), 2_000)).toBe(9_000);
  expect(room.earliest({ ...next, cost: 1 }, request(2, 1), 2_000)).toBe(2_000);
});

test('a call without a maxWait for which a store reserves nothing is rejected with a maxWait of Infinity', async () => {
  const { clock, room, join } = await made();
  const [waiter, waiting] = join(1);
  await clock.advance(10);
  room.rejectTooLate(waiter, 1_734);
  const error = await waiting.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(WaitTooLongError);
  expect(error).toMatchObject({ wait: 500, maxWait: Infinity, at: clock.now() + 490 });
});
