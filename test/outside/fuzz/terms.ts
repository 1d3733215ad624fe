import type { Limit } from 'sluice';
import { serverLimit } from './limits.ts';
import type { Log } from './log.ts';
import { leastMargin, limitText, type Setup } from './setup.ts';

/** One thing that must hold in every world: says what went wrong, or nothing. */
export type Rule = (log: Log) => string | undefined;

export const ms = (at: number) => Math.round(at * 1000) / 1000;

export const isHeard = ({ calls }: Setup) => calls.some(({ by }) => by === 'fetch');

export const hasSettled = ({ calls }: Setup) => calls.some(({ settle }) => settle !== undefined);

export const said = (limit: Limit, what: string | undefined) =>
  what === undefined ? undefined : `${limitText(limit)}: ${what}`;

export const firstOf = <T>(
  all: readonly T[],
  find: (one: T, index: number) => string | undefined,
): string | undefined => {
  for (const [index, one] of all.entries()) {
    const found = find(one, index);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** All limits that a key ever has at one place, or under one name, and since when each is in force. */
export function limitsAt(
  { limits, changes }: Setup,
  place: number,
): { readonly limit: Limit; readonly since: number }[] {
  return [{ limits, at: -Infinity }, ...changes].flatMap(({ limits: set, at }) => {
    const limit = set?.[place];
    return limit === undefined ? [] : [{ limit, since: at }];
  });
}

/** The limits that one throttle goes by, at the times when they begin. */
export function regimes({ setup, changes }: Log): { readonly order: number; readonly limits: readonly Limit[] }[] {
  let configured = setup.limits;
  let own: readonly Limit[] | undefined;
  const found = [{ order: -1, limits: configured }];
  for (const { plan, order } of changes) {
    if (plan.by === 'setLimits') own = plan.limits;
    else configured = plan.limits as readonly Limit[];
    found.push({ order, limits: own ?? configured });
  }
  return found;
}

/** The margin that a limit keeps, in ms; of one that follows the network, the least there is. */
export function marginOf(limit: Limit, setup: Setup): number {
  const own = limit.margin ?? setup.margin;
  if (own !== 'auto') return own;
  if (isHeard(setup)) return 8;
  const { tolerance, spacing } = serverLimit(limit);
  return (limit.kind ?? 'leaky-bucket') === 'leaky-bucket' ? Math.min(20, tolerance + spacing / 10) : 20;
}

/** How late after its slot a call may leave, in ms: half the least margin; a slot missed by more is moved. */
export function lateness(setup: Setup): number {
  const { limits, changes, margin, late } = setup;
  const all = [limits, ...changes.flatMap((change) => change.limits ?? [])].flat();
  const follows = isHeard(setup) && all.some((limit) => (limit.margin ?? margin) === 'auto');
  // A lane that looks into a slow store misses its slot by as much; one that a pause holds back, by anything.
  const { before, after } = setup.storeTakes;
  const most = setup.pauses.length > 0 ? Infinity : late.most + 2 * setup.sharers * (before + after);
  // Who misses a slot by more moves it, and tells the others: those that have to hear of it may be on their way by then.
  const isTold = (setup.hears || before + after > 0) && setup.sharers > 1;
  return Math.min(most, follows ? 50 : isTold ? Infinity : leastMargin(all, margin, false) / 2);
}

/** By how much calls of a limit may come closer together on their way than its margin covers, in ms. */
export function uncovered(limit: Limit, setup: Setup, jitter: number = setup.way.jitter): number {
  const isAuto = (limit.margin ?? setup.margin) === 'auto';
  const { after } = setup.storeTakes;
  // A margin that follows the network need not have seen the worst of it.
  if (isAuto && isHeard(setup)) return after + Math.max(0, lateness(setup) + jitter - 8) / 4;
  return Math.max(0, after + lateness(setup) + jitter - marginOf(limit, setup));
}

/** How long it may take until others know what one of them told a store, in ms. */
export function newsTakes({ hears, storeTakes, sharers, late }: Setup): number {
  const store = 4 * (storeTakes.before + storeTakes.after) * sharers;
  return (hears ? 5 : 1_000) + store + 2 * late.most + 1;
}
