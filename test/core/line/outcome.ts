import type { Clock } from 'sluice';

/** How a promise stands and, once it has settled, with what and when on the monotonic clock. */
export interface Outcome<T> {
  state: 'pending' | 'fulfilled' | 'rejected';
  value: T | undefined;
  error: unknown;
  at: number | undefined;
  /** How often it settled: anything but 0 and 1 is a miracle. */
  times: number;
}

/** Watches a promise. What it rejects with counts as seen. */
export function outcomeOf<T>(promise: Promise<T>, clock: Clock): Outcome<T> {
  const outcome: Outcome<T> = { state: 'pending', value: undefined, error: undefined, at: undefined, times: 0 };
  const note = (change: Partial<Outcome<T>>) =>
    Object.assign(outcome, change, { at: clock.monotonic(), times: outcome.times + 1 });
  promise.then(
    (value) => note({ state: 'fulfilled', value }),
    (error) => note({ state: 'rejected', error }),
  );
  return outcome;
}

/** When each of the promises settled, on the monotonic clock; undefined for those that wait. */
export const instants = (outcomes: readonly Outcome<unknown>[]): (number | undefined)[] =>
  outcomes.map((outcome) => outcome.at);
