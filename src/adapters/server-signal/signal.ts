import type { Dialect } from './dialect.ts';

/**
 * Where to read header fields from: `Headers`, a plain object with names in any case and one text or several each, a `Map` or
 * anything else that yields pairs, or a function that looks up one field by its lower-case name. A function cannot be asked for
 * names, so with it only the names in common use and those of the dialect are seen.
 */
export type HeaderSource =
  | { get(name: string): string | null; entries(): IterableIterator<[string, string]> }
  | Iterable<readonly [name: string, value: unknown]>
  | ((name: string) => unknown)
  | object;

/** What `readServerSignal` reads. */
export interface ServerAnswer {
  /** The HTTP status; 0 for an opaque answer, which says nothing. */
  readonly status: number;
  readonly headers: HeaderSource;
  /** When the answer arrived, in ms since the epoch, by the client's clock. */
  readonly now: number;
  /**
   * What is peculiar to the API. Vendors that are known by the names of their fields need none.
   * @default what is common to all
   */
  readonly dialect?: Dialect | undefined;
  /** The parsed body, for dialects that look into it: GraphQL APIs refuse with status 200. */
  readonly body?: unknown;
  /**
   * The longest that `retryAt` may lie ahead, in ms; above 0.
   * @default 65 minutes
   */
  readonly maxPause?: number | undefined;
}

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
