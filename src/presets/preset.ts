import type { Dialect } from '../adapters/server-signal.ts';
import { checkOptions, outOfRange } from '../core/base/check.ts';
import type { Limit } from '../core/limits/limit.ts';
import { quota } from '../core/limits/quota.ts';
import type { ThrottleOptions } from '../core/throttle/options.ts';
import { completeDialect } from './complete-dialect.ts';

/**
 * How the source of a preset was read: `primary`, the vendor's own page or code; `copy`, an older copy or an excerpt of
 * it; `secondhand`, a report by others; `memory`, check it before you rely on it.
 */
export type Confidence = 'primary' | 'copy' | 'secondhand' | 'memory';

/** What a preset describes, and its source. */
export interface PresetSource {
  /** The name of the API. */
  readonly api: string;
  /** What the server counts for, such as a user or an address: put that into the throttle's key. */
  readonly countsBy: string;
  /** URL of the vendor's page or code. */
  readonly source: string;
  /** The day on which the entry was compared with the notes on its source: year, month and day. */
  readonly checked: string;
  readonly confidence: Confidence;
  /** What else to know. */
  readonly note?: string;
}

/** What is known about an API: options for `createThrottle` and for adapters in one object. */
export interface Preset<Limits> {
  /** The quota, or `'server'` if the numbers depend on the account or change too often to be written down. */
  readonly limits: Limits;
  /** How the API reports that a quota is used up. */
  readonly dialect: Dialect;
  /** The most calls in flight that the API allows; only if it has such a limit. */
  readonly concurrency?: number;
  /** The longest pause that this server may cause, in ms; only if its quotas last longer than most. */
  readonly maxPause?: number;
  readonly about: PresetSource;
}

/** The limits that may replace those of a preset. */
export type OwnLimits = ThrottleOptions['limits'];

/** Options of every preset. */
export interface PresetOptions<Limits> {
  /**
   * Limits to use instead.
   * @default the preset's
   */
  readonly limits?: Limits;
}

/** A preset with numbers. */
export type PresetWithLimits = <Limits extends OwnLimits = readonly Limit[]>(
  options?: PresetOptions<Limits>,
) => Preset<Limits>;

/** A preset without numbers. */
export type PresetWithoutLimits = <Limits extends OwnLimits = 'server'>(
  options?: PresetOptions<Limits>,
) => Preset<Limits>;

/** A preset with numbers for each of several plans. */
export interface PresetByPlan<Plan extends string> {
  /** @throws RangeError if there is no such plan */
  <Limits extends OwnLimits = readonly Limit[]>(
    options?: PresetOptions<Limits> & { readonly plan?: Plan },
  ): Preset<Limits>;
  /** Names of the plans, the default first. */
  readonly plans: readonly Plan[];
}

/** A number of calls and a window in ms, or a limit. */
type LimitData = readonly [limit: number, interval: number] | Limit;

/** The parts of a preset. */
interface PresetData extends PresetSource, Pick<Preset<never>, 'concurrency' | 'maxPause'> {
  readonly dialect?: Dialect;
}

/** Makes a preset with numbers. */
export function withLimits(
  data: Omit<PresetData, 'checked'> & { readonly limits: readonly LimitData[] },
): PresetWithLimits {
  return (options = {}) => presetOf(data, options, data.limits);
}

/** Makes a preset without numbers. */
export function withoutLimits(data: Omit<PresetData, 'checked'>): PresetWithoutLimits {
  return (options = {}) => presetOf(data, options, 'server');
}

/** Makes a preset with plans, of which the first is the default. */
export function byPlan<Plan extends string>(
  data: Omit<PresetData, 'checked'> & { readonly plans: Readonly<Record<Plan, readonly LimitData[]>> },
): PresetByPlan<Plan> {
  const plans = Object.keys(data.plans) as Plan[];
  const preset: PresetByPlan<Plan> = Object.assign(
    <Limits extends OwnLimits>(options: PresetOptions<Limits> & { readonly plan?: Plan } = {}) => {
      checkOptions('options', options);
      const { plan = plans[0] as Plan } = options;
      if (!plans.includes(plan)) outOfRange('plan', `one of ${plans.join(', ')}`, plan);
      return presetOf(data, options, data.plans[plan]);
    },
    { plans },
  );
  return preset;
}

/** The day on which all of them were compared with the notes on their sources. */
const checked = '2026-11-24';

function presetOf<Limits extends OwnLimits>(
  { api, countsBy, source, confidence, note, dialect = {}, concurrency, maxPause }: Omit<PresetData, 'checked'>,
  options: PresetOptions<Limits>,
  usual: readonly LimitData[] | 'server',
): Preset<Limits> {
  checkOptions('options', options);
  const own = usual === 'server' ? usual : usual.map(limitOf);
  return {
    // Without the caller's limits, `Limits` is its default: the type of the preset's own limits.
    limits: options.limits ?? (own as unknown as Limits),
    dialect: completeDialect(dialect),
    ...(concurrency === undefined ? undefined : { concurrency }),
    ...(maxPause === undefined ? undefined : { maxPause }),
    about: { api, countsBy, source, checked, confidence, ...(note === undefined ? undefined : { note }) },
  };
}

function limitOf(data: LimitData): Limit {
  return 'rate' in data ? data : quota({ limit: data[0], interval: data[1] });
}
