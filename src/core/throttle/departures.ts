import { QueueFullError, WaitTooLongError } from '../base/errors.ts';
import { CallGrant, HeldGrant } from '../base/grant.ts';
import { ignoreAbort, onAbort, reasonOf } from '../line/abort-signals.ts';
import type { WaitRequest } from '../line/waiting-room.ts';
import { type Clock, tick, wholeTicks } from '../time/clock.ts';
import { besideOf } from './beside.ts';
import { type Group, Groups, type Waiter } from './group.ts';
import { type Hold, Kept } from './kept.ts';
import type { Lanes } from './lanes.ts';
import {
  countFrom,
  isShared,
  mostRest,
  opensAt,
  placesAt,
  receiptAt,
  type Spot,
  type Taken,
  takeIn,
  takeShared,
} from './spot.ts';

/** How late a timer or a store may be before it counts against a call's maxWait, in ms. */
const grace = 100;

/**
 * The calls that wait for several throttles at once, for all combinations on one clock.
 *
 * Invariant: between two steps a waiting call holds nothing of any bucket, and no place, except while a store is asked
 * for it. The first call keeps only the bucket with its longest wait from the calls behind it. Once it has been overtaken,
 * they may take from its other buckets only what does not delay it.
 */
export class Departures {
  readonly #clock: Clock;
  readonly #groups = new Groups();
  /** The throttles whose calls in flight it waits for. */
  readonly #watched = new Set<Lanes>();
  #tells: (() => void)[] = [];
  #arrivals = 0;
  #isAdvancing = false;
  #mustRepeat = false;
  #timer: { readonly handle: unknown; readonly at: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits until a call may take from all its buckets. Resolves with a grant of each. */
  wait(group: Group, request: WaitRequest): Promise<CallGrant[]> {
    return new Promise((resolve, refuse) => {
      const reject = (error: unknown) => {
        if (waiter.rank === undefined) return;
        this.#part(group, waiter);
        refuse(error);
        this.#tell(group, (lanes, key) => {
          const { cost } = request;
          const wait = this.#clock.monotonic() - waiter.since;
          if (lanes.events.wants('rejected')) lanes.events.emit('rejected', { key, cost, wait, error });
        });
        this.advance();
      };
      const { priority, maxWait, signal } = request;
      const onAborted = () => reject(reasonOf(signal as AbortSignal));
      const waiter: Waiter = {
        request,
        since: this.#clock.monotonic(),
        arrival: this.#arrivals++,
        resolve,
        reject,
        onAbort: onAborted,
        timer: undefined,
        due: Infinity,
        rank: undefined,
        previous: undefined,
        next: undefined,
      };
      const isFirst = this.#groups.add(group, waiter);
      for (const spot of group.spots) besideOf(spot.lanes).add(spot, reject);
      if (signal !== undefined) onAbort(signal, onAborted);
      if (isFirst) this.advance();
      if (waiter.rank === undefined) return;
      if (maxWait !== Infinity)
        waiter.timer = this.#clock.setTimeout(() => reject(this.#tooLong(group, waiter)), maxWait + grace);
      if (!group.isAsking || group.line.first !== waiter) this.#trim(group, waiter);
      if (waiter.rank === undefined) return;
      const { cost } = request;
      for (const { lanes, key } of group.spots)
        if (lanes.events.wants('queued'))
          lanes.events.emit('queued', { key, cost, priority, waiting: lanes.waiting(key) });
    });
  }

  /** Lets all calls go that may go now, and sets the timer for the rest. Safe to call at any time. */
  advance(): void {
    this.#mustRepeat = true;
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    let wakeAt = Infinity;
    while (this.#mustRepeat) {
      this.#mustRepeat = false;
      wakeAt = this.#pass(this.#clock.monotonic());
    }
    this.#isAdvancing = false;
    this.#wakeAt(wakeAt);
    // Last, because a listener may make another call.
    for (const tell of this.#tells.splice(0)) tell();
  }

  /** Goes through the first calls of all groups, in their order. Returns when to look again. */
  #pass(now: number): number {
    const kept = new Kept(now);
    const held: Group[] = [];
    let wakeAt = Infinity;
    for (let group = this.#groups.take(); group !== undefined; group = this.#groups.take()) {
      const first = group.line.first as Waiter;
      const isBehind = kept.holds(group, first);
      const hold = isBehind ? undefined : this.#serve(group, first, now);
      // The last free place of a throttle may be kept. When a call ends, there are two.
      if (isBehind) for (const spot of group.spots) if (placesAt(spot) <= 1) this.#watch(spot.lanes);
      if (isBehind || hold !== undefined) held.push(group);
      else this.#groups.put(group);
      if (hold === undefined) continue;
      kept.keep(group, first, hold);
      const { lanes, key } = hold.spot;
      wakeAt = Math.min(wakeAt, hold.until, now + mostRest);
      // A gate may open when a call ends.
      if (hold.until === Infinity || lanes.gates.find(key) !== undefined) this.#watch(lanes);
      // All others wait for this bucket too.
      if (besideOf(lanes).waiting(key) === this.#groups.size) break;
    }
    for (const group of held) this.#groups.put(group);
    return wakeAt;
  }

  /** Lets the first call of a group go if it may, or asks its shared stores. */
  #serve(group: Group, first: Waiter, now: number): Hold | undefined {
    try {
      const hold = this.#holdOf(group, first, now);
      // A listener of the end of a pause has cleared or aborted it.
      if (first.rank === undefined) return undefined;
      if (hold !== undefined) {
        if (hold.until === Infinity || hold.until - first.since <= first.request.maxWait + tick) return hold;
        first.reject(this.#tooLong(group, first, hold.until));
      } else if (group.spots.some((spot) => isShared(spot, now))) {
        group.isAsking = true;
        void this.#ask(group, first);
      } else this.#depart(group, first, new Map(), now);
    } catch (error) {
      // The user's limits function threw, or the cost is too high.
      first.reject(error);
    }
    return undefined;
  }

  /** What holds a call back now; undefined if nothing does. */
  #holdOf(group: Group, { request, since }: Waiter, now: number, asked?: ReadonlyMap<Spot, Taken>): Hold | undefined {
    let hold: Hold | undefined;
    do
      for (const spot of group.spots) {
        const until = opensAt(spot, request.cost, since, now, asked?.has(spot) ?? false);
        if (until > (hold?.until ?? now)) hold = { spot, until };
      }
    while (
      // A listener of the end of a pause may have changed everything.
      hold === undefined &&
      group.spots.some(({ lanes, key }) => lanes.gates.find(key)?.resume(now))
    );
    return hold;
  }

  /** Takes from all buckets of a call at one instant, after the shared stores have granted it. */
  #depart(group: Group, waiter: Waiter, asked: ReadonlyMap<Spot, Taken>, now: number): void {
    const { cost, holdsPlace } = waiter.request;
    const ticks = wholeTicks(now);
    const grants = group.spots.map((spot) => {
      const { lanes, key } = spot;
      const taken = asked.get(spot);
      const receipt = taken ? receiptAt(taken, now) : takeIn(lanes.bucketOf(key, now), cost, waiter.since, now);
      const at = taken ? now : now - (ticks - receipt.slot);
      const grant = new (holdsPlace ? HeldGrant : CallGrant)(key, lanes, at, receipt);
      spot.passAt = Infinity;
      if (grant instanceof HeldGrant) {
        grant.since = waiter.since;
        lanes.places.hold(grant);
      }
      lanes.gates.find(key)?.pass(grant, holdsPlace, now);
      return grant;
    });
    this.#part(group, waiter);
    waiter.resolve(grants);
    this.#tell(group, (lanes, key) => {
      if (lanes.events.wants('granted')) lanes.events.emit('granted', { key, cost, wait: now - waiter.since });
    });
  }

  /**
   * Asks the shared stores for a call, one after the other, with a place kept for it. If one refuses, the others get
   * their grants back.
   */
  async #ask(group: Group, waiter: Waiter): Promise<void> {
    const places = group.spots.map(({ lanes, key }) => {
      const place = { key } as HeldGrant;
      lanes.places.hold(place);
      return () => lanes.places.leave(place);
    });
    const shared = group.spots.filter((spot) => isShared(spot, this.#clock.monotonic()));
    for (const spot of shared) spot.asked++;
    const taken = new Map<Spot, Taken>();
    let error: unknown;
    let isGiven = false;
    try {
      isGiven = await takeShared(shared, waiter.request.cost, this.#clock, taken);
    } catch (thrown) {
      error = thrown;
    }
    for (const spot of shared) spot.asked--;
    for (const leave of places) leave();
    const now = this.#clock.monotonic();
    try {
      isGiven &&= this.#holdOf(group, waiter, now, taken) === undefined && waiter.rank !== undefined;
      if (isGiven) this.#depart(group, waiter, taken, now);
    } catch (thrown) {
      error ??= thrown;
      isGiven = false;
    }
    if (isGiven) await countFrom(taken, now);
    else
      for (const [{ lanes, key }, { receipt }] of taken)
        await lanes.move(key, () => lanes.store.settle(key, receipt, 0)).catch(() => {});
    group.isAsking = false;
    this.#groups.put(group);
    if (error !== undefined) waiter.reject(error);
    else if (waiter.rank !== undefined) this.#trim(group, waiter);
    for (const { lanes, key } of group.spots) {
      // Lines that found the places kept move on.
      lanes.places.serve();
      lanes.find(key)?.advance();
    }
    this.advance();
  }

  /** Takes a call out of the line, with its deadline and its signal. */
  #part(group: Group, waiter: Waiter): void {
    const { signal } = waiter.request;
    this.#groups.remove(group, waiter);
    this.#clock.clearTimeout(waiter.timer);
    if (signal !== undefined) ignoreAbort(signal, waiter.onAbort);
    for (const { lanes, key } of group.spots) {
      besideOf(lanes).delete(key, waiter.reject);
      lanes.tellEnd();
    }
  }

  /** Rejects a call that is one too many in one of its lines. */
  #trim({ spots }: Group, waiter: Waiter): void {
    for (const { lanes, key } of spots) {
      const { maxQueue } = lanes.places.bounds;
      if (lanes.waiting(key) > maxQueue) waiter.reject(new QueueFullError(key, maxQueue));
    }
  }

  #tooLong({ key }: Group, { since, request }: Waiter, due: number = this.#clock.monotonic()): WaitTooLongError {
    const now = this.#clock.monotonic();
    return new WaitTooLongError(key, due - since, this.#clock.now() + due - now, request.maxWait);
  }

  /** Moves on when a call of a throttle has ended. */
  #watch(lanes: Lanes): void {
    if (this.#watched.has(lanes)) return;
    this.#watched.add(lanes);
    void lanes.nextEnd().then(() => {
      this.#watched.delete(lanes);
      this.advance();
    });
  }

  /** Emits the events of each throttle, after the line has moved on. */
  #tell({ spots }: Group, tell: (lanes: Lanes, key: string) => void): void {
    this.#tells.push(() => {
      for (const { lanes, key } of spots) tell(lanes, key);
    });
  }

  #wakeAt(at: number): void {
    if (this.#timer !== undefined) {
      // A timer that fires early only causes an extra look.
      if (this.#timer.at <= at && at !== Infinity) return;
      this.#clock.clearTimeout(this.#timer.handle);
      this.#timer = undefined;
    }
    if (at === Infinity) return;
    const wake = () => {
      this.#timer = undefined;
      this.advance();
    };
    this.#timer = { at, handle: this.#clock.setTimeout(wake, at - this.#clock.monotonic()) };
  }
}
