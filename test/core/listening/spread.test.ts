import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstMargin, Spread } from '../../../src/core/listening/spread.ts';
import { Dice } from '../bucket/history-model.ts';

/** Notes many round trips. Returns the margin after the last. */
function note(spread: Spread, roundTrips: Iterable<number>): number {
  for (const roundTrip of roundTrips) spread.note(roundTrip);
  return spread.margin;
}

const repeated = (count: number, roundTrip: number) => Array<number>(count).fill(roundTrip);

/** Round trips of a network that delays each way by up to `jitter` ms. */
function jittery(count: number, jitter: number, seed: number): number[] {
  const dice = new Dice(seed);
  return Array.from({ length: count }, () => 10 + dice.next() * jitter + dice.next() * jitter);
}

describe('spread', () => {
  test('begins with what a new connection takes', () => {
    expect([new Spread().margin, firstMargin]).toEqual([50, 50]);
  });

  test('keeps within 8 and 100 ms, in whole ms, whatever it sees', () => {
    const roundTrip = fc.oneof(
      fc.double({ min: 0, max: 200, noNaN: true }),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.constant(0),
    );
    fc.assert(
      fc.property(fc.array(roundTrip, { maxLength: 50 }), fc.nat(2000), (roundTrips, more) => {
        const spread = new Spread();
        return [...roundTrips, ...repeated(more, 5)].every((one) => {
          const margin = spread.note(one);
          return margin === spread.margin && Number.isInteger(margin) && margin >= 8 && margin <= 100;
        });
      }),
    );
  });

  test('comes down slowly when all round trips take the same', () => {
    const spread = new Spread();
    expect(note(spread, repeated(20, 30))).toBeGreaterThan(40);
    expect(note(spread, repeated(180, 30))).toBeGreaterThan(12);
    expect(note(spread, repeated(2000, 30))).toBeLessThanOrEqual(9);
  });

  test('goes up at once with a round trip that takes longer, by all that it does', () => {
    const spread = new Spread();
    note(spread, repeated(2000, 30));
    const margin = spread.note(30 + 45);
    expect(margin).toBeGreaterThanOrEqual(45);
    expect(margin).toBeLessThanOrEqual(45 + 2);
  });

  test('goes up at once when one takes less than all before', () => {
    const spread = new Spread();
    note(spread, repeated(2000, 60));
    expect(spread.note(20)).toBeGreaterThanOrEqual(40);
  });

  test('adds to a difference that is known from few round trips', () => {
    expect(note(new Spread(), [10, 40])).toBe(100);
    expect(note(new Spread(), [...repeated(9, 10), 40])).toBeGreaterThanOrEqual(30 * 1.6);
    expect(note(new Spread(), [...repeated(99, 10), 40])).toBeLessThan(45);
  });

  test('adds six parts of the difference, divided by how many round trips there were', () => {
    expect(note(new Spread(), [10, 30])).toBe(20 * (1 + 6 / 2));
    expect(note(new Spread(), [10, 10, 10, 42])).toBe(32 * (1 + 6 / 4));
  });

  test('shrinks by a hundredth of the way, which shrinks by a hundredth too', () => {
    const spread = new Spread();
    note(spread, [...repeated(5_000, 30), 130]);
    const margin = note(spread, repeated(100, 30));
    // After n round trips 0.99^n * (1 + n / 100) of the 100 ms are left.
    const exact = 100 * 0.99 ** 100 * 2;
    expect(margin).toBeGreaterThanOrEqual(exact);
    expect(margin).toBeLessThanOrEqual(exact / 0.9 + 1);
  });

  test('is told in steps of a tenth on its way down', () => {
    const spread = new Spread();
    const margins = repeated(2_000, 30).map((roundTrip) => spread.note(roundTrip));
    const steps = [...new Set(margins)];
    expect(steps.length).toBeGreaterThan(10);
    for (const [index, step] of steps.slice(1).entries()) expect(step).toBeLessThan(0.9 * (steps[index] as number) + 1);
  });

  test('forgets a round trip with the second generation of 500 after it', () => {
    const marginAfter = (count: number) => {
      const spread = new Spread();
      note(spread, [10, ...repeated(count - 1, 70)]);
      return spread.note(120);
    };
    expect([marginAfter(999) > 90, marginAfter(1_000) > 90]).toEqual([true, false]);
  });

  test('forgets a round trip that took long, little by little', () => {
    const spread = new Spread();
    note(spread, repeated(2000, 30));
    // The server took its time: how long beyond the bound makes no difference.
    const other = new Spread();
    note(other, repeated(2000, 30));
    expect([spread.note(10_000), other.note(130)]).toEqual([100, 100]);
    expect(note(spread, repeated(20, 30))).toBeGreaterThan(80);
    expect(note(spread, repeated(180, 30))).toBe(note(other, repeated(200, 30)));
    expect(note(spread, repeated(1500, 30))).toBeLessThanOrEqual(12);
  });

  test('forgets how quick the network once was after a thousand round trips', () => {
    const spread = new Spread();
    note(spread, repeated(1000, 10));
    expect(note(spread, repeated(400, 70))).toBeGreaterThanOrEqual(60);
    expect(note(spread, repeated(3000, 70))).toBeLessThanOrEqual(9);
  });

  test.each([10, 20, 40])('covers a network that delays each way by up to %i ms', (jitter) => {
    for (let seed = 1; seed <= 20; seed++) {
      const spread = new Spread();
      const margins = jittery(5000, jitter, seed).map((roundTrip) => spread.note(roundTrip));
      // What bunches calls up is the way there alone, which differs by no more than the jitter.
      expect(Math.min(...margins)).toBeGreaterThanOrEqual(jitter);
      expect(spread.margin).toBeLessThanOrEqual(Math.min(100, 2 * jitter + 8 + 2));
    }
  });
});
