import { Heap } from '../line/heap.ts';
import type { InLine, Line } from '../line/line.ts';

/** An entry of a heap that may come out next. */
interface Open {
  readonly at: number;
  /** Kept by the heap of such entries. */
  place?: number;
}

/**
 * The entries of a heap in the order in which they would come out; none is taken out. Each step is O(log n) in the
 * number of entries so far.
 */
export function* inOrder<Entry extends object>({ entries, before }: Heap<Entry>): Generator<Entry> {
  // The next to come out is always a child of one that came out already.
  const open = new Heap<Open>((a, b) => before(entries[a.at] as Entry, entries[b.at] as Entry), 'place');
  const add = (at: number) => {
    if (at < entries.length) open.add({ at });
  };
  add(0);
  for (let next = open.first; next !== undefined; next = open.first) {
    open.remove(next);
    add(2 * next.at + 1);
    add(2 * next.at + 2);
    yield entries[next.at] as Entry;
  }
}

/** The first `count` entries of a line, in order. */
export function firstFew<Entry extends InLine<Entry>>({ ranks }: Line<Entry>, count: number): Entry[] {
  const found: Entry[] = [];
  if (count < 1) return found;
  for (const rank of inOrder(ranks))
    for (let entry = rank.first; entry !== undefined; entry = entry.next) if (found.push(entry) >= count) return found;
  return found;
}
