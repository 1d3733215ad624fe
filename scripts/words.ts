/** One sentence, or a fragment of a table, a list or a heading, in plain words: code is `code`, a link is its text. */
export interface Sentence {
  readonly line: number;
  readonly text: string;
  readonly words: number;
}

/** What to write instead of words that make readers stop. */
const PHRASES: readonly (readonly [pattern: RegExp, better: string])[] = [
  [
    /\b(calls?|lanes?|tabs?|pages?|stores?|process(es)?|servers?|throttles?|clients?|timers?|workers?|limits?|keys?|waiters?|sharers?|adapters?|methods?|functions?|ones?|those|others|whatever|nothing|everything|anything) who\b/i,
    '"that": "who" is for people',
  ],
  [/\bwho(ever| ever)\b/i, '"any caller that", "anyone with"'],
  [/\b(he|him|his|himself)\b/i, '"they", "their"'],
  [/^(So|Nor|Neither) (does|do|did|is|are|was|has|have|can|will|must)\b/, 'the usual order: "X does so too"'],
  [/^Of (a|an|the|each|several|many|those|some|all|what)\b[^,;:.]*, (?!and\b)/, 'the subject first'],
  [
    /^(Not|Only|Never) (with|until|then|when|if|after|before|here)\b[^.]* (is|does|do|are|can|has)\b/,
    'the usual order',
  ],
  [/\b(for )?so (many|much|long|few) (that|as|ms|calls)\b/i, 'a number, or "enough"'],
  [/\bas (often|many|much|long) as both\b/i, '"the smaller of the two"'],
  [/\bthe more the\b/i, 'a plain comparison'],
  [/\banew\b/i, '"again"'],
  [/\bof late\b/i, '"recently"'],
  [/\blays? hold of\b/i, '"locks", "takes"'],
  [/\b(that|which) (is|are) none\b/i, '"that is not a …"'],
  [/\bto be (had|seen)\b/i, 'an active verb'],
  [/\bnobody (waits for|knows which)\b/i, 'what happens instead'],
  [/\bletter by letter\b/i, '"by their exact names"'],
  [/\bis the truth\b|\bthe truth of it\b/i, '"is correct"'],
  [/\bin the same breath\b|\bat one stroke\b/i, '"at once"'],
  [/\bthereupon\b|\bwherewith\b|\bwhereupon\b|\bthereby\b/i, 'when, in words'],
];

/** @returns the sentences of a page of Markdown. Code blocks are left out. */
export function sentencesOfPage(markdown: string): Sentence[] {
  const blocks: { line: number; text: string }[] = [];
  let isCode = false;
  let goesOn = false;
  markdown.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (/^(```|~~~)/.test(line)) isCode = !isCode;
    const isProse = !isCode && line !== '' && !/^(```|~~~|<|---$|:::|\|[-:| ]+\|$|\[.*\]: )/.test(line);
    const add = (text: string) => blocks.push({ line: index + 1, text });
    if (!isProse) goesOn = false;
    else if (line.startsWith('|')) {
      // A pipe in code does not end a cell.
      for (const cell of line.replace(/`[^`]*`/g, 'code').split('|')) if (cell.trim() !== '') add(cell);
      goesOn = false;
    } else if (/^(#|[-*] |\d+\. |> )/.test(line)) {
      add(line.replace(/^(#+|[-*]|\d+\.|>) */, ''));
      goesOn = !line.startsWith('#');
    } else if (goesOn) {
      const last = blocks.at(-1);
      if (last !== undefined) last.text += ` ${line}`;
    } else {
      add(line);
      goesOn = true;
    }
  });
  return blocks.flatMap(({ line, text }) => split(plain(text), line));
}

/** @returns the sentences of the comments of a source file, tags and examples left out. */
export function sentencesOfComments(source: string): Sentence[] {
  const comments: { line: number; text: string }[] = [];
  for (const { 0: comment, index } of source.matchAll(/\/\*\*[\s\S]*?\*\/|(?<=^[ \t]*)\/\/.*(?:\n[ \t]*\/\/.*)*/gm)) {
    const text = comment
      .replace(/^\s*(\/\*\*|\*\/|\*|\/\/) ?/gm, '')
      .replace(/\*\/$/, '')
      .replace(/@example[\s\S]*?(?=\n@|$(?![\s\S]))/g, '')
      .replace(/^\s*(```[\s\S]*?```|biome-ignore.*|@(see|throws|param|default)\s+\S+)/gm, '\n\n')
      .replace(/\{@link\s+([^}|]*)[^}]*\}/g, '`$1`')
      .replace(/^@\w+/gm, '\n\n');
    const line = source.slice(0, index).split('\n').length;
    for (const block of text.split(/\n\s*\n|\n(?=\s*- )/)) comments.push({ line, text: block.replace(/\s+/g, ' ') });
  }
  return comments.flatMap(({ line, text }) => split(plain(text.replace(/^\s*- /, '')), line));
}

/** @returns the phrases in it that have a plainer form, each with that form. */
export function phrasesIn({ text }: Sentence): { found: string; better: string }[] {
  return PHRASES.flatMap(([pattern, better]) => {
    const found = pattern.exec(text)?.[0];
    return found === undefined ? [] : [{ found, better }];
  });
}

/** @returns its words that a dictionary may know: no names from code, no numbers, no addresses. */
export function spelledIn({ text }: Sentence): string[] {
  return text
    .replace(/\S*(https?:|@|\/|\w\.\w)\S*/g, ' ')
    .split(/[^\p{L}'’]+/u)
    .map((word) => word.replaceAll('’', "'").replace(/^'+|'+$|'s$/g, ''))
    .filter((word) => word.length > 1 && !/\p{Ll}\p{Lu}|^\p{Lu}+s?$/u.test(word));
}

function plain(markdown: string): string {
  return markdown
    .replace(/`[^`]*`/g, 'code')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\*\*|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function split(text: string, line: number): Sentence[] {
  return text
    .split(
      /(?<=[.!?]["”)]?)(?<!\b(?:e\.g|i\.e|vs|etc|cf)\.) +(?=["“(]?[\p{Lu}\d]|(?:code|fetch|axios|axios-retry|ky|undici|[\w-]+\.md)\b)/u,
    )
    .map((sentence) => ({
      line,
      text: sentence,
      words: sentence.split(/[\s—–]+/).filter((word) => /[\p{L}\d]/u.test(word)).length,
    }))
    .filter(({ words }) => words > 0);
}
