/** How to read a number in a field that names a time: seconds or milliseconds from now. */
export type TimeHint = 'delta' | 'delta-ms';

/** What a header field with a special name tells about a quota. */
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

/** A rule for answers that refuse a call for its quota. All given members must match. */
export interface RefusalMark {
  /** One of these statuses. */
  readonly status?: readonly number[];
  /** A header field, by its lower-case name, whose text contains this, ignoring case. */
  readonly header?: readonly [name: string, text: string];
  /** A place in the body, such as `errors.*.code`, whose text contains this, in any case. `*` is any member of a list. */
  readonly body?: readonly [path: string, text: string];
}

/** Where to find a quota in a body: paths such as `extensions.cost.throttleStatus`. */
export interface BodyQuota {
  readonly limit?: string;
  readonly remaining?: string;
  /** When more will be available: a time as in header fields. */
  readonly resetAt?: string;
  /** Units that come back per second. Together with `requested` it gives the wait of a refused call. */
  readonly restoreRate?: string;
  /** Units that the call requested. */
  readonly requested?: string;
  /** What is counted. */
  readonly unit?: string;
}

/** What is special about one API, as data: `sluice/presets` has the dialects of well-known APIs. */
export interface Dialect {
  /** How to read numbers, by the lower-case name of the field. */
  readonly hints?: Readonly<Record<string, TimeHint>>;
  /** The meaning of fields with special names, by their lower-case name. */
  readonly fields?: Readonly<Record<string, FieldMeaning>>;
  /**
   * An answer that matches one of these rules is a refusal. For rules with a body, adapters require `completeDialect`
   * of `sluice/presets`.
   */
  readonly refusals?: readonly RefusalMark[];
  /** What the body tells. Adapters require `completeDialect` of `sluice/presets` for it. */
  readonly body?: BodyQuota;
  /**
   * Whether the quota is a token bucket, and its reset tells when the bucket will be full. Beside a quota without a
   * window, `buckets` then has a policy whose window is the time to refill all of it, computed from its reset. A number
   * is the longest time to refill, in ms: resets in whole seconds make the computed one too long.
   * @default false
   */
  readonly refills?: boolean | number;
  /**
   * The shortest pause after a refusal without a time, in ms; above 0. The throttle uses it; the signal itself stays
   * without `retryAt`.
   * @default 1,000
   */
  readonly leastPause?: number;
}
