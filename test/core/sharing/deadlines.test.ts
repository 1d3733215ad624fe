import { ManualClock } from 'sluice/testing';
import { expect, it } from 'vitest';
import { Deadlines } from '../../../src/core/sharing/deadlines.ts';

it('a deadline is missed when its time is over, not before, and once', async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 1_000);
  const missed: [string, number][] = [];
  const begin = (name: string) => deadlines.set(() => missed.push([name, clock.monotonic()]));
  const start = clock.monotonic();
  begin('first');
  await clock.advance(400);
  begin('second');
  await clock.advance(5_000);
  expect(missed).toEqual([
    ['first', start + 1_000],
    ['second', start + 1_400],
  ]);
});

it('a deadline that is met is never missed, and costs no timer of its own', async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 1_000);
  const missed: number[] = [];
  for (let step = 0; step < 50; step++) {
    const meet = deadlines.set(() => missed.push(step));
    expect(clock.timers).toBe(1);
    await clock.advance(100);
    meet();
    meet();
  }
  expect(clock.timers).toBe(1);
  await clock.advance(1_000);
  expect(missed).toEqual([]);
  expect(clock.timers).toBe(0);
});

it('a deadline that is set while another is missed has its whole time', async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 1_000);
  const missed: number[] = [];
  const start = clock.monotonic();
  deadlines.set(() => {
    deadlines.close();
    deadlines.set(() => missed.push(clock.monotonic() - start));
  });
  await clock.advance(1_500);
  expect(clock.timers).toBe(1);
  await clock.advance(5_000);
  expect(missed).toEqual([2_000]);
  expect(clock.timers).toBe(0);
});

it('its timer is cleared when it is closed, unless a deadline is open', async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 1_000);
  const missed: string[] = [];
  const meet = deadlines.set(() => missed.push('met'));
  deadlines.set(() => missed.push('open'));
  meet();
  deadlines.close();
  expect(clock.timers).toBe(1);
  await clock.advance(1_000);
  expect(missed).toEqual(['open']);
  deadlines.set(() => {})();
  deadlines.close();
  expect(clock.timers).toBe(0);
});

it('keeps a process of Node open only while a deadline is open', () => {
  const timers: NodeJS.Timeout[] = [];
  const clock = {
    now: () => 0,
    monotonic: () => performance.now(),
    setTimeout: (callback: () => void, ms: number) => timers[timers.push(setTimeout(callback, ms)) - 1],
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
  const deadlines = new Deadlines(clock, 1_000);
  const meet = deadlines.set(() => {});
  expect(timers.map((timer) => timer.hasRef())).toEqual([true]);
  meet();
  expect(timers.map((timer) => timer.hasRef())).toEqual([false]);
  deadlines.set(() => {})();
  expect(timers.map((timer) => timer.hasRef())).toEqual([false]);
  deadlines.set(() => {});
  deadlines.set(() => {})();
  expect(timers.map((timer) => timer.hasRef())).toEqual([true]);
  for (const timer of timers) clearTimeout(timer);
});

it('a deadline that is set while another is missed does not delay earlier ones', async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 1_000);
  const missed: number[] = [];
  const start = clock.monotonic();
  deadlines.set(() => deadlines.set(() => missed.push(clock.monotonic() - start)));
  await clock.advance(400);
  deadlines.set(() => missed.push(clock.monotonic() - start));
  await clock.advance(5_000);
  expect(missed).toEqual([1_400, 2_000]);
  expect(clock.timers).toBe(0);
});

it('a deadline that is missed before its time is not late', () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 1_000);
  const lates: number[] = [];
  deadlines.set((late) => lates.push(late));
  deadlines.missAll();
  expect([lates, clock.timers]).toEqual([[0], 0]);
});

it('works on a clock whose timers are undefined', async () => {
  const clock = new ManualClock();
  const missed: string[] = [];
  const nameless = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout: (callback: () => void, ms: number) => void clock.setTimeout(callback, ms),
    clearTimeout: () => {},
  };
  const deadlines = new Deadlines(nameless, 1_000);
  deadlines.set(() => missed.push('met'))();
  deadlines.set(() => missed.push('open'));
  await clock.advance(1_000);
  expect(missed).toEqual(['open']);
});
