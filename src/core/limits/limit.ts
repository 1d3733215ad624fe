import { checkNumber, checkOptions, outOfRange, wrongType } from '../base/check.ts';
import { tick } from '../time/clock.ts';

/**
 * One rule that a key must keep. Written by hand it is a leaky bucket: `rate` calls per `interval` in the long run, `burst` at
 * one instant. `quota`, `perSecond` … `perDay` and `slidingWindow` make limits that are safe for "N per interval".
 */
export interface Limit {
  /**
   * How the calls are counted.
   * - `'leaky-bucket'`: the virtual scheduling form of the generic cell rate algorithm.
   * - `'quota'`: the same bucket, with its margin added to the window that it was made for.
   * - `'sliding-window'`: at most `rate` calls in any window of `interval`.
   * @default 'leaky-bucket'
   */
  readonly kind?: LimitKind;
  /** Calls per `interval`. Above 0. */
  readonly rate: number;
  /** Milliseconds. Above 0. It, `interval / rate` and `burst * interval / rate` may be at most 2^40 (34 years). */
  readonly interval: number;
  /**
   * The most calls that may go at one instant from rest, the first included. At least 1.
   * @default 1; of a sliding window, which lets all its calls go at once, `rate`
   */
  readonly burst?: number;
  /**
   * Milliseconds kept in hand for calls that the network bunches up; at least 0. `'auto'` and nothing at all mean the
   * throttle's own margin.
   */
  readonly margin?: number | 'auto';
  /** Names the limit in costs, decisions and errors. Needed only where one key has several limits with costs of their own. */
  readonly name?: string;
}

export type LimitKind = 'leaky-bucket' | 'quota' | 'sliding-window';

/** What `quota` takes. */
export interface QuotaOptions {
  /** Calls per `interval` that the server allows. A whole number, at least 1. */
  readonly limit: number;
  /** Length of the server's window in ms. Above 0, at most 2^40 (34 years). */
  readonly interval: number;
  /**
   * How many of them may go at one instant. A whole number from 1 to `limit`.
   * @default a twentieth of `limit`, at least 1
   */
  readonly burst?: number;
  /** See `Limit.margin`. */
  readonly margin?: number | 'auto';
  /** See `Limit.name`. */
  readonly name?: string;
}

/**
 * Makes a leaky bucket that lets at most `limit` calls through in any window of `interval` ms, wherever the window begins.
 *
 * The bucket leaks `limit - burst + 1` calls per `interval + margin`: a larger burst answers sooner from rest and leaves less
 * for the long run. It holds for costs in whole calls.
 * @throws TypeError, RangeError if an option is missing or out of range.
 * @see docs/algorithm.md for the bound.
 * @example
 * quota({ limit: 100, interval: 60_000 }).rate //=> 96
 */
export function quota(options: QuotaOptions): Limit {
  checkOptions('options', options);
  const limit = checkNumber('limit', options.limit, { from: 1, whole: true });
  const { burst = Math.max(1, Math.floor(limit / 20)) } = options;
  checkNumber('burst', burst, { from: 1, to: limit, whole: true });
  return made({ kind: 'quota', rate: limit - burst + 1, interval: options.interval, burst }, options);
}

/** What `slidingWindow` takes. */
export type SlidingWindowOptions = Omit<QuotaOptions, 'burst'>;

/**
 * Makes a limit of at most `limit` calls in any window of `interval` ms, all of them at once if they come at once, then more
 * as they grow older than the window.
 * @throws TypeError, RangeError if an option is missing or out of range.
 * @example
 * slidingWindow({ limit: 100, interval: 60_000 }).burst //=> 100
 */
export function slidingWindow(options: SlidingWindowOptions): Limit {
  checkOptions('options', options);
  const limit = checkNumber('limit', options.limit, { from: 1, whole: true });
  return made({ kind: 'sliding-window', rate: limit, interval: options.interval, burst: limit }, options);
}

/** What `perSecond`, `perMinute`, `perHour` and `perDay` take besides the number. */
export type PerOptions = Omit<QuotaOptions, 'limit' | 'interval'>;

/** Makes a `quota` of `limit` calls per second. */
export const perSecond = (limit: number, options: PerOptions = {}): Limit => per(limit, 1_000, options);
/** Makes a `quota` of `limit` calls per minute. */
export const perMinute = (limit: number, options: PerOptions = {}): Limit => per(limit, 60_000, options);
/** Makes a `quota` of `limit` calls per hour. */
export const perHour = (limit: number, options: PerOptions = {}): Limit => per(limit, 3_600_000, options);
/** Makes a `quota` of `limit` calls per 24 hours. */
export const perDay = (limit: number, options: PerOptions = {}): Limit => per(limit, 86_400_000, options);

function per(limit: number, interval: number, options: PerOptions): Limit {
  checkOptions('options', options);
  return quota({ ...options, limit, interval });
}

function made(limit: Limit, { margin, name }: Pick<Limit, 'margin' | 'name'>): Limit {
  return checkLimit('', {
    ...limit,
    ...(margin === undefined ? undefined : { margin }),
    ...(name === undefined ? undefined : { name }),
  });
}

/** The longest span that a bucket reckons with, in ms: 2^40, some 34 years. Longer ones would cost precision. */
const longest = 2 ** 40;

const kinds: readonly unknown[] = ['leaky-bucket', 'quota', 'sliding-window', undefined];

const burstOf = ({ kind, rate, burst = kind === 'sliding-window' ? rate : 1 }: Limit): number => burst;

/** Checks one limit and returns it. `path` is what the caller's option is called, '' for none. */
export function checkLimit(path: string, limit: Limit): Limit {
  if (typeof limit !== 'object' || limit === null) wrongType(path || 'limit', 'a limit', limit);
  const prefix = path === '' ? '' : `${path}.`;
  if (!kinds.includes(limit.kind))
    outOfRange(`${prefix}kind`, "'leaky-bucket', 'quota' or 'sliding-window'", limit.kind);
  checkNumber(`${prefix}rate`, limit.rate, limit.kind === 'sliding-window' ? { from: 1 } : { above: 0 });
  checkNumber(`${prefix}interval`, limit.interval, { above: 0, to: longest });
  const { margin = 0, name } = limit;
  const burst = checkNumber(`${prefix}burst`, burstOf(limit), { from: 1 });
  if (limit.kind === 'sliding-window' && burst !== limit.rate) {
    outOfRange(`${prefix}burst`, 'the same as `rate`, since a sliding window lets all its calls go at once', burst);
  }
  if (limit.interval / limit.rate > longest) outOfRange(`${prefix}rate`, `at least interval / 2^40`, limit.rate);
  if ((burst * limit.interval) / limit.rate > longest) {
    outOfRange(`${prefix}burst`, 'at most 2^40 ms (34 years) of calls at the given rate', burst);
  }
  checkMargin(`${prefix}margin`, margin);
  if (name !== undefined && typeof name !== 'string') wrongType(`${prefix}name`, 'a string', name);
  return limit;
}

/** Checks a margin, of one limit or of the throttle, and returns it. */
export function checkMargin(name: string, margin: number | 'auto'): number | 'auto' {
  if (margin === 'auto') return margin;
  if (typeof margin === 'string') outOfRange(name, "a number of ms or 'auto'", margin);
  return checkNumber(name, margin, { from: 0, to: longest });
}

/** How many calls a limit lets through, its margin aside. */
export interface Allowance {
  /** The most that may go at one instant, so also the greatest cost, in calls. */
  readonly burst: number;
  /** The emission interval without a margin, in ms; 0 for a sliding window. */
  readonly even: number;
  /** The interval that the limit counts in, in ms. */
  readonly interval: number;
  /** For how long a call counts, in ms: the interval with what the margin adds, at least one emission interval. Whole ticks. */
  readonly span: number;
}

/** One limit made ready for the arithmetic: `docs/algorithm.md` derives the numbers. */
export interface Rule extends Allowance {
  readonly limit: Limit;
  readonly name: string | undefined;
  /** Spacing of an even schedule, in ms, margin included: whole ticks. */
  readonly emissionInterval: number;
  /** How far the tat may be ahead of a call of cost 1, in ms, margin taken off: whole ticks. */
  readonly tolerance: number;
  /** Length of the sliding window in ms, margin included; 0 for a leaky bucket. */
  readonly window: number;
}

/** What limits without a margin of their own keep in hand: a number of ms, or `'calls'` for what calls without an adapter keep. */
export type Margin = number | 'calls';

/** The margin of `'calls'`, in ms. A leaky bucket is stretched by no more than this part of its emission interval for it. */
export const callsMargin = 20;
const mostStretched = 0.1;

/** An instant so long ago that any bucket is at rest; a number that JSON and Lua know too. */
export const longAgo: number = -longest;

/** The limits of one key, made ready. */
export interface Plan {
  readonly rules: readonly Rule[];
  /** What they were made of. */
  readonly limits: readonly Limit[];
  /** What limits without a margin of their own keep in hand. */
  readonly margin: Margin;
  /** How late a call may leave after its slot, in ms: half of the least margin. The other half is the network's. */
  readonly lateness: number;
  /** When the throttle took these limits in place of others, on its monotonic clock; undefined if it was made with them. */
  readonly since?: number;
  /** Per rule the tat of a bucket at rest. */
  readonly atRest: readonly number[];
  /** The rule of a plan that is one leaky bucket, in whole ticks. */
  readonly only: Rule | undefined;
  /** Whether every rule is a leaky bucket. */
  readonly leaky: boolean;
  /** No more calls of cost 1 than this can ever go at one instant. */
  readonly mostAtOnce: number;
}

/**
 * Checks limits and makes them ready.
 * @param margin what limits without a margin of their own keep in hand
 */
export function planOf(limits: Limit | readonly Limit[], margin: Margin): Plan {
  // A copy has no holes, which `map` and `every` would pass over.
  const list = Array.isArray(limits) ? [...(limits as readonly Limit[])] : [limits as Limit];
  if (list.length === 0) outOfRange('limits', 'at least one limit', list);
  const path = (index: number) => (Array.isArray(limits) ? `limits[${index}]` : 'limits');
  for (const [index, limit] of list.entries()) checkLimit(path(index), limit);
  const margins = list.map((limit) => marginOf(limit, margin));
  const rules = list.map((limit, index) => ruleOf(limit, margins[index] as number));
  const names = rules.map((rule) => rule.name).filter((name) => name !== undefined);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) outOfRange('limits', 'limits with different names', twice);
  const leaky = rules.every((rule) => rule.window === 0);
  const [first] = rules as [Rule];
  const inTicks = first.emissionInterval % tick === 0 && first.tolerance % tick === 0;
  return {
    rules,
    limits: rules.map((rule) => rule.limit),
    margin,
    lateness: Math.min(...margins) / 2,
    only: leaky && rules.length === 1 && inTicks ? first : undefined,
    atRest: rules.map(() => longAgo),
    leaky,
    mostAtOnce: Math.floor(Math.min(...rules.map((rule) => rule.burst))),
  };
}

/** What a limit keeps in hand, in ms. */
function marginOf(limit: Limit, byDefault: Margin): number {
  const { kind = 'leaky-bucket', margin = 'auto', rate, interval } = limit;
  const own = margin === 'auto' ? byDefault : margin;
  if (typeof own === 'number') return wholeUp(own, tick);
  const even = steps(interval / rate);
  return kind === 'leaky-bucket'
    ? Math.min(callsMargin, toleranceOf(limit, even) + steps(even * mostStretched))
    : callsMargin;
}

/** The burst tolerance of a limit without its margin, in ms. */
function toleranceOf(limit: Limit, even: number): number {
  return Math.floor(((burstOf(limit) - 1) * even) / stepOf(even)) * stepOf(even);
}

function ruleOf(limit: Limit, kept: number): Rule {
  const { kind = 'leaky-bucket', rate, interval, name } = limit;
  const rule = { limit: copyOf(limit), name, burst: burstOf(limit), interval };
  const whole = wholeUp(interval, tick);
  if (kind === 'sliding-window') {
    const window = whole + kept;
    return { ...rule, window, even: 0, span: window, emissionInterval: window / rate, tolerance: 0 };
  }
  // However often the margin changes: calls are charged at least as much, and borne with at most as long, as without one.
  const even = steps(interval / rate);
  const full = toleranceOf(limit, even);
  const isQuota = kind === 'quota';
  const emissionInterval = isQuota ? steps((interval + kept) / rate) : even + Math.max(0, kept - full);
  const tolerance = isQuota ? full : Math.max(0, full - kept);
  const span = Math.max(whole + kept, emissionInterval);
  return { ...rule, window: 0, even, span, emissionInterval, tolerance };
}

const fields = ['kind', 'rate', 'interval', 'burst', 'margin', 'name'] as const;

/** Only what we know of a limit: the user's object may hold what cannot be stored, and may change. */
function copyOf(limit: Limit): Limit {
  const entries = fields.map((field) => [field, limit[field]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as Limit;
}

/** Whether limits say the very same as those that a plan was made of, so that nothing is wrong with them. */
export function isMadeOf({ limits }: Plan, others: readonly Limit[]): boolean {
  if (limits.length !== others.length) return false;
  // Loops, as each step of a browser store comes by here, often in a tab whose code is cold.
  for (let index = 0; index < limits.length; index++)
    for (const field of fields) if (limits[index]?.[field] !== others[index]?.[field]) return false;
  return true;
}

/**
 * The steps in which an emission interval is measured, so that sums of it are exact: ticks, and below a thousand of them finer
 * powers of two, so that never more than a thousandth of the rate is lost.
 */
function stepOf(ms: number): number {
  return Math.min(tick, 2 ** (Math.floor(Math.log2(ms)) - 10));
}

const steps = (ms: number): number => wholeUp(ms, stepOf(ms));

const wholeUp = (ms: number, step: number): number => Math.ceil(ms / step) * step;

/** Whether two plans are made of the same limits, margins aside. */
export function samePlan(a: Plan, b: Plan): boolean {
  if (a === b) return true;
  return (
    a.rules.length === b.rules.length &&
    a.rules.every((rule, index) => sameLimit(rule.limit, (b.rules[index] as Rule).limit))
  );
}

function sameLimit(a: Limit, b: Limit): boolean {
  if (a === b) return true;
  const { kind = 'leaky-bucket' } = a;
  return (
    kind === (b.kind ?? 'leaky-bucket') &&
    a.rate === b.rate &&
    a.interval === b.interval &&
    burstOf(a) === burstOf(b) &&
    a.name === b.name
  );
}
