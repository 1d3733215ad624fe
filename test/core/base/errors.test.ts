import { expect, test } from 'vitest';
import {
  ClosedError,
  CostExceedsBurstError,
  isThrottleError,
  shown,
  WaitTooLongError,
} from '../../../src/core/base/errors.ts';

test.each([undefined, null, 'text', 5, {}, new Error('other')])('%o is no error of ours', (value) => {
  expect(isThrottleError(value)).toBe(false);
});

test('an error of ours is told by its brand', () => expect(isThrottleError(new ClosedError())).toBe(true));

test('a key is shown in full up to eighty characters', () => {
  expect(shown('k'.repeat(80))).toBe(`"${'k'.repeat(80)}"`);
  expect(shown('k'.repeat(81))).toBe(`"${'k'.repeat(80)}… (81 characters)"`);
});

test.each([
  [undefined, 'can never pass: its limit lets at most 3 go at one instant.'],
  ['tokens', 'can never pass: its limit `tokens` lets at most 3 go at one instant.'],
])('a cost above the burst names the limit %s', (limitName, message) => {
  const error = new CostExceedsBurstError('amy', 5, 3, limitName);
  expect(error.message).toBe(`A call of cost 5 on key "amy" ${message}`);
});

test('a wait in a message is rounded up to a thousandth of a millisecond', () => {
  const { message, wait } = new WaitTooLongError('amy', 100.0001, 0, 50);
  expect(message).toBe('A call on key "amy" would have to wait 100.001 ms, longer than its maxWait of 50 ms.');
  expect(wait).toBe(100.0001);
});
