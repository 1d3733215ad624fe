/** What a server says to one call. */
export type Verdict =
  | { readonly accepted: true }
  /** `retryAfter`: ms until the call would be accepted, if none arrived in between. */
  | { readonly accepted: false; readonly retryAfter: number };

/** What is left of a quota at an instant, as a server of that kind tells it. */
export interface Standing {
  /** Calls that go at one instant from rest. */
  readonly limit: number;
  /** Whole calls that would be accepted now. */
  readonly remaining: number;
  /** ms until the quota is whole again: a fixed window ends, a bucket is at rest. A sliding window tells of its oldest call alone. */
  readonly resetAfter: number;
  /** ms until there is one call more; 0 at rest. */
  readonly moreAfter: number;
}

/** One way to enforce a quota. Time is an argument, so that a test can name every instant. */
export interface Algorithm {
  /**
   * @param now ms on a clock that never goes back.
   * @param cost how much the call takes of the quota. Default: 1.
   */
  accept(now: number, cost?: number): Verdict;
  /** Takes nothing. */
  standing(now: number): Standing;
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
