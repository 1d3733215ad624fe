/** A member of a list: a value and its parameters, as they were sent. */
export interface Member {
  readonly head: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer lists are not worth reading. */
const mostMembers = 32;

/**
 * One member of a structured field, and a comma or the end. Its values and parameters are made of strings in quotes and of visible
 * ASCII characters, so that the lists of older drafts, and dictionaries, have such members too.
 * @see RFC 9651 section 4.2
 */
const member = /[ \t]*((?:(?:; *)?(?:"(?:[ !#-[\]-~]|\\["\\])*"|[!#-'*+\--:<-~]))+)[ \t]*(,|$)/y;

/** What stands between the semicolons of a member. */
const between = /(?:"(?:\\.|[^"\\])*"|[^";])+/g;

/**
 * Splits a field into its members.
 * @returns none if there is an error anywhere in it or more than 32 members
 */
export function membersOf(text: string): readonly Member[] {
  const members: Member[] = [];
  member.lastIndex = 0;
  for (let end: string | undefined = ','; end; ) {
    const found = member.exec(text);
    if (found === null || members.length === mostMembers) return [];
    const [head = '', ...parameters] = found[1]?.match(between) ?? [];
    members.push({ head, parameters: Object.fromEntries(parameters.map((one) => one.trim().split(/=(.*)/))) });
    end = found[2];
  }
  return members;
}

/** Reads a whole number of units or seconds of up to 15 digits; NaN if it is not one. */
export function wholeNumber(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

/** Reads a name in quotes, or without quotes as in the examples of the drafts; undefined if it is not a name. */
export function nameIn(text = ''): string | undefined {
  return /^["a-z*]/i.test(text) ? text.replace(/^"|"$|\\(.)/g, '$1') : undefined;
}
