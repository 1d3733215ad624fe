import { Heap } from './heap.ts';

/** Those of one priority, in the order in which they came. */
interface Rank<Entry> {
  readonly priority: number;
  first: Entry | undefined;
  last: Entry | undefined;
  place: number;
}

/** What an entry carries of its place in the line. */
export interface InLine<Entry> {
  readonly priority: number;
  /** Undefined outside the line. */
  rank: Rank<Entry> | undefined;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/**
 * A line from which any entry can leave: higher priorities come first, and within one whoever came first. All operations are O(1)
 * while there is one priority, and O(log p) with p of them.
 */
export class Line<Entry extends InLine<Entry>> {
  readonly #ranks = new Map<number, Rank<Entry>>();
  readonly #order = new Heap<Rank<Entry>>((a, b) => a.priority > b.priority, 'place');
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry whose turn comes first; undefined if there is none. */
  get first(): Entry | undefined {
    return this.#order.first?.first;
  }

  /** The `count` entries whose turn comes first, in order. */
  firstFew(count: number): Entry[] {
    const found: Entry[] = [];
    for (const { first } of this.#order.firstFew(Math.min(count, this.#order.size))) {
      for (let entry = first; entry !== undefined && found.length < count; entry = entry.next) found.push(entry);
      if (found.length >= count) break;
    }
    return found;
  }

  add(entry: Entry): void {
    let rank = this.#ranks.get(entry.priority);
    if (rank === undefined) {
      rank = { priority: entry.priority, first: undefined, last: undefined, place: -1 };
      this.#ranks.set(entry.priority, rank);
      this.#order.add(rank);
    }
    const { last } = rank;
    entry.rank = rank;
    entry.previous = last;
    if (last === undefined) rank.first = entry;
    else last.next = entry;
    rank.last = entry;
    this.#size++;
  }

  /** Takes `entry` out, wherever it stands. */
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
    this.#ranks.delete(rank.priority);
    this.#order.remove(rank);
  }

  /** All entries, in order within their priority. */
  *[Symbol.iterator](): Iterator<Entry> {
    for (const { first } of this.#order) for (let entry = first; entry !== undefined; entry = entry.next) yield entry;
  }
}
