import { quotaIn, valuesAt } from './body.ts';
import type { Dialect, RefusalMark } from './dialect.ts';
import type { Quotas } from './quotas.ts';
import type { Finding, Inspected } from './reading.ts';

const longestText = 1_024;

/** The fields that a dialect asks for, by their lower-case names. */
export function namesIn({ fields = {}, refusals = [] }: Dialect): readonly string[] {
  return [...Object.keys(fields), ...refusals.flatMap(({ header }) => header?.[0].toLowerCase() ?? [])];
}

/** Whether a dialect looks into the body of answers. */
export function looksIntoBody({ body, refusals = [] }: Dialect): boolean {
  return body !== undefined || refusals.some(({ body }) => body !== undefined);
}

/** Reads what a dialect finds in an answer beside its fields, and notes the quota in the body; undefined if it finds nothing. */
export function inspect(
  { status, body, now, dialect }: Inspected,
  texts: ReadonlyMap<string, string>,
  quotas: Quotas,
): Finding | undefined {
  const found = dialect.body && quotaIn(body, dialect.body, now);
  if (found) quotas.draft('body', found.quota);
  const isMarked = dialect.refusals?.some((mark) => holds(mark, status, texts, body)) === true;
  if (!isMarked && !found) return undefined;
  return { isMarked, pause: isMarked ? found?.pause : undefined };
}

/** The window of a quota that comes back evenly and whose reset tells when all of it will be there, in ms. */
export function windowOf(
  { refills }: Dialect,
  limit: number,
  remaining: number | undefined = limit,
  ms: number,
): number | undefined {
  return refills && remaining < limit ? (ms * limit) / (limit - remaining) : undefined;
}

/** Whether an answer has a mark. One that says nothing holds for no answer. */
function holds(
  { status: statuses, header, body: place }: RefusalMark,
  status: number,
  texts: ReadonlyMap<string, string>,
  body: unknown,
): boolean {
  return (
    (statuses ?? header ?? place) !== undefined &&
    statuses?.includes(status) !== false &&
    (header === undefined ||
      texts.get(header[0].toLowerCase())?.toLowerCase().includes(header[1].toLowerCase()) === true) &&
    (place === undefined || isIn(body, place))
  );
}

/** Whether a body has a text at a place, in any case. */
function isIn(body: unknown, [path, text]: readonly [path: string, text: string]): boolean {
  return valuesAt(body, path).some(
    (value) =>
      (typeof value === 'string' || typeof value === 'number') &&
      String(value).slice(0, longestText).toLowerCase().includes(text.toLowerCase()),
  );
}
