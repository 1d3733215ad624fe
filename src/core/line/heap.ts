/**
 * A binary heap from which any entry can leave. Each entry carries its own position, so nothing is searched; `position` is -1
 * outside the heap. All operations are O(log n).
 */
export class Heap<Entry extends object> {
  /** In no order but that of a heap: the entry at `n` comes out before those at `2n + 1` and `2n + 2`. */
  readonly entries: Entry[] = [];
  readonly before: (a: Entry, b: Entry) => boolean;
  readonly #position: keyof Entry;

  /**
   * @param before whether `a` comes out before `b`
   * @param position name of the numeric field of an entry in which this heap keeps its position
   */
  constructor(before: (a: Entry, b: Entry) => boolean, position: keyof Entry) {
    this.before = before;
    this.#position = position;
  }

  get size(): number {
    return this.entries.length;
  }

  /** The entry that comes out first; undefined if there is none. */
  get first(): Entry | undefined {
    return this.entries[0];
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    this.#rise(entry, this.entries.length - 1);
  }

  /** Takes `entry` out from any position. */
  remove(entry: Entry): void {
    const place = entry[this.#position] as number;
    const last = this.entries.pop() as Entry;
    this.#put(entry, -1);
    if (last === entry) return;
    if (place > 0 && this.before(last, this.#at((place - 1) >> 1))) this.#rise(last, place);
    else this.#sink(last, place);
  }

  /** All entries, in no order. */
  [Symbol.iterator](): Iterator<Entry> {
    return this.entries[Symbol.iterator]();
  }

  #at(place: number): Entry {
    return this.entries[place] as Entry;
  }

  #put(entry: Entry, place: number): void {
    (entry[this.#position] as number) = place;
  }

  #place(entry: Entry, place: number): void {
    this.entries[place] = entry;
    this.#put(entry, place);
  }

  #rise(entry: Entry, from: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.before(entry, this.#at(parent))) break;
      this.#place(this.#at(parent), place);
      place = parent;
    }
    this.#place(entry, place);
  }

  #sink(entry: Entry, from: number): void {
    let place = from;
    const { length } = this.entries;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= length) break;
      if (child + 1 < length && this.before(this.#at(child + 1), this.#at(child))) child++;
      if (!this.before(this.#at(child), entry)) break;
      this.#place(this.#at(child), place);
      place = child;
    }
    this.#place(entry, place);
  }
}
