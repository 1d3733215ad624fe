/** Longer lists are not worth reading. */
const mostMembers = 32;

/** A member of a comma-separated list: its text up to the first semicolon, and what follows as parameters. */
export interface Member {
  readonly head: string;
  readonly parameters: string;
}

/**
 * Splits a list at its commas, but for those in quotes.
 * @returns none if there are more than 32
 */
export function membersOf(text: string): readonly Member[] {
  const members: Member[] = [];
  let begin = 0;
  let isQuoted = false;
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\' && isQuoted) at++;
    const isEnd = at >= text.length || (character === ',' && !isQuoted);
    if (!isEnd) continue;
    if (members.length === mostMembers) return [];
    members.push(memberOf(text.slice(begin, at)));
    begin = at + 1;
  }
  return members;
}

function memberOf(text: string): Member {
  const end = text.indexOf(';');
  const head = (end === -1 ? text : text.slice(0, end)).trim();
  return { head: head.replace(/^"(.*)"$/, '$1'), parameters: end === -1 ? '' : text.slice(end) };
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
