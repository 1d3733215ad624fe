import { ClosedError } from '../base/errors.ts';
import { ignoreAbort, onAbort, reasonOf } from '../line/abort-signals.ts';
import type { RunOptions } from './options.ts';
import type { Throttle } from './throttle.ts';
import type { MapOutcome, MapTask, ThrottledMapOptions } from './throttled-map.ts';

/** The most calls of one key that wait for their turn. A shared store is asked for all of them in one operation. */
const mostWaiting = 16;
/**
 * The most unread results besides the calls, such as those that are done before an earlier one. The loop has one more.
 */
const mostUnread = 9;

/** What a walk is made of. */
export interface MapParts<Item, Result> {
  readonly throttle: Pick<Throttle, 'run'>;
  readonly task: MapTask<Item, Result>;
  readonly options: ThrottledMapOptions<Item, Result>;
  readonly concurrency: number;
  readonly isOrdered: boolean;
  readonly isAsync: boolean;
}

/** An item that was taken and not handed out yet; `outcome` is undefined until its task has ended. */
interface Slot<Item, Result> {
  readonly item: Item;
  outcome: MapOutcome<Item, Result> | undefined;
}

/**
 * One walk over a source.
 *
 * Invariant: what it holds is bounded by `concurrency` and `mostUnread`, and once it has ended nothing is taken and nothing waits.
 */
export class MapWalk<Item, Result> {
  readonly #given: MapParts<Item, Result>;
  /** Undefined once the source has ended, has failed or is closed. */
  #iterator: Iterator<Item> | AsyncIterator<Item> | undefined;
  /** The error of the source, or why the throttle lets no more calls in. */
  #failure: { readonly error: unknown } | undefined;
  /** Whether the source is looking for an item, or the item taken is being started. */
  #isTaking = false;
  /** In the order in which they are handed out: as taken, or as done. */
  readonly #slots: Slot<Item, Result>[] = [];
  /** Calls that wait or are in flight. */
  #active = 0;
  /** How many calls wait, by key. */
  readonly #waiting = new Map<string | undefined, number>();
  #latestKey: string | undefined;
  /** Aborts as soon as no more items are taken: then no call waits either. */
  readonly #line = new AbortController();
  /** Aborts when the walk has ended. */
  readonly #tasks = new AbortController();
  #wake = (): void => {};

  constructor(given: MapParts<Item, Result>, iterator: Iterator<Item> | AsyncIterator<Item>) {
    this.#given = given;
    this.#iterator = iterator;
  }

  /** The results. Their `return` ends a walk that waits for one, too. */
  results(): AsyncGenerator<Result | MapOutcome<Item, Result>, void, undefined> {
    const results = this.#walk();
    const leave = results.return.bind(results);
    results.return = async () => {
      await this.#end();
      return leave();
    };
    return results;
  }

  async *#walk(): AsyncGenerator<Result | MapOutcome<Item, Result>, void, undefined> {
    const { signal, onError } = this.#given.options;
    const onAborted = () => this.#abort(reasonOf(signal as AbortSignal));
    if (signal !== undefined) onAbort(signal, onAborted);
    try {
      for (;;) {
        if (signal?.aborted) throw reasonOf(signal);
        if (this.#tasks.signal.aborted) return;
        this.#take();
        const [slot] = this.#slots;
        if (slot?.outcome !== undefined) {
          this.#slots.shift();
          this.#take();
          if (onError === 'continue') yield slot.outcome;
          else if (slot.outcome.status === 'fulfilled') yield slot.outcome.value;
          else throw slot.outcome.reason;
        } else if (this.#active > 0 || (this.#iterator !== undefined && !this.#failure)) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else {
          if (this.#failure !== undefined) throw this.#failure.error;
          return;
        }
      }
    } catch (error) {
      // The first error counts, not that of closing the source.
      await this.#end().catch(() => {});
      throw error;
    } finally {
      if (signal !== undefined) ignoreAbort(signal, onAborted);
      this.#abort();
    }
  }

  get #hasRoom(): boolean {
    const { concurrency, isOrdered } = this.#given;
    const open = this.#slots.length + (isOrdered ? 0 : this.#active);
    const waiting = this.#waiting.get(this.#latestKey) ?? 0;
    return this.#active < concurrency && open < concurrency + mostUnread && waiting < mostWaiting;
  }

  /** Takes items and starts their calls while there is room. */
  #take(): void {
    while (this.#iterator !== undefined && !this.#isTaking && !this.#line.signal.aborted && this.#hasRoom) {
      this.#isTaking = true;
      try {
        const next = this.#iterator.next();
        if (this.#given.isAsync) {
          Promise.resolve(next)
            .then((found) => this.#accept(found))
            .catch((error) => this.#fail(error))
            .then(() => this.#take());
          return;
        }
        this.#accept(next as IteratorResult<Item>);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #accept({ done, value }: IteratorResult<Item>): void {
    if (done) this.#iterator = undefined;
    else if (!this.#line.signal.aborted) void this.#call(value);
    this.#isTaking = false;
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#iterator = undefined;
    this.#failure = { error };
    this.#wake();
  }

  async #call(item: Item): Promise<void> {
    const { throttle, task, options, isOrdered } = this.#given;
    const slot: Slot<Item, Result> = { item, outcome: undefined };
    if (isOrdered) this.#slots.push(slot);
    this.#active++;
    let leaveLine = () => {};
    let isStarted = false;
    try {
      const key = valueFor(options.key, item);
      leaveLine = this.#joinLine(key);
      const run = {
        key,
        cost: valueFor(options.cost, item),
        priority: valueFor(options.priority, item),
        maxWait: Infinity,
        settle: options.settle,
        signal: this.#line.signal,
      } as RunOptions<Result>;
      const value = await throttle.run((grant) => {
        isStarted = true;
        const result = task(item, grant, { signal: this.#tasks.signal });
        leaveLine();
        return result;
      }, run);
      slot.outcome = { item, status: 'fulfilled', value };
    } catch (reason) {
      slot.outcome = { item, status: 'rejected', reason };
      // All later items would end the same way.
      const isClosed = !isStarted && reason instanceof ClosedError;
      if (isClosed) this.#failure ??= { error: reason };
      if (isClosed || options.onError !== 'continue') this.#line.abort(reason);
    }
    leaveLine();
    this.#active--;
    if (!isOrdered) this.#slots.push(slot);
    this.#wake();
    this.#take();
  }

  /** Counts a call as waiting. Returns a function for the end of the wait, which may be called several times. */
  #joinLine(key: string | undefined): () => void {
    const count = (by: number) => this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + by);
    this.#latestKey = key;
    count(1);
    let isWaiting = true;
    return () => {
      if (!isWaiting) return;
      isWaiting = false;
      if (count(-1).get(key) === 0) this.#waiting.delete(key);
      this.#take();
    };
  }

  #abort(reason?: unknown): void {
    this.#line.abort(reason);
    this.#tasks.abort(reason);
    this.#wake();
  }

  /** Drops the waiting calls and closes the source. */
  async #end(): Promise<void> {
    this.#abort();
    const iterator = this.#iterator;
    this.#iterator = undefined;
    const closed = iterator?.return?.();
    // A generator closes only after the item it looks for, which may never come.
    if (this.#isTaking) Promise.resolve(closed).catch(() => {});
    else await closed;
  }
}

/** The value of an option for an item. */
function valueFor<Item, Value>(option: Value | ((item: Item) => Value), item: Item): Value {
  return typeof option === 'function' ? (option as (item: Item) => Value)(item) : option;
}
