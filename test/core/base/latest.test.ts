import { expect, test } from 'vitest';
import { putLatest } from '../../../src/core/base/latest.ts';

test('a map keeps the latest, each counted from when it was last put', () => {
  const map = new Map<string, number>();
  for (const [index, key] of ['a', 'b', 'c', 'a', 'd'].entries()) putLatest(map, key, index, 3);
  expect([...map]).toEqual([
    ['c', 2],
    ['a', 3],
    ['d', 4],
  ]);
});
