import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Heap } from '../../../src/core/line/heap.ts';
import { inOrder } from '../../../src/core/sharing/first-few.ts';

interface Entry {
  readonly rank: number;
  readonly order: number;
  place: number;
}

const goesBefore = (a: Entry, b: Entry) => a.rank < b.rank || (a.rank === b.rank && a.order < b.order);
const sorted = (entries: readonly Entry[]) => [...entries].sort((a, b) => (goesBefore(a, b) ? -1 : 1));
let order = 0;
const entry = (rank: number): Entry => ({ rank, order: order++, place: -1 });
const newHeap = () => new Heap<Entry>(goesBefore, 'place');

function filled(...ranks: number[]) {
  const heap = newHeap();
  const entries = ranks.map(entry);
  for (const one of entries) heap.add(one);
  return { heap, entries };
}

function drain(heap: Heap<Entry>): Entry[] {
  const out: Entry[] = [];
  for (let first = heap.first; first !== undefined; first = heap.first) {
    heap.remove(first);
    out.push(first);
  }
  return out;
}

/** Whether every entry knows where it stands, and none stands above one that comes out before it. */
function checkPlaces(heap: Heap<Entry>, inside: readonly Entry[]) {
  const { entries } = heap;
  expect(entries.map((one) => one.place)).toEqual(entries.map((_, place) => place));
  expect(entries.filter((one, place) => place > 0 && goesBefore(one, entries[(place - 1) >> 1] as Entry))).toEqual([]);
  expect(new Set(heap)).toEqual(new Set(inside));
}

describe('a heap', () => {
  test('is empty at first', () => {
    const heap = newHeap();
    expect([heap.size, heap.first, [...heap]]).toEqual([0, undefined, []]);
  });

  test('returns entries in order, equal ones in order of arrival', () => {
    const { heap, entries } = filled(3, 1, 2, 1, 3, 1);
    expect(drain(heap)).toEqual(sorted(entries));
    expect(heap.size).toBe(0);
  });

  test('marks an entry that is out with -1', () => {
    const { heap, entries } = filled(2, 1, 3);
    heap.remove(entries[0] as Entry);
    expect(entries.map((one) => one.place).sort()).toEqual([-1, 0, 1]);
    expect(entries[0]?.place).toBe(-1);
  });

  test('returns the first few without removing them', () => {
    const { heap, entries } = filled(5, 3, 4, 1, 2);
    const places = entries.map((one) => one.place);
    for (let count = 0; count <= 7; count++)
      expect([...inOrder(heap)].slice(0, count)).toEqual(sorted(entries).slice(0, count));
    expect(entries.map((one) => one.place)).toEqual(places);
  });

  test('stays in order when the last entry has to rise into the place of one that leaves', () => {
    // The places: 0 over 10 and 1, 10 over 11 and 12, 1 over 2 and 3. In the place of 11, the 3 has to rise past the 10.
    const { heap, entries } = filled(0, 10, 1, 11, 12, 2, 3);
    heap.remove(entries[3] as Entry);
    checkPlaces(heap, heap.entries);
    expect(drain(heap).map(({ rank }) => rank)).toEqual([0, 1, 2, 3, 10, 12]);
  });

  test('accepts an entry again that was removed', () => {
    const { heap, entries } = filled(1, 2);
    heap.remove(entries[0] as Entry);
    heap.add(entries[0] as Entry);
    expect(heap.first).toBe(entries[0]);
  });

  test('keeps two heaps of the same entries separate', () => {
    interface Both {
      readonly rank: number;
      up: number;
      down: number;
    }
    const up = new Heap<Both>((a, b) => a.rank < b.rank, 'up');
    const down = new Heap<Both>((a, b) => a.rank > b.rank, 'down');
    const entries: Both[] = [2, 3, 1].map((rank) => ({ rank, up: -1, down: -1 }));
    for (const one of entries) {
      up.add(one);
      down.add(one);
    }
    up.remove(entries[2] as Both);
    expect([up.first?.rank, down.first?.rank, entries[2]?.up]).toEqual([2, 3, -1]);
    down.remove(entries[1] as Both);
    expect([up.first?.rank, down.first?.rank, down.size]).toEqual([2, 2, 2]);
  });

  test('agrees with a sorted list over random additions and removals', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ few: fc.integer({ min: 0, max: 12 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const heap = newHeap();
        const inside: Entry[] = [];
        for (const one of steps) {
          if ('add' in one) {
            const added = entry(one.add);
            inside.push(added);
            heap.add(added);
          } else if ('remove' in one && inside.length > 0) {
            const [removed] = inside.splice(one.remove % inside.length, 1) as [Entry];
            heap.remove(removed);
            expect(removed.place).toBe(-1);
          } else if ('few' in one) {
            expect([...inOrder(heap)].slice(0, one.few)).toEqual(sorted(inside).slice(0, one.few));
          }
          expect(heap.size).toBe(inside.length);
          expect(heap.first).toBe(sorted(inside)[0]);
          checkPlaces(heap, inside);
        }
        expect(drain(heap)).toEqual(sorted(inside));
      }),
      { numRuns: 200 },
    );
  });
});
