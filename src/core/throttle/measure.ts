import { checkMethods } from '../base/check.ts';
import type { ThrottleEvents } from '../base/events.ts';
import type { Throttle } from './throttle.ts';

/** The target of `measureThrottle`: `performance`. */
export interface Timeline {
  now(): number;
  measure(name: string, options: { start: number; end: number; detail: unknown }): unknown;
  clearMeasures(name: string): void;
}

/**
 * Shows what a throttle does in the browser's performance panel, and to each `PerformanceObserver`. There is one entry
 * `sluice wait <key>` for each call that had to wait, and one `sluice call <key>` for each call of `run` and the
 * adapters that has ended. Their data are in `detail`. They are not kept in the buffer of `performance.getEntries()`,
 * which would only grow.
 * @returns a function that stops it
 * @throws TypeError if `timeline` lacks one of the methods
 * @example
 * const stop = measureThrottle(throttle, performance);
 */
export function measureThrottle(throttle: Throttle, timeline: Timeline): () => void {
  checkMethods('timeline', timeline, ['now', 'measure', 'clearMeasures']);
  /** @param ms how long it took, until now */
  const measure = (name: string, ms: number, detail: unknown) => {
    const end = timeline.now();
    // No entry may begin before the page did, which another clock could cause.
    timeline.measure(name, { start: Math.max(0, end - ms), end, detail });
    timeline.clearMeasures(name);
  };
  // An entry stores copies only, and an error cannot be copied.
  const measureWait = (outcome: 'granted' | 'rejected', { key, cost, wait }: Waited) => {
    if (wait > 0) measure(`sluice wait ${key}`, wait, { key, cost, wait, outcome });
  };
  const stops = [
    throttle.on('granted', (event) => measureWait('granted', event)),
    throttle.on('rejected', (event) => measureWait('rejected', event)),
    throttle.on('ended', (event) => measure(`sluice call ${event.key}`, event.duration, event)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** A call whose wait is over. */
type Waited = Pick<ThrottleEvents['rejected'], 'key' | 'cost' | 'wait'>;
