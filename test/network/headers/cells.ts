import { cellsAlone } from './alone.ts';
import { cellsBeside } from './beside.ts';
import { cellsLearning } from './learning.ts';
import type { Cell } from './ways.ts';

/** The whole matrix. */
export const cells: readonly Cell[] = [...cellsAlone, ...cellsBeside, ...cellsLearning];

/** The cells whose names have all of these words in them. */
export function cellsWith(...words: readonly string[]): Cell[] {
  return cells.filter(({ name }) => words.every((word) => name.includes(word)));
}
