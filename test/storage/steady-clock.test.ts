import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { SteadyClock } from '../../src/storage/steady-clock.ts';

const hour = 3_600_000;
const tick = 1 / 2048;

function setup() {
  const clock = new ManualClock({ now: 100 * hour });
  return { clock, steady: new SteadyClock(clock) };
}

describe('a steady clock', () => {
  it('does not go back from when it was made', () => {
    const { clock, steady } = setup();
    clock.jump(-hour);
    expect([steady.now(), steady.ahead]).toEqual([100 * hour, hour]);
    clock.jump(-hour);
    expect([steady.now(), steady.ahead]).toEqual([100 * hour, 2 * hour]);
  });

  it('goes forward with the wall clock, and drifts with it', async () => {
    const { clock, steady } = setup();
    clock.jump(hour);
    expect([steady.now(), steady.ahead]).toEqual([101 * hour, 0]);
    clock.jump(-250);
    await clock.advance(0.25);
    expect([steady.now(), steady.ahead]).toEqual([101 * hour - 250 + 0.25, 0]);
    clock.jump(-250 - tick);
    expect([steady.now(), steady.ahead]).toEqual([101 * hour - 250 + 0.25, 250 + tick]);
  });

  it('is as far ahead of the wall clock of a record as that was when it was written', () => {
    const { clock, steady } = setup();
    const seen = 100 * hour;
    const aheadOf = (at: number) => steady.aheadOf(at, steady.now());
    // A record may come from a process whose clock is a little early, or from before a clock was set back.
    expect([aheadOf(seen), aheadOf(seen + 250), aheadOf(seen + 250 + tick)]).toEqual([0, 0, -250 - tick]);
    clock.jump(-hour);
    expect([aheadOf(seen - hour), aheadOf(seen - hour + 250)]).toEqual([hour, hour]);
    expect([aheadOf(seen), aheadOf(seen + 99)]).toEqual([0, -99]);
    clock.jump(-2 * hour);
    expect([aheadOf(seen - 3 * hour), aheadOf(seen - hour)]).toEqual([3 * hour, hour]);
  });
});
