import { createThrottle } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';
import { linkedOf } from '../../../src/core/throttle/adapter-link.ts';
import { CallsBeside } from '../../../src/core/throttle/beside.ts';

function setup() {
  const throttle = createThrottle({ limits: { rate: 1, interval: 100 }, clock: new ManualClock() });
  return new CallsBeside(linkedOf(throttle).lanes);
}

test('what is known about a bucket is shared by its waiting calls, and forgotten with the last', () => {
  const beside = setup();
  const [first, second] = [() => {}, () => {}];
  const spot = beside.spotOf('amy');
  beside.add(spot, first);
  beside.add(beside.spotOf('amy'), second);
  expect([[...beside.keys()], beside.waiting('amy'), beside.waiting('george')]).toEqual([['amy'], 2, 0]);
  beside.delete('amy', first);
  expect([beside.spotOf('amy') === spot, beside.waiting('amy')]).toEqual([true, 1]);
  beside.delete('amy', second);
  expect([[...beside.keys()], beside.waiting('amy')]).toEqual([[], 0]);
  expect(beside.spotOf('amy')).not.toBe(spot);
});

test('a call that has left already may leave again', () => {
  const beside = setup();
  expect(() => beside.delete('amy', () => {})).not.toThrow();
});

test('the calls of one key are rejected, or those of all', () => {
  const beside = setup();
  const rejected: unknown[] = [];
  for (const key of ['amy', 'amy', 'george'])
    beside.add(beside.spotOf(key), (error) => rejected.push(`${key} ${error}`));
  beside.rejectAll('one', 'amy');
  beside.rejectAll('none', 'nobody');
  expect(rejected.splice(0)).toEqual(['amy one', 'amy one']);
  beside.rejectAll('all');
  expect(rejected).toEqual(['amy all', 'amy all', 'george all']);
});
