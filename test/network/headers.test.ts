import { describe, expect, it } from 'vitest';
import { cells } from './headers/cells.ts';
import type { Outcome } from './headers/ways.ts';

// A few cells of the matrix that `npm run bench -- headers` measures in whole.

async function measure(name: string): Promise<Outcome> {
  const cell = cells.find((one) => one.name === name);
  if (cell === undefined) throw new Error(`There is no cell "${name}".`);
  return cell.measure();
}

async function meetsItsAim(name: string): Promise<void> {
  const { said, missed } = await measure(name);
  expect(missed, said).toEqual([]);
}

it('no two cells have one name', () => {
  expect(new Set(cells.map(({ name }) => name)).size).toBe(cells.length);
});

describe('quota headers do no harm', () => {
  it.each([
    'plain: fixed window, draft-11',
    'plain: fixed quota, draft-7',
    'plain: sliding window, x-epoch seconds',
    'plain: token 20 quota, x-delta seconds',
    'plain: gcra 5 leaky, draft-11',
    'plain: gcra 5 tells rate resets more leaky, x-epoch ms',
    'nearby: gcra 5 leaky, x-epoch ms',
    'jitter: gcra 5 leaky, draft-7',
    'cost 2: fixed window, draft-3',
    'cost 2: gcra 5 leaky, draft-3',
    'two limits: token 20 leaky, draft-11',
    'two limits: fixed quota, x-epoch seconds',
    'two tabs: gcra 5 leaky, draft-11',
    'two processes: sliding quota, draft-11',
  ])('%s', meetsItsAim);
});

describe('quota headers reveal another client', () => {
  it.each([
    'beside steady: gcra 5 leaky, draft-11',
    'beside random: fixed window, draft-11',
    'beside random: sliding window, x-epoch seconds',
  ])('%s', meetsItsAim);

  // So far: 2.3 percent are refused and 44 percent of what is left is used, where 2 and 50 are the aim.
  it.fails.each(['beside random: sliding window, none'])('%s', meetsItsAim);

  // So far: 71 percent of what is left is used, where 80 is the aim.
  it.fails.each(['beside random: sliding quota, draft-11'])('%s', meetsItsAim);
});

describe('unknown limits are found', () => {
  it.each([
    'learning, one: from nothing, token 20 quota, draft-11',
    'learning, 4 tabs: from nothing, token 20 quota, none',
    'learning, 8 processes: 10 x too high, token 20 quota, draft-11',
  ])('%s', meetsItsAim);

  // What the server calls the limit is the burst of its bucket: its rate is four times that, and is not looked for.
  it.fails.each(['learning, one: from nothing, gcra 5 leaky, draft-11'])('%s', meetsItsAim);

  // So far: found after 10.4 s and 13.5 s, where ten windows of a second are the aim.
  it.fails.each([
    'learning, 4 tabs: 10 x too high, gcra 5 leaky, none',
    'learning, one: 4 x too low, fixed quota, none',
  ])('%s', meetsItsAim);
});
