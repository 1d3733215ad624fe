import type { BodyQuota, Dialect, FieldMeaning } from './dialect.ts';
import type { QuotaDraft } from './quotas.ts';
import type { Pause } from './retry-time.ts';
import type { ServerAnswer } from './signal.ts';

type Answered = Pick<ServerAnswer, 'status' | 'headers' | 'body'>;

/** What a body tells about a quota, and until when a refused call has to wait for what it costs. */
export interface BodyReading {
  readonly quota: QuotaDraft;
  readonly pause: Pause | undefined;
}

/** What is read beyond what every adapter reads. A dialect of `sluice/presets` brings it along, so that nobody else carries it. */
export interface Reading {
  /** What a field of a vendor means, with the text that means it; undefined for any other field. */
  meaningsOf(field: string, text: string): readonly (readonly [FieldMeaning, string])[] | undefined;
  /** Reads a date that is in none of the forms of HTTP and RFC 3339, in ms since the epoch. */
  dateIn(text: string): number | undefined;
  /** Whether a body has the text of a mark at its place. */
  isMarked(body: unknown, mark: readonly [path: string, text: string]): boolean;
  /** Reads the quota in a body; undefined if there is none. */
  quotaIn(body: unknown, paths: BodyQuota, now: number): BodyReading | undefined;
  /** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
  jsonOf(response: Response): Promise<unknown>;
  /** Adds the body of the HTTP answer behind what a call gave or threw, if the dialect finds something in it. */
  addBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered>;
}

// A registered symbol works between two copies of the package, and a spread copies it.
const reading = Symbol.for('sluice.reading');

/** What a dialect brings along; undefined for one that nothing completed. */
export function readingOf(dialect: Dialect | undefined): Reading | undefined {
  return (dialect as { readonly [reading]?: Reading } | undefined)?.[reading];
}

/** A dialect that brings a reading along. */
export function withReading(dialect: Dialect, brought: Reading): Dialect {
  const complete: Dialect & { readonly [reading]: Reading } = { ...dialect, [reading]: brought };
  return complete;
}
