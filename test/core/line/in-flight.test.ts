import { expect, test } from 'vitest';
import { HeldGrant } from '../../../src/core/base/grant.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { checkBounds } from '../../../src/core/line/bounds.ts';
import { InFlight } from '../../../src/core/line/in-flight.ts';
import { systemClock } from '../../../src/core/time/clock.ts';

const plan = planOf({ rate: 1, interval: 1 }, 0);
const grantOf = (key: string) => new HeldGrant(key, { clock: systemClock }, 0, plan, 0);

test('calls in flight are counted by key, each until it leaves', () => {
  const inFlight = new InFlight(checkBounds({}));
  const [first, second] = [grantOf('key'), grantOf('key')];
  inFlight.hold(first);
  inFlight.hold(second);
  expect([inFlight.of('key'), inFlight.of('other')]).toEqual([2, 0]);
  inFlight.leave(first);
  inFlight.leave(second);
  inFlight.leave(grantOf('key'));
  expect(inFlight.of('key')).toBe(0);
});

test('a call in flight stays counted however many keys come and go after it', () => {
  const inFlight = new InFlight(checkBounds({}));
  const first = grantOf('key');
  inFlight.hold(first);
  for (let other = 0; other < 5_000; other++) {
    const grant = grantOf(`${other}`);
    inFlight.hold(grant);
    inFlight.leave(grant);
  }
  expect(inFlight.of('key')).toBe(1);
  inFlight.leave(first);
  expect(inFlight.of('key')).toBe(0);
});

test('a line that needs no place any more is passed by when one is free', () => {
  const inFlight = new InFlight(checkBounds({ maxInFlight: 1 }));
  const served: string[] = [];
  const [first, second] = ['first', 'second'].map((name) => ({ advance: () => void served.push(name) })) as [
    { advance(): void },
    { advance(): void },
  ];
  const grant = grantOf('key');
  inFlight.hold(grant);
  inFlight.note(first, true);
  inFlight.note(second, true);
  inFlight.note(first, false);
  inFlight.serve();
  expect(served).toEqual([]);
  inFlight.leave(grant);
  inFlight.serve();
  inFlight.serve();
  expect(served).toEqual(['second']);
});

test('keys without calls are forgotten once there are a thousand, or twice as many as were in flight then', () => {
  const inFlight = new InFlight(checkBounds({}));
  let keys = 0;
  const come = (count: number, isLeaving: boolean) => {
    for (let key = 0; key < count; key++) {
      const grant = grantOf(`${keys++}`);
      inFlight.hold(grant);
      if (isLeaving) inFlight.leave(grant);
    }
    return inFlight.counts.size;
  };
  expect([come(600, false), come(400, true), come(1, true)]).toEqual([600, 1_000, 601]);
  expect([come(599, true), come(1, true)]).toEqual([1_200, 601]);
});
