/** What a server says to one call. */
export type Verdict =
  | { readonly accepted: true }
  /** `retryAfter`: ms until a call would be accepted, if none arrived in between. */
  | { readonly accepted: false; readonly retryAfter: number };

/** One way to enforce a quota. Time is an argument, so that a test can name every instant. */
export interface Algorithm {
  /** @param now ms on a clock that never goes back. */
  accept(now: number): Verdict;
}

export interface WindowOptions {
  /** Calls per `interval`. */
  readonly limit: number;
  /** ms. */
  readonly interval: number;
  /** Whether a refused call uses up quota too, as some APIs have it. */
  readonly countRejected?: boolean | undefined;
}

export interface BucketOptions extends WindowOptions {
  /** Calls accepted at one instant from rest, the first included. */
  readonly burst: number;
}
