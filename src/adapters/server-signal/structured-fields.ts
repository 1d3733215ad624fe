/** A value of a structured field. Byte sequences, dates and display strings are kept as the text they were sent as. */
export type BareItem =
  | { readonly type: 'integer' | 'decimal'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'other'; readonly value: string }
  | { readonly type: 'boolean'; readonly value: boolean };

export interface Item {
  readonly bare: BareItem;
  readonly parameters: ReadonlyMap<string, BareItem>;
}

/** Longer lists are not worth reading. */
const mostMembers = 32;

/**
 * Parses a list of items. Inner lists, which no quota field has, count as syntax errors.
 * @returns undefined if there is an error anywhere in it or more than 32 members
 * @see RFC 9651 section 4.2.1
 */
export function parseList(text: string): readonly Item[] | undefined {
  const scanner = new Scanner(text);
  return membersOf(scanner, () => scanner.item());
}

/**
 * Parses a dictionary of items.
 * @returns undefined if there is an error anywhere in it or more than 32 members
 * @see RFC 9651 section 4.2.2
 */
export function parseDictionary(text: string): ReadonlyMap<string, Item> | undefined {
  const scanner = new Scanner(text);
  const members = membersOf(scanner, () => {
    const key = scanner.key();
    if (key === undefined) return undefined;
    const item = scanner.skip('=') ? scanner.item() : scanner.flag();
    return item && ([key, item] as const);
  });
  return members && new Map(members);
}

function membersOf<Member>(scanner: Scanner, read: () => Member | undefined): readonly Member[] | undefined {
  const members: Member[] = [];
  scanner.take(/ */y);
  if (scanner.atEnd) return undefined;
  for (;;) {
    const member = read();
    if (member === undefined || members.length === mostMembers) return undefined;
    members.push(member);
    scanner.take(/[ \t]*/y);
    if (scanner.atEnd) return members;
    if (!scanner.skip(',')) return undefined;
    scanner.take(/[ \t]*/y);
  }
}

/** Reads one field from its beginning to its end. What returns undefined has met an error. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    // Blanks at both ends are no part of a field.
    this.#text = text.trim();
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Takes what a sticky pattern matches here. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  key(): string | undefined {
    return this.take(/[a-z*][a-z0-9_.*-]*/y);
  }

  item(): Item | undefined {
    const bare = this.#bareItem();
    return bare && this.#withParameters(bare);
  }

  /** A key without a value: it is true. */
  flag(): Item | undefined {
    return this.#withParameters({ type: 'boolean', value: true });
  }

  #withParameters(bare: BareItem): Item | undefined {
    const parameters = new Map<string, BareItem>();
    while (this.skip(';')) {
      this.take(/ */y);
      const key = this.key();
      if (key === undefined) return undefined;
      const value: BareItem | undefined = this.skip('=') ? this.#bareItem() : { type: 'boolean', value: true };
      if (value === undefined) return undefined;
      parameters.set(key, value);
    }
    return { bare, parameters };
  }

  #bareItem(): BareItem | undefined {
    const number = this.take(/-?\d+(?:\.\d*)?/y);
    if (number !== undefined) return numberOf(number);
    const string = this.take(/"(?:[ !#-[\]-~]|\\["\\])*"/y);
    if (string !== undefined) return { type: 'string', value: string.slice(1, -1).replace(/\\(.)/g, '$1') };
    const token = this.take(/[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y);
    if (token !== undefined) return { type: 'token', value: token };
    const boolean = this.take(/\?[01]/y);
    if (boolean !== undefined) return { type: 'boolean', value: boolean === '?1' };
    const other = this.take(/:[A-Za-z0-9+/=]*:|@-?\d{1,15}(?![\d.])|%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/y);
    return other === undefined ? undefined : { type: 'other', value: other };
  }
}

function numberOf(text: string): BareItem | undefined {
  if (/^-?\d{1,15}$/.test(text)) return { type: 'integer', value: Number(text) };
  return /^-?\d{1,12}\.\d{1,3}$/.test(text) ? { type: 'decimal', value: Number(text) } : undefined;
}
