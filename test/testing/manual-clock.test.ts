import { ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';

/** A clock and a log of which timer went off at which instant. */
function logged() {
  const clock = new ManualClock();
  const log: [string, number][] = [];
  const note = (name: string) => () => void log.push([name, clock.monotonic()]);
  return { clock, log, note };
}

afterEach(() => void vi.unstubAllGlobals());

describe('a manual clock', () => {
  test.each([
    ['setImmediate', []],
    ['a MessageChannel alone', ['setImmediate']],
    ['neither, as in jsdom under Jest', ['setImmediate', 'MessageChannel']],
  ])('lets promises settle that wait for each other, with %s', async (_, missing) => {
    for (const name of missing) vi.stubGlobal(name, undefined);
    const { clock, log, note } = logged();
    const later = async () => {
      for (let turn = 0; turn < 50; turn++) await undefined;
      clock.setTimeout(note('near'), 5);
    };
    void later();
    await clock.advance(10);
    expect(log).toEqual([['near', 5]]);
  });

  test('stands still until it is moved', async () => {
    const clock = new ManualClock({ now: 5000 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([clock.now(), clock.monotonic()]).toEqual([5000, 0]);
  });

  test('starts in 2026 unless told otherwise', () => {
    expect(new Date(new ManualClock().now()).toISOString()).toBe('2026-01-01T00:00:00.000Z');
  });

  test('moves both clocks', async () => {
    const clock = new ManualClock({ now: 5000 });
    await clock.advance(1500);
    expect([clock.now(), clock.monotonic()]).toEqual([6500, 1500]);
  });

  test('stands still until promises have settled, even where no timer is set yet', async () => {
    const { clock, log, note } = logged();
    void Promise.resolve().then(() => clock.setTimeout(note('near'), 5));
    const advancing = clock.advance(10);
    expect(clock.monotonic()).toBe(0);
    await advancing;
    expect([log, clock.monotonic()]).toEqual([[['near', 5]], 10]);
  });

  test('sets the wall clock alone, forward and back', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('timer'), 100);
    const start = clock.now();
    clock.jump(3_600_000);
    expect([clock.now() - start, clock.monotonic()]).toEqual([3_600_000, 0]);
    clock.jump(-7_200_000);
    await clock.advance(99);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual([['timer', 100]]);
    expect(clock.now() - start).toBe(-3_600_000 + 100);
  });

  test('calls timers in the order of their instants, and of setting at the same one', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('c'), 30);
    clock.setTimeout(note('a'), 10);
    clock.setTimeout(note('d'), 30);
    clock.setTimeout(note('b'), 20);
    await clock.advance(100);
    expect(log).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 30],
      ['d', 30],
    ]);
    expect(clock.monotonic()).toBe(100);
  });

  test('calls each timer once', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('a'), 10);
    await clock.advance(10);
    await clock.advance(10);
    expect(log).toHaveLength(1);
  });

  test('calls a timer that is set on the way, at its own instant', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(() => clock.setTimeout(note('inner'), 15), 10);
    await clock.advance(24);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual([['inner', 25]]);
  });

  test('lets promises settle before time goes on', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(() => {
      void (async () => {
        for (let turn = 0; turn < 50; turn++) await undefined;
        note('after fifty turns')();
        clock.setTimeout(note('set then'), 5);
      })();
    }, 10);
    clock.setTimeout(note('later'), 12);
    await clock.advance(20);
    expect(log).toEqual([
      ['after fifty turns', 10],
      ['later', 12],
      ['set then', 15],
    ]);
  });

  test('lets promises settle before the first timer', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('far'), 1000);
    void Promise.resolve().then(() => clock.setTimeout(note('near'), 5));
    await clock.advance(5);
    expect(log).toEqual([['near', 5]]);
  });

  test('clears timers', async () => {
    const { clock, log, note } = logged();
    const a = clock.setTimeout(note('a'), 10);
    clock.setTimeout(note('b'), 10);
    clock.clearTimeout(a);
    clock.clearTimeout(a);
    clock.clearTimeout(undefined);
    clock.clearTimeout('no timer');
    expect(clock.timers).toBe(1);
    await clock.advance(10);
    expect(log).toEqual([['b', 10]]);
    expect(clock.timers).toBe(0);
  });

  test('does not call a timer that another one of the same instant clears', async () => {
    const { clock, log, note } = logged();
    let second: unknown;
    clock.setTimeout(() => clock.clearTimeout(second), 10);
    second = clock.setTimeout(note('second'), 10);
    await clock.advance(50);
    expect(log).toEqual([]);
  });

  test('calls a timer of 0 or less at the next advance, even by 0', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('zero'), 0);
    clock.setTimeout(note('negative'), -100);
    expect(log).toEqual([]);
    await clock.advance(0);
    expect(log).toEqual([
      ['zero', 0],
      ['negative', 0],
    ]);
  });

  test('reaches beyond the longest timer of the platforms', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('far'), 2 ** 33);
    await clock.advance(2 ** 33 - 1);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual([['far', 2 ** 33]]);
  });

  test('goes on after a timer that throws', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(() => {
      throw new Error('from a timer');
    }, 10);
    clock.setTimeout(note('next'), 20);
    await expect(clock.advance(15)).rejects.toThrow('from a timer');
    await clock.advance(10);
    expect(log).toEqual([['next', 20]]);
  });

  test('never goes back when two advances overlap', async () => {
    const { clock, log, note } = logged();
    clock.setTimeout(note('a'), 10);
    clock.setTimeout(note('b'), 40);
    await Promise.all([clock.advance(50), clock.advance(20)]);
    expect(log).toEqual([
      ['a', 10],
      ['b', 40],
    ]);
    expect(clock.monotonic()).toBe(50);
  });

  test.each([Number.NaN, -1, Infinity, '5', undefined, null])('does not advance by %s', async (ms) => {
    const clock = new ManualClock();
    await expect(clock.advance(ms as number)).rejects.toThrow(/^Expected `ms` to be a number/);
    expect(clock.monotonic()).toBe(0);
  });

  test.each([Number.NaN, Infinity, '5', undefined])('does not jump by %s', (ms) => {
    const clock = new ManualClock();
    const before = clock.now();
    expect(() => clock.jump(ms as number)).toThrow(/^Expected `ms` to be a finite number, got/);
    expect(clock.now()).toBe(before);
  });

  test('refuses a start that is not an instant', () => {
    expect(() => new ManualClock({ now: Number.NaN })).toThrow('Expected `now` to be a finite number, got `NaN`.');
    expect(() => new ManualClock({ now: '0' as unknown as number })).toThrow(TypeError);
  });
});
