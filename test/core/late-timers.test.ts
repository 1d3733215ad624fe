import { createThrottle } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';
import { outcomeOf } from './outcome.ts';

/** A clock whose timers come late, as all real ones do. */
class LateClock extends ManualClock {
  override setTimeout(callback: () => void, ms: number): unknown {
    return super.setTimeout(callback, ms + 0.5);
  }
}

test('calls go on after the limits have changed, though every timer comes late', async () => {
  const clock = new LateClock();
  const throttle = createThrottle({ limits: { rate: 1, interval: 1000 }, clock });
  await throttle.wait();
  await throttle.setLimits('default', { rate: 10, interval: 1000 });
  const calls = Array.from({ length: 20 }, () => outcomeOf(throttle.wait('default', {}), clock));
  await clock.advance(0);
  await clock.advance(2_200);
  expect(calls.filter(({ state }) => state === 'fulfilled')).toHaveLength(20);
});
