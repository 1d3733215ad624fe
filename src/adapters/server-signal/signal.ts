import type { Dialect } from './dialect.ts';

export type { ServerSignal, SignalBucket } from '../../core/base/server-signal.ts';

/**
 * The source of header fields: `Headers`, a plain object with names in any case and one text or several each, a `Map`
 * or anything else that yields pairs, or a function that looks up one field by its lower-case name. A function cannot
 * list names, so only common names and those of the dialect are looked up.
 */
export type HeaderSource =
  | { get(name: string): string | null; entries(): IterableIterator<[string, string]> }
  | Iterable<readonly [name: string, value: unknown]>
  | ((name: string) => unknown)
  | object;

/** The input of `readServerSignal`. */
export interface ServerAnswer {
  /** The HTTP status; 0 for an opaque answer, which tells nothing. */
  readonly status: number;
  readonly headers: HeaderSource;
  /** When the answer arrived, in ms since the epoch, by the client's clock. */
  readonly now: number;
  /**
   * What is special about the API. Vendors with fields of their own names need no dialect.
   * @default what is common to all
   */
  readonly dialect?: Dialect | undefined;
  /** The parsed body, for dialects that look into it: GraphQL APIs refuse with status 200. */
  readonly body?: unknown;
  /**
   * How far ahead `retryAt` may be at most, in ms; above 0.
   * @default 65 minutes
   */
  readonly maxPause?: number | undefined;
}
