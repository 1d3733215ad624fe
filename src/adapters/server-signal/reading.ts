import type { BodyQuota, Dialect } from './dialect.ts';
import type { Part } from './families.ts';
import type { QuotaDraft } from './quotas.ts';
import type { Pause } from './retry-time.ts';
import type { ServerAnswer } from './signal.ts';

type Answered = Pick<ServerAnswer, 'status' | 'headers' | 'body'>;

/** What a body tells about a quota, and until when a refused call has to wait for what it costs. */
export interface BodyReading {
  readonly quota: QuotaDraft;
  readonly pause: Pause | undefined;
}

/** What a field with a name of its own tells of a quota: that of its group and name. */
export interface NamedPart {
  readonly group: string;
  readonly policyName: string | undefined;
  readonly unit: string | undefined;
  readonly part: Part;
  readonly text: string;
}

/** What is read beyond what every adapter reads. */
export interface Reading {
  /** Reads a date that is in none of the forms of HTTP and RFC 3339, in ms since the epoch. */
  dateIn(text: string): number | undefined;
  /** Reads a field that has a name of its own, by the dialect or a vendor; undefined for any other. */
  partsOf(field: string, text: string, dialect: Dialect): readonly NamedPart[] | undefined;
  /** The fields that a dialect asks for, by their lower-case names. */
  namesIn(dialect: Dialect): readonly string[];
  /** Whether an answer has one of a dialect's marks of a refusal. */
  isMarked(dialect: Dialect, status: number, texts: ReadonlyMap<string, string>, body: unknown): boolean;
  /** Reads the quota in a body; undefined if there is none. */
  quotaIn(body: unknown, paths: BodyQuota, now: number): BodyReading | undefined;
}

/** What a dialect of `sluice/presets` brings along for adapters, so that nobody else carries it. */
export interface AdapterReading extends Reading {
  /** @throws TypeError, RangeError if a dialect is not what it should be. */
  check(dialect: Dialect): void;
  /** Whether a dialect looks into the body of answers. */
  looksIntoBody(dialect: Dialect): boolean;
  /** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
  jsonOf(response: Response): Promise<unknown>;
  /** Adds the body of the HTTP answer behind what a call gave or threw, if the dialect finds something in it. */
  addBody(answered: Answered, said: unknown, dialect: Dialect): Promise<Answered>;
}

// A registered symbol works between two copies of the package, and a spread copies it.
const reading = Symbol.for('sluice.reading');

/** What a dialect brings along; undefined for one that nothing completed. */
export function readingOf(dialect: Dialect | undefined): AdapterReading | undefined {
  return (dialect as { readonly [reading]?: AdapterReading } | undefined)?.[reading];
}

/** A dialect that brings a reading along. */
export function withReading(dialect: Dialect, brought: AdapterReading): Dialect {
  const complete: Dialect & { readonly [reading]: AdapterReading } = { ...dialect, [reading]: brought };
  return complete;
}
