import { expect, test } from 'vitest';
import { checkFunction, checkMethods, hasMethods } from '../../../src/core/base/check.ts';

test('a value that is not a function is refused by its name', () => {
  expect(() => checkFunction('fetch', undefined)).toThrow('Expected `fetch` to be a function, got `undefined`.');
  expect(() => checkFunction('fetch', () => {})).not.toThrow();
});

test('a long text is shown by its first eighty characters', () => {
  const [longest, cut] = ['t'.repeat(80), `t${'u'.repeat(80)}`];
  expect(() => checkFunction('fetch', longest)).toThrow(`got \`"${longest}"\`.`);
  expect(() => checkFunction('fetch', cut)).toThrow(`got \`"t${'u'.repeat(79)}…"\`.`);
});

test('an object without one of its methods is refused by the name of the method', () => {
  expect(() => checkMethods('store', null, ['take', 'sync'])).toThrow('an object with take, sync, got `null`');
  expect(() => checkMethods('store', { take() {} }, ['take', 'sync'])).toThrow(
    'Expected `store.sync` to be a function',
  );
  expect(() => checkMethods('store', { take() {}, sync() {} }, ['take', 'sync'])).not.toThrow();
});

test.each([undefined, null, 5, {}, { on: true }])('%o has no methods', (value) => {
  expect(hasMethods(value, 'on')).toBe(false);
});

test('all of the methods are needed', () => expect(hasMethods([], 'map', 'on')).toBe(false));

test('methods may be inherited', () => expect(hasMethods([], 'map', Symbol.iterator)).toBe(true));
