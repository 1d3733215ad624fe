import { expect, test } from 'vitest';
import { ClosedError, isThrottleError, shown } from '../../../src/core/base/errors.ts';

test.each([undefined, null, 'text', 5, {}, new Error('other')])('%o is no error of ours', (value) => {
  expect(isThrottleError(value)).toBe(false);
});

test('an error of ours is told by its brand', () => expect(isThrottleError(new ClosedError())).toBe(true));

test('a key is shown in full up to eighty characters', () => {
  expect(shown('k'.repeat(80))).toBe(`"${'k'.repeat(80)}"`);
  expect(shown('k'.repeat(81))).toBe(`"${'k'.repeat(80)}… (81 characters)"`);
});
