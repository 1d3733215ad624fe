import { expect, test } from 'vitest';
import { isPromise } from '../../../src/core/base/store.ts';

test.each([undefined, null, 5, 'text', {}])('%o is an answer', (value) => {
  expect(isPromise(value)).toBe(false);
});

test('a promise is still to come', () => expect(isPromise(Promise.resolve())).toBe(true));
