import type { BodyQuota, Dialect, FieldMeaning } from './dialect.ts';
import type { QuotaDraft } from './quotas.ts';
import type { Pause } from './retry-time.ts';
import type { ServerAnswer } from './signal.ts';

type Answered = Pick<ServerAnswer, 'status' | 'headers' | 'body'>;

/** The quota in a body, and until when a refused call has to wait for its cost. */
export interface BodyReading {
  readonly quota: QuotaDraft;
  readonly pause: Pause | undefined;
}

/**
 * What is read beyond what every adapter reads. It comes with a dialect of `sluice/presets`, so that other bundles do
 * not carry it.
 */
export interface Reading {
  /** The meaning of a vendor's field, with its text; undefined for any other field. */
  meaningsOf(field: string, text: string): readonly (readonly [FieldMeaning, string])[] | undefined;
  /** Reads a date that is in none of the forms of HTTP and RFC 3339, in ms since the epoch. */
  dateIn(text: string): number | undefined;
  /** Whether a body has the text of a rule at its place. */
  isMarked(body: unknown, mark: readonly [path: string, text: string]): boolean;
  /** Reads the quota in a body; undefined if there is none. */
  quotaIn(body: unknown, paths: BodyQuota, now: number): BodyReading | undefined;
  /** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
  jsonOf(response: Response): Promise<unknown>;
  /** Adds the body of the HTTP answer behind the result or error of a call, if the dialect finds something in it. */
  addBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered>;
}

// A registered symbol works between two copies of the package, and a spread copies it.
const reading = Symbol.for('sluice.reading');

/** The reading that comes with a dialect; undefined for one that was not completed. */
export function readingOf(dialect: Dialect | undefined): Reading | undefined {
  return (dialect as { readonly [reading]?: Reading } | undefined)?.[reading];
}

/** A dialect with a reading. */
export function withReading(dialect: Dialect, brought: Reading): Dialect {
  const complete: Dialect & { readonly [reading]: Reading } = { ...dialect, [reading]: brought };
  return complete;
}
