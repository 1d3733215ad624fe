import fc from 'fast-check';
import { type Cost, createThrottle, slidingWindow } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { instants, outcomeOf } from '../line/outcome.ts';

const runs = Number(process.env.SLUICE_RUNS ?? 1);
const interval = 1000;

const caseOf = fc.record({
  requests: fc.record({ emissionInterval: fc.integer({ min: 1, max: 200 }), burst: fc.integer({ min: 1, max: 6 }) }),
  tokens: fc.integer({ min: 1, max: 32 }),
  others: fc.record({ emissionInterval: fc.integer({ min: 1, max: 100 }), burst: fc.integer({ min: 1, max: 3 }) }),
  calls: fc.array(
    fc.record({
      requests: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
      tokens: fc.option(fc.integer({ min: 0, max: 32 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 40 },
  ),
});

/** When a leaky bucket by the book lets calls of these costs go, each as soon as `from` says. Counts them by the instants it is told. */
class Bucket {
  #tat = 0;

  constructor(
    readonly emissionInterval: number,
    readonly burst: number,
  ) {}

  conformsAt(cost: number): number {
    return cost === 0 ? 0 : this.#tat + (cost - this.burst) * this.emissionInterval;
  }

  go(cost: number, at: number): void {
    if (cost > 0) this.#tat = Math.max(this.#tat, at) + cost * this.emissionInterval;
  }
}

/** The same of an exact sliding window. */
class Log {
  readonly #calls: { at: number; cost: number }[] = [];

  constructor(readonly limit: number) {}

  conformsAt(cost: number, from: number): number {
    const used = (at: number) =>
      this.#calls.reduce((sum, call) => (call.at > at - interval ? sum + call.cost : sum), 0);
    const ends = [from, ...this.#calls.map((call) => call.at + interval).filter((at) => at > from)];
    return cost === 0 ? 0 : Math.min(...ends.filter((at) => used(at) + cost <= this.limit));
  }

  go(cost: number, at: number): void {
    this.#calls.push({ at, cost });
  }
}

describe('a line under several limits with a cost for each', () => {
  test('goes, call by call, as soon as all of them let it, and takes from all of them', async () => {
    await fc.assert(
      fc.asyncProperty(caseOf, async ({ requests, tokens, others, calls }) => {
        const clock = new ManualClock();
        const throttle = createThrottle({
          margin: 0,
          clock,
          limits: [
            { rate: 1, interval: requests.emissionInterval, burst: requests.burst, name: 'requests' },
            slidingWindow({ limit: tokens, interval, name: 'tokens' }),
            { rate: 1, interval: others.emissionInterval, burst: others.burst },
          ],
        });
        const costs = calls.map((call) => ({
          requests: Math.min(call.requests ?? 1, requests.burst),
          tokens: Math.min(call.tokens ?? 1, tokens),
        }));
        const outcomes = calls.map((call, index) => {
          const { requests, tokens } = costs[index] as (typeof costs)[0];
          const cost: Cost = {
            ...(call.requests === undefined ? undefined : { requests }),
            ...(call.tokens === undefined ? undefined : { tokens }),
          };
          return outcomeOf(throttle.wait('default', { cost }), clock);
        });
        const [first, second, third] = [
          new Bucket(requests.emissionInterval, requests.burst),
          new Log(tokens),
          new Bucket(others.emissionInterval, others.burst),
        ];
        let at = 0;
        const expected = costs.map((cost) => {
          at = Math.max(at, first.conformsAt(cost.requests), third.conformsAt(1));
          at = Math.max(at, second.conformsAt(cost.tokens, at));
          first.go(cost.requests, at);
          second.go(cost.tokens, at);
          third.go(1, at);
          return at;
        });
        await clock.advance(0);
        await clock.advance(200_000);
        expect(instants(outcomes)).toEqual(expected);
        expect(clock.timers).toBe(0);
      }),
      { numRuns: 300 * runs },
    );
  });
});
