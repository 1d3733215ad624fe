import type { Cost, Limit } from 'sluice';
import { serverLimit } from './limits.ts';

/** What a world is about; each asks for other rules of the judge. */
export const profiles = ['saturated', 'settling', 'changing', 'stopped', 'cold', 'slow', 'mixed'] as const;
export type Profile = (typeof profiles)[number];
export type StoreKind = 'memory' | 'map' | 'slow map' | 'redis';

/** One call that somebody makes. */
export interface CallPlan {
  readonly id: number;
  readonly sharer: number;
  /** When, in ms from the start. */
  readonly at: number;
  readonly by: 'fetch' | 'run' | 'wait' | 'allow' | 'reserve';
  readonly cost: Cost;
  readonly priority: number;
  /** The true cost, and how long after the answer it is told, in ms. */
  readonly settle: { readonly cost: Cost; readonly after: number } | undefined;
  /** How long after the call its signal aborts, or its reservation is cancelled, in ms. */
  readonly quitsAfter: number | undefined;
}

/** Other limits from an instant on. */
export interface ChangePlan {
  readonly at: number;
  /** Which throttle is configured; undefined for all of them. Of `setLimits`, which one says so. */
  readonly sharer: number | undefined;
  readonly by: 'configure' | 'setLimits';
  /** Undefined takes those of `setLimits` off again. */
  readonly limits: readonly Limit[] | undefined;
}

export interface PausePlan {
  readonly at: number;
  readonly sharer: number;
  readonly ms: number;
}

export interface SyncPlan extends PausePlan {
  readonly remaining: number;
}

/** All that is drawn before a world begins: together with the seed it says everything. */
export interface Setup {
  readonly seed: number;
  readonly profile: Profile;
  readonly store: StoreKind;
  readonly sharers: number;
  /** Whether sharers hear at once of pauses and changed limits. */
  readonly hears: boolean;
  /** The longest that a store takes before it decides and after, in ms. */
  readonly storeTakes: { readonly before: number; readonly after: number };
  readonly limits: readonly Limit[];
  /** The margin of the throttles. */
  readonly margin: number | 'auto';
  /** How late timers come, in ms: always, or at most. */
  readonly late: { readonly most: number; readonly always: boolean };
  /** What a call takes to the server, in it and back, in ms, and at most how much longer to it. */
  readonly way: { readonly there: number; readonly inside: number; readonly back: number; readonly jitter: number };
  /** How much longer the server itself takes at most, in ms. */
  readonly ponders: number;
  /** What opening a connection takes at most, in ms; whether each call opens its own. Undefined where all stay open. */
  readonly opening: { readonly most: number; readonly each: boolean } | undefined;
  readonly calls: readonly CallPlan[];
  readonly changes: readonly ChangePlan[];
  readonly pauses: readonly PausePlan[];
  readonly syncs: readonly SyncPlan[];
  /** Whether the calls name no option that looks at them, so that an adapter takes its shortest way. */
  readonly plain: boolean;
}

/** The least margin among limits, in ms, as far as it is fixed. Of `'auto'` it is what DESIGN promises at least. */
export function leastMargin(limits: readonly Limit[], margin: number | 'auto', isHeard: boolean): number {
  const auto = isHeard ? 8 : 20;
  return Math.min(
    ...limits.map((limit) => {
      const own = limit.margin ?? margin;
      if (own !== 'auto') return own;
      const { tolerance, spacing } = serverLimit(limit);
      const isEased = !isHeard && (limit.kind ?? 'leaky-bucket') === 'leaky-bucket';
      return isEased ? Math.min(auto, tolerance + spacing / 10) : auto;
    }),
  );
}

const round = (ms: number) => Math.round(ms * 1000) / 1000;

/** Says a limit in a few words. */
export function limitText(limit: Limit): string {
  const { kind = 'leaky', rate, interval, burst = 1, margin, name } = limit;
  const more = `${margin === undefined ? '' : `, margin ${margin}`}${name === undefined ? '' : `, ${name}`}`;
  if (kind === 'sliding-window') return `slidingWindow(${rate} per ${round(interval)}${more})`;
  if (kind === 'quota') return `quota(${rate + burst - 1} per ${round(interval)}, burst ${burst}${more})`;
  return `leaky(${round(rate)} per ${round(interval)}, burst ${round(burst)}${more})`;
}

/** Says a set-up in a few lines. */
export function setupText(setup: Setup): string {
  const { seed, profile, store, sharers, storeTakes, margin, late, way, opening, calls, ponders } = setup;
  const kinds = [...new Set(calls.map(({ by }) => by))].join('/');
  const lines = [
    `seed ${seed}, ${profile}: ${store}${storeTakes.before > 0 ? ` (takes ${round(storeTakes.before)} + ${round(storeTakes.after)})` : ''}, ${sharers} sharer(s)${setup.hears ? ' that hear' : ''}, margin ${typeof margin === 'number' ? round(margin) : margin}`,
    `limits ${setup.limits.map(limitText).join(' and ')}`,
    `timers ${late.always ? '' : 'up to '}${late.most} late; way ${round(way.there)} + 0..${round(way.jitter)} | ${round(way.inside)} + 0..${ponders} | ${round(way.back)}${opening ? `; opening 0..${opening.most}${opening.each ? ' each' : ''}` : ''}`,
    `${calls.length} calls by ${kinds}${setup.plain ? ' (plain)' : ''} from ${round(Math.min(...calls.map(({ at }) => at)))} to ${round(Math.max(...calls.map(({ at }) => at)))}`,
    ...setup.changes.map(
      ({ at, by, sharer, limits }) =>
        `at ${round(at)} ${by} of ${sharer ?? 'all'}: ${limits?.map(limitText).join(' and ')}`,
    ),
    ...setup.pauses.map(({ at, sharer, ms }) => `at ${round(at)} pause by ${sharer} until ${round(at + ms)}`),
    ...setup.syncs.map(
      ({ at, sharer, ms, remaining }) => `at ${round(at)} sync by ${sharer}: ${remaining} until ${round(at + ms)}`,
    ),
  ];
  return lines.join('\n    ');
}
