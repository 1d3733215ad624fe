import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWriteNumber, numberOf, opened, sealed } from '../../src/storage/envelope.ts';

const numbers = fc.integer({ min: 1, max: 2 ** 50 - 1 });

describe('an envelope', () => {
  it('returns the value that was put in', () => {
    fc.assert(
      fc.property(
        numbers,
        fc.dictionary(fc.string(), fc.string()),
        fc.nat(9_999),
        fc.nat(32),
        (number, value, width, marks) => {
          const text = sealed(number, value, width, marks);
          expect(opened(text)).toEqual({ number, value: JSON.parse(JSON.stringify(value)), width: text.length });
          expect(numberOf(text)).toBe(number);
        },
      ),
    );
  });

  it('keeps its width as long as the value fits', () => {
    const first = sealed(1, { text: '' }, 0, 0);
    expect(first.length).toBe(512);
    expect(sealed(2 ** 50 - 1, { text: 'x'.repeat(400) }, first.length, 32).length).toBe(512);
    expect(sealed(2, { text: 'x'.repeat(500) }, first.length, 0).length).toBe(1024);
    const exact = JSON.stringify({ text: 'x'.repeat(400) }).length + 'sluice1 0000000000000001 '.length;
    expect(sealed(1, { text: 'x'.repeat(400) }, exact, 0).length).toBe(exact);
    expect(sealed(1, { text: 'x'.repeat(400) }, exact - 1, 0).length).toBe(1024);
  });

  it('is made wide enough for marks to come', () => {
    expect(sealed(1, {}, 0, 32).length).toBe(1536);
  });

  it.each([
    [null, 0, undefined],
    ['', 0, ''],
    ['{"v":1}', 0, '{"v":1}'],
    ['sluice1 1 {}', 0, 'sluice1 1 {}'],
    ['sluice1 0000000000000000 {}', 0, 'sluice1 0000000000000000 {}'],
    ['sluice1 9999999999999999 {}', 0, 'sluice1 9999999999999999 {}'],
    ['sluice2 0000000000000001 {}', 0, 'sluice2 0000000000000001 {}'],
    ['sluice1 0000000000000001 {', 1, 'sluice1 0000000000000001 {'],
  ])('that is none is taken as it is: %j', (text, number, value) => {
    expect(opened(text)).toEqual({ number, value, width: 0 });
    expect(numberOf(text)).toBe(number);
  });

  it('has the number of a write: a whole number above 0 that many centuries of writes do not reach', () => {
    for (const number of [1, 7, 2 ** 50 - 1]) expect([number, isWriteNumber(number)]).toEqual([number, true]);
    for (const number of [0, -1, 1.5, 2 ** 50, 2 ** 53, Infinity, Number.NaN])
      expect([number, isWriteNumber(number)]).toEqual([number, false]);
  });
});
