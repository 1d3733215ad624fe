/** One quota in an answer. Only fields that the server sent are there. */
export interface SignalBucket {
  /** The server's name for it: a policy, a resource, a dimension such as `tokens`. At most 128 characters. */
  readonly policyName?: string;
  /** Units per window. At least 0. */
  readonly limit?: number;
  /** Units left, as the server saw it when it answered. At least 0. */
  readonly remaining?: number;
  /** When more will be available, in ms since the epoch by the client's clock; later than `now`. */
  readonly resetAt?: number;
  /** Length of the window, in ms. Above 0. */
  readonly window?: number;
  /** What is counted, if not requests: `tokens`, `points`, `complexity`. */
  readonly unit?: string;
}

/**
 * What an answer tells about the quota. The fields of `SignalBucket` are those of the quota that binds: the one that
 * stays used up for longest or, if none is, the one with the least left.
 */
export interface ServerSignal extends SignalBucket {
  /** Whether the server refused this very call for its quota. */
  readonly throttled: boolean;
  /**
   * No call before this instant, in ms since the epoch by the client's clock; later than `now`, by `maxPause` at most.
   * Absent if the answer names no time: back off after such a refusal. Present without `throttled` if the quota is used
   * up already.
   */
  readonly retryAt?: number;
  /** The server asked for more than `maxPause`, and `retryAt` was cut to that. */
  readonly clamped?: true;
  /** Every quota in the answer, the binding one included; at most 32. */
  readonly buckets: readonly SignalBucket[];
  /** Which field `retryAt` was read from, in lower case; `body` if it was not a header field. */
  readonly source?: string;
  /** Names of fields that could not be read, in lower case; at most 32. */
  readonly ignored: readonly string[];
}

/** Two instants that are at most this far apart, in ms, count as one: servers send whole seconds. */
export const sameInstant = 1_000;
