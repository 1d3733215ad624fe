/** One quota that an answer tells about. A field is there only if the server said so. */
export interface SignalBucket {
  /** What the server calls it: a policy, a resource, a dimension such as `tokens`. At most 128 characters. */
  readonly policyName?: string;
  /** Units per window. At least 0. */
  readonly limit?: number;
  /** Units left, as the server saw it when it answered. At least 0. */
  readonly remaining?: number;
  /** When more will be there, in ms since the epoch by the client's clock; later than `now`. */
  readonly resetAt?: number;
  /** Length of the window, in ms. Above 0. */
  readonly window?: number;
  /** What is counted where it is not requests: `tokens`, `points`, `complexity`. */
  readonly unit?: string;
}

/** What an answer says about the quota. The fields of `SignalBucket` are those of the quota that binds. */
export interface ServerSignal extends SignalBucket {
  /** Whether the server refused this very call for its quota. */
  readonly throttled: boolean;
  /**
   * No call before this instant, in ms since the epoch by the client's clock; later than `now`, by `maxPause` at most. Absent if
   * nothing says when: then a refusal calls for a back-off. Present without `throttled` if the quota is used up already.
   */
  readonly retryAt?: number;
  /** The server asked for more than `maxPause`, and `retryAt` is that much. */
  readonly clamped?: true;
  /** Every quota that the answer tells about, the binding one included; at most 32. */
  readonly buckets: readonly SignalBucket[];
  /** Which field `retryAt` was read from, in lower case; `body` if it was not a header field. */
  readonly source?: string;
  /** Names of fields that were there and could not be read, in lower case; at most 32. */
  readonly ignored: readonly string[];
}

/** What is said about two instants that are no further apart is said about one, in ms: servers tell whole seconds. */
export const sameInstant = 1_000;
