import type { Dialect } from './dialect.ts';

export type { ServerSignal, SignalBucket } from '../../core/base/server-signal.ts';

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
