import type { Standing } from '../base/store.ts';
import type { Limit } from '../limits/limit.ts';
import { callsMargin } from '../limits/plan.ts';
import type { Lanes } from './lanes.ts';
import type { Status } from './throttle.ts';

/** Makes the status of a key from its store's answer and its line. */
export function statusOf(lanes: Lanes, key: string, standing: Standing): Status {
  const { clock, gates, plans } = lanes;
  const { limits, wait, pausedFor, pool, plan, learned } = standing;
  const lane = lanes.find(key);
  const now = clock.monotonic();
  const instant = (monotonic: number) => clock.now() + Math.max(0, monotonic - now);
  const paused = gates.pausedUntil(key);
  const pausedUntil = Math.max(paused, now + pausedFor);
  const nextDue = Math.max(lane?.nextDue ?? now + wait, paused);
  const lastDue = lane?.lastDue(nextDue, standing, now);
  return {
    limits,
    waiting: lanes.waiting(key),
    inFlight: lanes.inFlight(key),
    nextAt: instant(nextDue),
    eta: lastDue === undefined ? undefined : instant(lastDue),
    pausedUntil: pausedUntil > now ? instant(pausedUntil) : undefined,
    pool: pool && { remaining: pool.remaining, resetAt: instant(now + pool.resetAfter) },
    learned: learnedIn(plans.areLearned && plan.begins === undefined ? plan.limits : [], learned),
    margin: plans.margin === 'calls' ? callsMargin : plans.margin,
    timer: clock.timerSource,
  };
}

/** The limits from a server, and the rate learned from its refusals, in calls per ms. */
function learnedIn(told: readonly Limit[], rate: number | undefined): readonly Limit[] | undefined {
  const learned = rate === undefined ? told : [...told, { rate: rate * 1_000, interval: 1_000 }];
  return learned.length === 0 ? undefined : learned;
}
