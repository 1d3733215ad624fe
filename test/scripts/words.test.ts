import { describe, expect, it, test } from 'vitest';
import { phrasesIn, sentencesOfComments, sentencesOfPage, spelledIn } from '../../scripts/words.ts';

const textsOf = (markdown: string) => sentencesOfPage(markdown).map(({ text }) => text);

describe('a page', () => {
  it('consists of sentences, cells, items and headings', () => {
    expect(
      textsOf('# One word\n\nA call\nwaits. It goes.\n\n- an item\n  goes on\n\n| a | b |\n|---|---|\n| c | `d | e` |'),
    ).toEqual(['One word', 'A call waits.', 'It goes.', 'an item goes on', 'a', 'b', 'c', 'code']);
  });

  it('has no sentences in its code blocks', () => {
    expect(textsOf('Before.\n\n```ts\nconst a = 1;\n```\n\nAfter.')).toEqual(['Before.', 'After.']);
  });

  it('counts a link as its text, and code as one word', () => {
    const [sentence] = sentencesOfPage(
      'See [the long page](docs/page.md#part) of `createThrottle({ limits })`, **now**.',
    );
    expect(sentence).toEqual({ line: 1, text: 'See the long page of code, now.', words: 7 });
  });

  it('returns the line in which a paragraph begins', () => {
    expect(sentencesOfPage('One.\n\nTwo.').map(({ line }) => line)).toEqual([1, 3]);
  });

  it('is not cut within a number or an address', () => {
    expect(textsOf('It takes 1.5 s, see waiting.md for more. ky waits.')).toEqual([
      'It takes 1.5 s, see waiting.md for more.',
      'ky waits.',
    ]);
  });
});

test('a comment is read without its tags, its examples and its code', () => {
  const source = `
/**
 * Waits for a turn. It
 * may take long.
 *
 * @param ms how long.
 * @example
 * const a = wait();
 */
// A line.
// And another.
const url = 'https://example.com'; // after code
`;
  const texts = sentencesOfComments(source).map(({ text }) => text);
  expect(texts).toEqual(['Waits for a turn.', 'It may take long.', 'how long.', 'A line.', 'And another.']);
});

test.each([
  ['The lane who waits goes first.', true],
  ['The people who wait go first.', false],
  ['So does a call that waits.', true],
  ['So a call waits.', false],
  ['Of several calls, the first counts.', true],
  ['The call is asked for anew.', true],
  ['A user keeps his limit.', true],
])('"%s" has a plainer form: %s', (text, hasOne) => {
  expect(phrasesIn({ line: 1, text, words: 5 }).length > 0).toBe(hasOne);
});

test('names from code, addresses and abbreviations are not spelled', () => {
  const text = "The lane's createThrottle, see https://example.com/x or docs/page.md: 2 APIs behaviour";
  expect(spelledIn({ line: 1, text, words: 9 })).toEqual(['The', 'lane', 'see', 'or', 'behaviour']);
});
