import { valuesAt } from './body.ts';
import type { Dialect, RefusalMark } from './dialect.ts';

const longestText = 1_024;

/** The fields that a dialect asks for, by their lower-case names. */
export function namesIn({ fields = {}, refusals = [] }: Dialect): readonly string[] {
  return [...Object.keys(fields), ...refusals.flatMap(({ header }) => header?.[0].toLowerCase() ?? [])];
}

/** Whether a dialect looks into the body of answers. */
export function looksIntoBody({ body, refusals = [] }: Dialect): boolean {
  return body !== undefined || refusals.some(({ body }) => body !== undefined);
}

/** Whether an answer has one of a dialect's marks of a refusal. */
export function isMarked(
  { refusals = [] }: Dialect,
  status: number,
  texts: ReadonlyMap<string, string>,
  body: unknown,
): boolean {
  return refusals.some((mark) => holds(mark, status, texts, body));
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
