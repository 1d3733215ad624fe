import { checkMethods, checkOptions, wrongType } from '../core/base/check.ts';
import { shown } from '../core/base/errors.ts';
import type {
  Answer,
  Receipt,
  SharedStore,
  Standing,
  StoreNews,
  StoreOperations,
  TakeAnswer,
  TakeRequest,
} from '../core/base/store.ts';
import { isPromise } from '../core/base/store.ts';
import { adapt, type Bucket, newBucket, note, restsAt } from '../core/bucket/bucket.ts';
import { hear, slowDown } from '../core/bucket/explained.ts';
import { postpone, takeOnSlot } from '../core/bucket/moves.ts';
import { bucketLeftBy, giveBack, pause, peek, reset, settle } from '../core/bucket/operations.ts';
import type { Ceiling } from '../core/bucket/pool.ts';
import type { Cost } from '../core/limits/cost.ts';
import { type Limit, longAgo } from '../core/limits/limit.ts';
import { type Plan, planOf } from '../core/limits/plan.ts';
import { sharedStore } from '../core/sharing/shared-store.ts';
import { type Clock, systemClock, wholeTicks } from '../core/time/clock.ts';
import { fill, isSameWrite, type Reconciled, reconcile } from './reconcile.ts';
import { type BucketRecord, bucketOf, moved, planOfRecord, recordIn, recordOf, sameBucket } from './record.ts';
import { SteadyClock } from './steady-clock.ts';

/** The interface of a storage for buckets. */
export interface KeyValueStorage {
  /** Names the storage in errors and events. */
  readonly name: string;
  /**
   * Replaces the value at `key` by the result of `change`, in one atomic step: no other code reads or writes between
   * the two. `change` gets undefined if there is no value, and returns undefined if nothing has to be kept. It is
   * synchronous, may be called again if the step has to be repeated, and returns the same value if nothing changed.
   * Values are plain data that JSON and structured clones keep. May return a promise, which settles when the value is
   * kept.
   */
  update(key: string, change: (stored: unknown) => unknown): Answer<void>;
  /**
   * Deletes the value at `key`. Called after a step that returned undefined, for storages that keep undefined as a
   * value.
   */
  delete?(key: string): Answer<void>;
  /**
   * Notifies all other watchers that `key` was paused, reset or given its own limits. Called after that was kept, never
   * for a call that goes. If a message is lost, waiting lines find the change within a second.
   */
  announce?(key: string): void;
  /**
   * Calls `listener` with each key that others announced; without a key when announcements may have been missed; with
   * `trouble` if there is a problem that does not stop the storage. Returns a function that stops it.
   */
  watch?(listener: (key?: string, trouble?: unknown) => void): () => void;
  /** Takes the clock for the storage's time-outs. */
  useClock?(clock: Clock): void;
  /** Frees what the storage holds. It may be used again afterwards. */
  close?(): Answer<void>;
}

/** Options of `keyValueStore`. */
export interface KeyValueStoreOptions {
  /**
   * Whether others (tabs, processes) take from the same buckets. Their wall clocks must agree to a quarter of a second.
   * @default true
   */
  readonly shared?: boolean;
  /**
   * The source of time: its wall clock is written into the records.
   * @default the clock of the throttle that uses the store
   */
  readonly clock?: Clock;
}

/**
 * Makes a bucket store from anything that can do one atomic update of a value: "write your own store".
 *
 * A foreign value is ignored. A value that was lost or rolled back never makes a bucket emptier than this process knows
 * it is. Buckets that have been at rest for a minute are forgotten, in the storage too, while other keys are used.
 * @throws TypeError for a wrong option
 * @example
 * const values = new Map<string, unknown>();
 * const store = keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
 */
export function keyValueStore(storage: KeyValueStorage, options: KeyValueStoreOptions = {}): SharedStore {
  checkMethods('storage', storage, ['update']);
  const others = (['delete', 'announce', 'watch', 'useClock', 'close'] as const).filter(
    (name) => storage[name] !== undefined,
  );
  checkMethods('storage', storage, others);
  if (typeof storage.name !== 'string') wrongType('storage.name', 'a string', storage.name);
  checkOptions('options', options);
  if (options.clock !== undefined) checkMethods('clock', options.clock, ['now', 'monotonic']);
  const { shared = true, clock } = options;
  if (typeof shared !== 'boolean') wrongType('shared', 'true or false', shared);
  return bucketsOn(storage, shared, clock);
}

/** The same as `keyValueStore` for our own storages, which need no check. */
export function bucketsOn(storage: KeyValueStorage, shared: boolean, clock: Clock | undefined): SharedStore {
  return sharedStore(new KeyValueStore(storage, shared, clock));
}

/** The basis of an operation. */
interface Terms {
  /** The limits of the request. Without them, those of the bucket hold. */
  readonly plan?: Plan;
  /** The call that it is about. */
  readonly receipt?: Receipt;
  /**
   * Whether a forgotten bucket has to be made again. Otherwise, without limits, a key without a bucket is left alone.
   */
  readonly revives?: boolean;
  /** Whether nothing may be written. */
  readonly looks?: boolean;
  /** Whether waiting lines elsewhere have to be notified. */
  readonly announces?: boolean;
}

/** A record is forgotten after this time at rest, in ms. */
const restBeforeForgetting = 60_000;
/** The number of records that each operation checks: more than one operation can add. */
const looksPerOperation = 2;

class KeyValueStore implements StoreOperations {
  readonly name: string;
  readonly shared: boolean;
  readonly hears: boolean;
  readonly #storage: KeyValueStorage;
  /** The records that this process saw last, on its own clock. */
  readonly #known = new Map<string, BucketRecord>();
  readonly #listeners = new Set<(news: StoreNews) => void>();
  readonly #writer = drawn();
  #unwatch: (() => void) | undefined;
  #clock: Clock | undefined;
  #time: SteadyClock | undefined;

  constructor(storage: KeyValueStorage, shared: boolean, clock: Clock | undefined) {
    this.name = storage.name;
    this.shared = shared;
    this.hears = !shared || storage.watch !== undefined;
    this.#storage = storage;
    this.#clock = clock;
    if (clock !== undefined) storage.useClock?.(clock);
  }

  useClock(clock: Clock): void {
    if (this.#clock !== undefined) return;
    this.#clock = clock;
    this.#storage.useClock?.(clock);
  }

  watch(listener: (news: StoreNews) => void): () => void {
    this.#listeners.add(listener);
    this.#unwatch ??= this.#storage.watch?.((key, trouble) => this.#hear(key, trouble));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
    };
  }

  close(): Answer<void> {
    return this.#storage.close?.();
  }

  take(key: string, request: TakeRequest): Answer<TakeAnswer> {
    const { plan } = request;
    return this.#update(key, { plan }, (bucket, now) => takeOnSlot(bucket, request, now)) as Answer<TakeAnswer>;
  }

  giveBack(key: string, receipt: Receipt): Answer<void> {
    return this.#update(key, { receipt }, (bucket) => giveBack(bucket, receipt));
  }

  settle(key: string, receipt: Receipt, cost: Cost): Answer<void> {
    const terms = { receipt, revives: true };
    return this.#update(key, terms, (bucket, now) => settle(bucket, receipt, cost, now));
  }

  postpone(key: string, receipt: Receipt, ms: number): Answer<void> {
    return this.#update(key, { receipt }, (bucket, now) => postpone(bucket, receipt, ms, now));
  }

  pause(key: string, ms: number, plan: Plan, sentAgo?: number): Answer<void> {
    return this.#update(key, { plan, announces: true }, (bucket, now, late) => {
      if (sentAgo !== undefined) slowDown(bucket, sentAgo + late, ms - late, now);
      pause(bucket, ms - late, now);
    });
  }

  sync(key: string, said: Ceiling, plan: Plan): Answer<number> {
    const left = (late: number) => ({ ...said, ms: said.ms - late });
    return this.#update(key, { plan }, (bucket, now, late) => hear(bucket, left(late), now)) as Answer<number>;
  }

  peek(key: string, plan: Plan, without?: Receipt): Answer<Standing> {
    return this.#update(key, { plan, looks: true }, (bucket, now) => {
      if (without !== undefined) giveBack(bucket, without);
      return peek(bucket, now);
    }) as Answer<Standing>;
  }

  override(key: string, limits: readonly Limit[] | undefined, plan: Plan): Answer<void> {
    const own = limits === undefined ? undefined : planOf(limits, plan.margin);
    return this.#update(key, { plan, announces: true }, (bucket, now) => {
      note(bucket, { own });
      adapt(bucket, plan, now);
    });
  }

  reset(key: string): Answer<void> {
    return this.#update(key, { announces: true }, reset);
  }

  /**
   * Runs one operation in one step of the storage.
   * @param operation `late` is the time since its request, in ms
   */
  #update<T>(
    key: string,
    terms: Terms,
    operation: (bucket: Bucket, now: number, late: number) => T,
  ): Answer<T | undefined> {
    const time = this.#steady();
    const askedAt = time.monotonic();
    this.#forget(time);
    let answer: T | undefined;
    let seen: BucketRecord | undefined;
    let decidedAt: number | undefined;
    let tells = false;
    const done = this.#storage.update(key, (stored) => {
      const now = time.now();
      decidedAt = time.monotonic();
      const held = this.#find(key, stored, time, now);
      seen = held?.record;
      tells = false;
      const bucket = this.#open(held, terms, now, time);
      if (bucket === undefined) return stored;
      const writer = this.#writer;
      const before = held?.record ?? recordOf(bucket, { birth: drawn(), seq: 0, writer }, now, longAgo);
      answer = operation(bucket, now, decidedAt - askedAt);
      if (terms.looks) return stored;
      const rests = Math.max(before.rests, held?.besides?.rests ?? longAgo, restsAt(bucket));
      const { birth, seq } = before;
      const after = recordOf(bucket, { birth, seq: seq + 1, writer }, now, rests);
      if (!held?.differs && sameBucket(before, after)) return stored;
      seen = after;
      // The holder of a slot has to know that it moved.
      tells = terms.announces || (after.moved > before.moved && after.latest > now);
      return moved(after, -time.ahead);
    });
    const finish = () => {
      if (decidedAt === undefined) throw new Error(`The storage ${this.name} did not call the change it was given.`);
      // Only now it is certain that the decision is kept: the step may have been tried several times.
      if (seen !== undefined) this.#learn(key, seen);
      if (tells) this.#announce(key);
      // The step may have ended a while before the storage reports it; waits are counted from now on.
      return sooner(answer, time.monotonic() - decidedAt);
    };
    return isPromise(done) ? done.then(finish) : finish();
  }

  /** The state of a key, from the storage and our own memory. */
  #find(key: string, stored: unknown, time: SteadyClock, now: number): Reconciled | undefined {
    const known = this.#known.get(key);
    const found = recordIn(stored);
    if (found === undefined) {
      if (stored !== undefined && stored !== null) this.#tell(key);
      return reconcile(undefined, known, now);
    }
    const ahead = time.aheadOf(found.seen, now);
    const held = reconcile(moved(found, ahead), known, now);
    // A record from before the wall clock was set back is written again, for later readers.
    return held && ahead !== time.ahead ? { ...held, differs: true } : held;
  }

  /** The bucket to work on, under the limits of the caller; undefined if there is none to work on. */
  #open(held: Reconciled | undefined, terms: Terms, now: number, time: SteadyClock): Bucket | undefined {
    const { plan, receipt, revives } = terms;
    if (held === undefined) {
      if (plan !== undefined) return newBucket(plan);
      return revives ? bucketLeftBy(receipt as Receipt) : undefined;
    }
    const margin = plan?.margin ?? receipt?.plan.margin ?? 0;
    // As if the limits had changed when this process changed them, unless others used the key under the old ones since.
    const since = plan?.since === undefined ? now : Math.max(held.record.seen, now - (time.monotonic() - plan.since));
    const open = (record: BucketRecord): Bucket => {
      const bucket = bucketOf(record, margin);
      adapt(bucket, plan ?? planOfRecord(held.record, margin), now, wholeTicks(since));
      return bucket;
    };
    const bucket = open(held.record);
    if (held.besides !== undefined) fill(bucket, open(held.besides), now);
    return bucket;
  }

  #learn(key: string, record: BucketRecord): void {
    const known = this.#known.get(key);
    const isOlder = known?.birth === record.birth && known.seq > record.seq;
    if (!isOlder) this.#known.set(key, record);
  }

  #announce(key: string): void {
    try {
      this.#storage.announce?.(key);
    } catch {
      // The operation is done, even if the announcement fails.
    }
  }

  /** Passes on that others have changed a key, or any known key, or that there is a problem. */
  #hear(key: string | undefined, trouble: unknown): void {
    for (const changed of key === undefined ? [...this.#known.keys()] : [key])
      for (const listener of this.#listeners) listener({ key: changed, trouble });
  }

  #tell(key: string): void {
    this.#hear(key, new Error(`The value at key ${shown(key)} is not a bucket of this version; it is ignored.`));
  }

  /**
   * Checks the next few records and forgets those long at rest, here and in the storage. The others move to the end.
   */
  #forget(time: SteadyClock): void {
    let looks = looksPerOperation;
    const now = time.now();
    for (const [key, record] of this.#known) {
      if (looks-- === 0) return;
      this.#known.delete(key);
      if (record.own !== undefined || record.rests > now - restBeforeForgetting) this.#known.set(key, record);
      // A record that could not be deleted only takes room.
      else this.#clean(key, record, time).catch(() => {});
    }
  }

  async #clean(key: string, known: BucketRecord, time: SteadyClock): Promise<void> {
    let emptied = false;
    await this.#storage.update(key, (stored) => {
      const found = recordIn(stored);
      emptied =
        found !== undefined && found.own === undefined && (isSameWrite(found, known) || isLongAtRest(found, time));
      return emptied ? undefined : stored;
    });
    if (emptied) await this.#storage.delete?.(key);
  }

  #steady(): SteadyClock {
    this.#clock ??= systemClock;
    this.#time ??= new SteadyClock(this.#clock);
    return this.#time;
  }
}

function isLongAtRest({ rests, seen }: BucketRecord, time: SteadyClock): boolean {
  const now = time.now();
  return rests + time.aheadOf(seen, now) <= now - restBeforeForgetting;
}

/** A number that no other process has. */
const drawn = (): number => Math.floor(Math.random() * 2 ** 48);

type Timed = TakeAnswer & Standing;

/** Subtracts the time that passed from a caller's wait. The answer object is not shared yet. */
function sooner<T>(answer: T, elapsed: number): T {
  const left = (ms: number) => Math.max(0, ms - elapsed);
  const given = (answer ?? {}) as { -readonly [Field in keyof Timed]?: Timed[Field] };
  const { wait, pausedFor, limits, reserved } = given;
  // A slot that has already passed must not look as if it were due just now.
  if (wait !== undefined) given.wait = reserved === undefined ? left(wait) : wait - elapsed;
  if (pausedFor !== undefined) given.pausedFor = left(pausedFor);
  if (limits !== undefined) given.limits = limits.map((limit) => ({ ...limit, resetAfter: left(limit.resetAfter) }));
  return answer;
}
