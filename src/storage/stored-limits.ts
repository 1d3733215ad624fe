import { carrying, type Kind, type LimitState } from '../core/limits/kind.ts';
import { learnedKind } from '../core/limits/learned.ts';
import { type Limit, longAgo } from '../core/limits/limit.ts';
import type { Marks } from '../core/limits/marks.ts';
import { type Margin, type Plan, planOf } from '../core/limits/plan.ts';
import { slidingWindowKind } from '../core/limits/sliding-window.ts';

// Stored limits name their kinds by strings, so their reader has to know all kinds that a limit could have.

const kinds = [slidingWindowKind, learnedKind] as readonly Kind[];

/** The same as `planOf`, for limits that were stored as plain data. */
export function planOfData(limits: readonly Limit[], margin: Margin): Plan {
  const withKinds = Array.from(limits, (limit) => {
    const kind = kinds.find(({ name }) => name === limit?.kind);
    return kind === undefined ? limit : carrying(limit, kind);
  });
  return planOf(withKinds, margin);
}

/** The stored state of a sliding window. */
export interface StoredWindow {
  /** Instants of the marks, rising. */
  readonly times: readonly number[];
  /** Calls that each mark stands for. */
  readonly costs: readonly number[];
  /** Until when the latest dropped mark counted. */
  readonly free: number;
}

/** Marks as they are stored. */
export function storedWindow([free = longAgo, ...marks]: Marks): StoredWindow {
  return {
    times: marks.filter((_, place) => place % 2 === 0),
    costs: marks.filter((_, place) => place % 2 === 1),
    free,
  };
}

/** The marks that were stored. */
export function marksOfStored({ times, costs, free }: StoredWindow): Marks {
  const marks = [free];
  for (const [index, time] of times.entries()) marks.push(time, costs[index] as number);
  return marks;
}

/** Per limit its stored window, null if the limit has a tat; undefined if no limit has a window. */
export function storedWindows(plan: Plan, states: readonly LimitState[]): (StoredWindow | null)[] | undefined {
  return plan.leaky ? undefined : states.map((state) => (typeof state === 'number' ? null : storedWindow(state)));
}

/** The states of limits from their stored form. */
export function statesOf(
  { atRest }: Plan,
  tats: readonly number[],
  windows?: readonly (StoredWindow | null | undefined)[],
): LimitState[] {
  return atRest.map((rest, index) => {
    const tat = tats[index] as number;
    const window = windows?.[index];
    if (typeof rest === 'number') return tat;
    if (window) return marksOfStored(window);
    // Only the latest mark is known.
    return tat === longAgo ? rest.slice() : [longAgo, tat, 0];
  });
}
