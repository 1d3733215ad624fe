import { Heap } from './heap.ts';

/** The entries of one priority, in the order in which they came. */
export interface Rank<Entry> {
  readonly priority: number;
  first: Entry | undefined;
  last: Entry | undefined;
  /** Kept by the heap of the ranks. */
  place?: number;
}

/** The position of an entry in the line. */
export interface InLine<Entry> {
  /** The entries of its priority; undefined outside the line. */
  rank: Rank<Entry> | undefined;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/**
 * A line from which any entry can leave: higher priorities come first, then first come, first served. Adding and
 * removing is O(1) within a priority, and O(log p) if one of p priorities is added or removed.
 */
export class Line<Entry extends InLine<Entry>> {
  readonly #byPriority = new Map<number, Rank<Entry>>();
  readonly #ranks = new Heap<Rank<Entry>>((a, b) => a.priority > b.priority, 'place');
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry whose turn comes first; undefined if there is none. */
  get first(): Entry | undefined {
    return this.#ranks.first?.first;
  }

  /** The priorities, as a heap. */
  get ranks(): Heap<Rank<Entry>> {
    return this.#ranks;
  }

  add(entry: Entry, priority: number): void {
    const rank = this.#rankOf(priority);
    const { last } = rank;
    entry.rank = rank;
    entry.previous = last;
    if (last === undefined) rank.first = entry;
    else last.next = entry;
    rank.last = entry;
    this.#size++;
  }

  #rankOf(priority: number): Rank<Entry> {
    const { first } = this.#ranks;
    if (first?.priority === priority) return first;
    let rank = this.#byPriority.get(priority);
    if (rank === undefined) {
      rank = { priority, first: undefined, last: undefined };
      this.#byPriority.set(priority, rank);
      this.#ranks.add(rank);
    }
    return rank;
  }

  /** Takes `entry` out from any position. */
  remove(entry: Entry): void {
    const { previous, next } = entry;
    const rank = entry.rank as Rank<Entry>;
    if (previous === undefined) rank.first = next;
    else previous.next = next;
    if (next === undefined) rank.last = previous;
    else next.previous = previous;
    entry.rank = undefined;
    entry.previous = undefined;
    entry.next = undefined;
    this.#size--;
    if (rank.first !== undefined) return;
    this.#byPriority.delete(rank.priority);
    this.#ranks.remove(rank);
  }

  /** All entries, in order within their priority. */
  *[Symbol.iterator](): Iterator<Entry> {
    for (const rank of this.#ranks.entries)
      for (let entry = rank.first; entry !== undefined; entry = entry.next) yield entry;
  }
}
