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
  /** Those of its priority; undefined outside the line. */
  rank: Rank<Entry> | undefined;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/**
 * A line from which any entry can leave: higher priorities come first, and within one whoever came first. All operations are O(1)
 * while there is one priority, and O(log p) with p of them.
 */
export class Line<Entry extends InLine<Entry>> {
  /** The rank whose turn comes first. */
  #top: Rank<Entry> | undefined;
  /** All ranks, from when there are several until nobody is left: most lines never have them. */
  #ranks: { readonly byPriority: Map<number, Rank<Entry>>; readonly order: Heap<Rank<Entry>> } | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry whose turn comes first; undefined if there is none. */
  get first(): Entry | undefined {
    return this.#top?.first;
  }

  /** The `count` entries whose turn comes first, in order. */
  firstFew(count: number): Entry[] {
    const found: Entry[] = [];
    const ranks = this.#ranks?.order.firstFew(Math.min(count, this.#ranks.order.size)) ?? [this.#top];
    for (const rank of ranks)
      for (let entry = rank?.first; entry !== undefined && found.length < count; entry = entry.next) found.push(entry);
    return found;
  }

  add(entry: Entry, priority: number): void {
    const rank = this.#top?.priority === priority ? this.#top : this.#rankOf(priority);
    const { last } = rank;
    entry.rank = rank;
    entry.previous = last;
    if (last === undefined) rank.first = entry;
    else last.next = entry;
    rank.last = entry;
    this.#size++;
  }

  #rankOf(priority: number): Rank<Entry> {
    const known = this.#ranks?.byPriority.get(priority);
    if (known !== undefined) return known;
    const rank: Rank<Entry> = { priority, first: undefined, last: undefined, place: -1 };
    if (this.#top === undefined) {
      this.#top = rank;
      return rank;
    }
    this.#ranks ??= { byPriority: new Map(), order: new Heap((a, b) => a.priority > b.priority, 'place') };
    const { byPriority, order } = this.#ranks;
    for (const other of order.size === 0 ? [this.#top, rank] : [rank]) {
      byPriority.set(other.priority, other);
      order.add(other);
    }
    this.#top = order.first;
    return rank;
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
    if (rank.first === undefined) this.#drop(rank);
  }

  #drop(rank: Rank<Entry>): void {
    this.#ranks?.byPriority.delete(rank.priority);
    this.#ranks?.order.remove(rank);
    this.#top = this.#ranks?.order.first;
    if (this.#top === undefined) this.#ranks = undefined;
  }

  /** All entries, in order within their priority. */
  *[Symbol.iterator](): Iterator<Entry> {
    for (const rank of this.#ranks?.order ?? [this.#top])
      for (let entry = rank?.first; entry !== undefined; entry = entry.next) yield entry;
  }
}
