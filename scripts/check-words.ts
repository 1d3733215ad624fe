// Checks the prose of the pages and of the comments in src: its spelling (US English), its phrases and how long its
// sentences are.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import dictionary from 'dictionary-en';
import nspell from 'nspell';
import { phrasesIn, type Sentence, sentencesOfComments, sentencesOfPage, spelledIn } from './words.ts';

/** A text with fewer words is a cell or a heading, and no sentence. */
const SHORT = 5;
/** A sentence with more words is counted; see `MOST_LONG`. */
const LONG = 25;
/** A sentence with more words is shown. */
const TOO_LONG = 30;
/** The largest share of long sentences on a page. */
const MOST_LONG = 0.04;

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const filesIn = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .sort();

// In folders of docs stands what `npm run site` makes.
const inDocs = filesIn('docs', '.md').filter((file) => !file.slice('docs/'.length).includes('/'));
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...inDocs];
const sources = filesIn('src', '.ts');

const spelling = nspell(dictionary);
for (const word of read('lint/words.txt').split('\n')) if (word !== '') spelling.add(word);
const known = new Map<string, boolean>();
function isKnown(word: string): boolean {
  const isRight = known.get(word) ?? (spelling.correct(word) || spelling.correct(word.toLowerCase()));
  known.set(word, isRight);
  return isRight;
}

let faults = 0;
const complain = (file: string, line: number, what: string) => {
  faults++;
  console.error(`${file}:${line}: ${what}`);
};

function checkWords(file: string, sentences: readonly Sentence[]): void {
  for (const sentence of sentences) {
    for (const { found, better } of phrasesIn(sentence)) complain(file, sentence.line, `"${found}": write ${better}.`);
    for (const word of spelledIn(sentence)) {
      if (!isKnown(word))
        complain(file, sentence.line, `"${word}" is neither in the dictionary nor in lint/words.txt.`);
    }
  }
}

const verbose = process.argv.includes('--all');
const shares: string[] = [];
for (const file of pages) {
  const sentences = sentencesOfPage(read(file));
  checkWords(file, sentences);
  const long = sentences.filter(({ words }) => words > LONG);
  const whole = sentences.filter(({ words }) => words >= SHORT);
  const share = long.length / whole.length;
  shares.push(`${(share * 100).toFixed(1).padStart(5)} % of ${String(whole.length).padStart(3)}  ${file}`);
  const isTooMuch = share > MOST_LONG && long.length > 1;
  if (isTooMuch)
    complain(
      file,
      1,
      `${(share * 100).toFixed(1)} % of the sentences have more than ${LONG} words, not ${MOST_LONG * 100} %.`,
    );
  for (const { line, text, words } of long) {
    if (words > TOO_LONG || isTooMuch || verbose) console.warn(`${file}:${line}: ${words} words: ${text}`);
  }
}
for (const file of sources) checkWords(file, sentencesOfComments(read(file)));

if (verbose) console.log(`Sentences with more than ${LONG} words:\n${shares.join('\n')}`);
console.log(`Checked the words of ${pages.length} pages and of the comments in ${sources.length} files.`);
process.exit(faults === 0 ? 0 : 1);
