import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type InLine, Line } from '../../../src/core/line/line.ts';
import { firstFew } from '../../../src/core/sharing/first-few.ts';

interface Entry extends InLine<Entry> {
  readonly name: number;
  readonly priority: number;
}

let names = 0;
const entry = (priority: number): Entry => ({
  name: names++,
  priority,
  rank: undefined,
  previous: undefined,
  next: undefined,
});

/** What the order must be: by priority, then as they came. */
const sorted = (entries: readonly Entry[]) => [...entries].sort((a, b) => b.priority - a.priority || a.name - b.name);

describe('a line', () => {
  test('is empty at first', () => {
    const line = new Line<Entry>();
    expect([line.size, line.first, firstFew(line, 3), [...line]]).toEqual([0, undefined, [], []]);
  });

  test('keeps its order for any sequence of calls that come and leave', () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: -2, max: 2 }) }),
      fc.record({ leave: fc.nat() }),
      fc.constant('first' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat({ max: 70 }), (steps, few) => {
        const line = new Line<Entry>();
        const inside: Entry[] = [];
        for (const step of steps) {
          if (step === 'first') {
            const { first } = line;
            if (first === undefined) continue;
            line.remove(first);
            expect(first).toBe(sorted(inside)[0]);
            inside.splice(inside.indexOf(first), 1);
          } else if ('add' in step) {
            const one = entry(step.add);
            line.add(one, one.priority);
            inside.push(one);
          } else if (inside.length > 0) {
            const [gone] = inside.splice(step.leave % inside.length, 1) as [Entry];
            line.remove(gone);
            expect(gone).toMatchObject({ rank: undefined, previous: undefined, next: undefined });
          }
          expect(line.size).toBe(inside.length);
          expect(line.first?.name).toBe(sorted(inside)[0]?.name);
        }
        const order = sorted(inside).map(({ name }) => name);
        expect(firstFew(line, few).map(({ name }) => name)).toEqual(order.slice(0, few));
        expect(sorted([...line]).map(({ name }) => name)).toEqual(order);
        expect(inside.every(({ rank }) => rank !== undefined)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
