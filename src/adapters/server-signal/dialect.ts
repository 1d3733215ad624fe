/** How a number in a field that names a time is to be read: seconds or milliseconds from now. */
export type TimeHint = 'delta' | 'delta-ms';

/** What a header field with a name of its own says about a quota. */
export interface FieldMeaning {
  /**
   * - `limit`, `remaining`, `used`: a number of units
   * - `used/limit`: two of them, such as `32/40`
   * - `reset`: when more will be there
   * - `window`: length of the window, a number of seconds or a duration
   * - `window-ms`: the same in ms
   */
  readonly field: 'limit' | 'remaining' | 'used' | 'used/limit' | 'reset' | 'window' | 'window-ms';
  /**
   * Fields of one name describe one quota.
   * @default a quota without a name
   */
  readonly policyName?: string;
  /**
   * What is counted.
   * @default requests
   */
  readonly unit?: string;
}

/** A sign that an answer refuses a call for its quota, whatever its status. All that is given must hold. */
export interface RefusalMark {
  /** One of these statuses. */
  readonly status?: readonly number[];
  /** A header field, by its lower-case name, whose text contains this, in any case. */
  readonly header?: readonly [name: string, text: string];
  /** A place in the body, such as `errors.*.code`, whose text contains this, in any case. `*` is any member of a list. */
  readonly body?: readonly [path: string, text: string];
}

/** Where a body tells about a quota: paths such as `extensions.cost.throttleStatus`. */
export interface BodyQuota {
  readonly limit?: string;
  readonly remaining?: string;
  /** When more will be there: a time as in header fields. */
  readonly resetAt?: string;
  /** Units that come back per second. With `requested` it tells how long a refused call has to wait. */
  readonly restoreRate?: string;
  /** Units that the call asked for. */
  readonly requested?: string;
  /** What is counted. */
  readonly unit?: string;
}

/** What is peculiar to one API, as data: `sluice/presets` has those of well-known ones. */
export interface Dialect {
  /** How numbers are to be read, by the lower-case name of the field. */
  readonly hints?: Readonly<Record<string, TimeHint>>;
  /** What fields with names of their own mean, by their lower-case name. */
  readonly fields?: Readonly<Record<string, FieldMeaning>>;
  /** An answer with one of these marks is a refusal. Adapters want `completeDialect` of `sluice/presets` for marks in the body. */
  readonly refusals?: readonly RefusalMark[];
  /** What the body tells. Adapters want `completeDialect` of `sluice/presets` for it. */
  readonly body?: BodyQuota;
  /**
   * Whether resets tell when all of a quota will be back that comes back evenly, as in a token bucket. `buckets` then has besides
   * a quota that names no window a policy whose window is the time in which all of it comes back, as worked out from its reset. A
   * number says in how many ms all of it comes back at most: resets in whole seconds cannot tell that.
   * @default false
   */
  readonly refills?: boolean | number;
  /**
   * How long to pause at least after a refusal that does not say when to come back, in ms; above 0. For those who act on the
   * signal; the signal itself stays without `retryAt`.
   * @default 1,000
   */
  readonly leastPause?: number;
}
