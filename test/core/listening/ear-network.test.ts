import { describe, expect, test } from 'vitest';
import { CallGrant } from '../../../src/core/base/grant.ts';
import { newBucket, note } from '../../../src/core/bucket/bucket.ts';
import { planOf } from '../../../src/core/limits/plan.ts';
import { Spread } from '../../../src/core/listening/spread.ts';
import { refused, told } from './told.ts';

const T = 10;
const plan = planOf({ rate: 1, interval: T, burst: 10_000 }, 0);
/** Half of the margin is how late a call may leave. */
const lateBy20 = planOf({ rate: 1, interval: T, burst: 10_000 }, 40);

/** A key whose connection is open since `clock.monotonic()`, because an answer came. */
function warm(options: Parameters<typeof told>[0] = {}) {
  const set = told(options);
  const first = set.grant('key');
  set.ear.noteDeparture(first);
  set.ear.noteArrival(first);
  return set;
}

describe('a connection', () => {
  test('counts as closed when no answer came for more than three seconds', async () => {
    const { clock, ear, grant } = warm();
    await clock.advance(3_000);
    const [open, closed] = [grant('key'), grant('key')];
    ear.noteDeparture(open);
    await clock.advance(0.5);
    ear.noteDeparture(closed);
    expect([open.isCold, closed.isCold]).toEqual([false, true]);
  });

  test('is not used by a grant without a visible end, or of somebody else', () => {
    const { clock, ear, line, margins, postponed } = warm();
    const before = margins.length;
    const alone = new CallGrant('key', { clock }, 0, { slot: 0, cost: 1, plan, after: [0] });
    for (const grant of [Object.freeze(alone), Object.freeze({ key: 'key', at: 0 })]) {
      expect(() => ear.noteDeparture(grant)).not.toThrow();
      expect(() => ear.noteArrival(grant)).not.toThrow();
    }
    expect([margins.length, postponed, line]).toEqual([before, [], []]);
  });
});

describe('a call over an open connection', () => {
  test('begins with the margin of a new connection, and the margin follows its round trips', async () => {
    const { clock, ear, grant, margins, postponed } = warm();
    expect(margins).toEqual([50]);
    const spread = new Spread();
    const expected = [50];
    for (const roundTrip of [10, 25, 10, 31]) {
      const call = grant('key');
      ear.noteDeparture(call);
      await clock.advance(roundTrip);
      ear.noteArrival(call);
      expected.push(spread.note(roundTrip));
    }
    expect(margins).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(1);
    expect(postponed).toEqual([]);
  });

  test.each([
    ['its slot, where it left a little late', 15, 15 + 20],
    ['when it left, less what a timer may be late, where a hook held it', 70, 20 + 20],
  ])('is measured from %s', async (_, held, roundTrip) => {
    const { clock, ear, grant, margins } = warm({ plan: () => lateBy20 });
    const quick = grant('key');
    ear.noteDeparture(quick);
    await clock.advance(20);
    ear.noteArrival(quick);
    const call = grant('key');
    await clock.advance(held);
    ear.noteDeparture(call);
    await clock.advance(20);
    ear.noteArrival(call);
    const spread = new Spread();
    expect(margins.slice(-2)).toEqual([spread.note(20), spread.note(roundTrip)]);
  });

  test('tells nothing once its throttle is closed', async () => {
    const { clock, ear, grant, margins, close } = warm();
    const call = grant('key');
    ear.noteDeparture(call);
    await clock.advance(90);
    close();
    ear.noteArrival(call);
    expect(margins).toEqual([50]);
    const later = grant('key');
    await clock.advance(2_990);
    ear.noteDeparture(later);
    // The connection was last seen open more than three seconds ago.
    expect(later.isCold).toBe(true);
  });
});

describe('a call over a closed connection', () => {
  test.each([
    [0, []],
    [1, [1]],
    [60, [60]],
    [300, [300]],
    [4_000, [300]],
  ])('whose answer comes after %i ms counts later by that, by 300 at most', async (answerAfter, ms) => {
    const { clock, ear, grant, margins, postponed, corrected, line } = told();
    const call = grant('key');
    const { receipt } = call;
    ear.noteDeparture(call);
    await clock.advance(answerAfter);
    ear.noteArrival(call);
    await clock.advance(0);
    expect(postponed).toEqual(ms.map((late) => ['key', receipt, late]));
    // Waiting calls look where the bucket stands, and a settled cost counts from the later instant.
    expect(line).toEqual(ms.map(() => 'look'));
    expect(corrected.map(([of, { slot }]) => [of === call, slot])).toEqual(ms.map((late) => [true, late]));
    expect(margins).toEqual([50]);
  });

  test('has the line look where a store cannot count it later', async () => {
    const { clock, ear, grant, line } = told({ canPostpone: false });
    const call = grant('key');
    ear.noteDeparture(call);
    await clock.advance(60);
    ear.noteArrival(call);
    await clock.advance(0);
    expect(line).toEqual(['look']);
  });

  test('of another throttle counts as it was', async () => {
    const { clock, ear, grant, host, postponed, corrected } = told();
    host.reservations.receiptOf = () => undefined;
    const call = grant('key');
    ear.noteDeparture(call);
    await clock.advance(60);
    ear.noteArrival(call);
    expect([postponed, corrected]).toEqual([[], []]);
  });

  test('has seen all moves of slots until it left, where the store hands its buckets out', async () => {
    const bucket = newBucket(plan);
    note(bucket, { moved: 5 });
    const { clock, ear, grant, corrected } = told({ bucket });
    const cold = grant('key');
    ear.noteDeparture(cold);
    expect(corrected).toEqual([[cold, { ...cold.receipt, moved: 5 }]]);
    await clock.advance(10);
    ear.noteArrival(cold);
    const before = corrected.length;
    ear.noteDeparture(grant('key'));
    expect(corrected).toHaveLength(before);
  });

  test('has the bucket count it later, where the store hands its buckets out', async () => {
    const bucket = newBucket(planOf({ rate: 1, interval: T }, 0));
    const { clock, ear, grant, line } = told({ bucket, plan: () => bucket.plan });
    bucket.states = [T];
    const call = grant('key');
    ear.noteDeparture(call);
    await clock.advance(60);
    ear.noteArrival(call);
    await clock.advance(0);
    expect([bucket.states, line]).toEqual([[T + 60], ['look']]);
  });
});

describe('a refused call', () => {
  const bucketOf = () => newBucket(plan);

  test('slows the bucket down where the store hands its buckets out, unless the answer explains it', async () => {
    const slow = bucketOf();
    const unexplained = told({ bucket: slow });
    await unexplained.clock.advance(20);
    const left = unexplained.leave(1);
    await unexplained.clock.advance(30);
    unexplained.listen('key', left, { ...refused, retryAt: unexplained.clock.now() + 500 });
    expect(slow.extras.pace).toMatchObject({ from: 50, since: 550 });
    const same = bucketOf();
    const explained = told({ bucket: same });
    await explained.answer(explained.leave(1), 0, { throttled: true });
    expect(same.extras.pace).toBeUndefined();
  });

  test('tells how long ago it left', async () => {
    const { clock, leave, listen, stops } = told();
    await clock.advance(20);
    const left = leave(1);
    await clock.advance(30);
    listen('key', left, refused);
    expect(stops.map(([, , sentAgo]) => sentAgo)).toEqual([30]);
  });

  test('stops the key for any time above 0, and has no waiting call go on', async () => {
    const { clock, listen, stops, line, gate } = told();
    listen('key', 0, { ...refused, retryAt: clock.now() + 1 });
    expect([stops.map(([, ms]) => ms), gate().goesAlone]).toEqual([[1], true]);
    await clock.advance(0);
    expect(line).toEqual([]);
    const never = told({ maxPause: 0 });
    never.listen('key', 0, refused);
    expect([never.stops, never.gate().goesAlone]).toEqual([[], false]);
  });

  test('that went alone is not out any more once it is answered, and the next goes alone', () => {
    const { ear, grant, gate, clock } = told();
    const ok = { throttled: false, ignored: [], buckets: [] };
    gate().goAlone();
    const call = grant('key');
    gate().pass(call, true, clock.monotonic());
    expect(gate().opensAt(clock.monotonic(), 1)).toBe(10_000);
    ear.listen('key', call, ok);
    expect([gate().goesAlone, gate().opensAt(clock.monotonic(), 1)]).toEqual([false, -Infinity]);
  });
});
