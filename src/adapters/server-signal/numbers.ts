/** Longer lists are not worth reading. */
const mostMembers = 32;

/** A member of a comma-separated list: its text up to the first semicolon, and what follows as parameters. */
export interface Member {
  readonly head: string;
  readonly parameters: string;
}

const member = /(?:"(?:[^"\\]|\\.)*"|[^,"]|")+/g;

/**
 * Splits a list at its commas, but for those in quotes.
 * @returns none if there are more than 32
 */
export function membersOf(text: string): readonly Member[] {
  const members = text.match(member) ?? [];
  if (members.length > mostMembers) return [];
  return members.map((one) => {
    const end = one.indexOf(';');
    const head = (end === -1 ? one : one.slice(0, end)).trim();
    return { head: head.replace(/^"(.*)"$/, '$1'), parameters: end === -1 ? '' : one.slice(end) };
  });
}

/**
 * Reads a number of units, rounded down.
 * @returns undefined if it is none or has more than 15 digits, -1 if the server does not know
 */
export function readCount(text: string): number | undefined {
  if (/^\d{1,15}(?:\.\d{1,15})?$/.test(text)) return Math.floor(Number(text));
  return /^-1(?:\.0{1,9})?$/.test(text) ? -1 : undefined;
}

/** Reads the parameter `w` or `window` of a member, in ms; undefined if it has none above 0. */
export function windowOf(parameters: string): number | undefined {
  const seconds = Number(/;\s*w(?:indow)?=(\d{1,12})(?=\s*(?:;|$))/.exec(parameters)?.[1] ?? 0);
  return seconds > 0 ? seconds * 1_000 : undefined;
}

/** Reads the parameter `name` of a member. */
export function nameOf(parameters: string): string | undefined {
  return /;\s*name="([^"]*)"/.exec(parameters)?.[1];
}
