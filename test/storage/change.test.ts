import { type BucketStore, keyValueStore, memoryStore } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { patience, runs } from '../core/bucket/bucket-history.ts';
import { playChanges } from './change-history.ts';
import { asText, dice, onMap, type Values, withDelays } from './storages.ts';

/** Stores of this many processes that share their buckets. */
const kinds: Record<string, (count: number) => BucketStore[]> = {
  'the memory store': (count) => {
    const store = memoryStore();
    return new Array<BucketStore>(count).fill(store);
  },
  'a key-value store': (count) => {
    const values: Values = new Map();
    return Array.from({ length: count }, () => keyValueStore(onMap(values)));
  },
  'a key-value store of text': (count) => {
    const values: Values = new Map();
    return Array.from({ length: count }, () => keyValueStore(asText(values)));
  },
  'a slow key-value store': (count) => {
    const values: Values = new Map();
    const make = withDelays(dice(1));
    return Array.from({ length: count }, () => keyValueStore(make(values)));
  },
};

describe.each(Object.entries(kinds))('on %s', (_, make) => {
  test.each([1, 2, 3])(
    'changed limits of %d who share a key let no more go than the largest',
    async (count) => {
      let went = 0;
      for (let seed = 1; seed <= runs(60); seed++) went += await playChanges(make(count), new ManualClock(), seed, 60);
      expect(went).toBeGreaterThan(runs(60) * 20);
    },
    patience,
  );
});
