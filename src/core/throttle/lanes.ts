import type { CallOutcome, Events } from '../base/events.ts';
import { CallGrant, type Grant, HeldGrant } from '../base/grant.ts';
import type { Answer, LocalStore, StoreOperations } from '../base/store.ts';
import { type Bucket, grantNow, tatOrTatsOf } from '../bucket/bucket.ts';
import { aged, type Ceiling } from '../bucket/pool.ts';
import type { Plan } from '../limits/plan.ts';
import type { Bounds } from '../line/bounds.ts';
import { Gates } from '../line/gate.ts';
import { InFlight } from '../line/in-flight.ts';
import type { Lane } from '../line/lane.ts';
import { LocalLane, type LocalLaneHost } from '../line/local-lane.ts';
import type { Sharing, WatchHost } from '../line/sharing.ts';
import { type Clock, checkInstant, wholeTicks } from '../time/clock.ts';
import type { Plans } from './plans.ts';

/** If the wall clock moves by this much against the monotonic one, it was set, in ms. */
const jump = 250;

/** What the lanes of a throttle need. */
export interface LanesOptions {
  readonly clock: Clock;
  readonly events: Events;
  readonly plans: Plans;
  readonly bounds: Bounds;
}

/** Calls that wait in no lane, because they wait for other throttles too. */
export interface Beside {
  /** The keys with such a call. */
  keys(): Iterable<string>;
  /** How many such calls a key has. */
  waiting(key: string): number;
  /** Rejects the calls of one key, or all. */
  rejectAll(error: unknown, key?: string): void;
}

/**
 * The lanes of a throttle's keys.
 *
 * Invariant: a key has a lane while it has a waiting call or a reservation; all other lanes but one are forgotten.
 */
export class Lanes implements LocalLaneHost, WatchHost {
  readonly clock: Clock;
  readonly events: Events;
  readonly plans: Plans;
  readonly places: InFlight;
  readonly gates: Gates = new Gates(this);
  readonly store: StoreOperations;
  /** What a shared store adds; undefined if the store hands its buckets out. */
  readonly #sharing: Sharing | undefined;
  readonly #lanes = new Map<string, Lane>();
  /** The lane that became idle last, because most keys are called again soon. */
  #spare: Lane | undefined;
  #wallAhead: number;
  /** The calls that wait for this throttle and others at once; undefined until the first one. */
  beside: Beside | undefined;
  /** Callbacks for when calls end or leave. */
  readonly #onEnd: (() => void)[] = [];

  constructor(options: LanesOptions, store: StoreOperations, sharing: Sharing | undefined) {
    const { clock, events, plans, bounds } = options;
    this.clock = clock;
    this.events = events;
    this.plans = plans;
    this.places = new InFlight(bounds);
    this.store = store;
    this.#sharing = sharing;
    if (sharing !== undefined) this.gates.upgrade(sharing.gate);
    this.#wallAhead = checkInstant('now', clock.now()) - checkInstant('monotonic', clock.monotonic());
  }

  plan(key: string): Plan {
    return this.plans.of(key);
  }

  bucketOf(key: string, now: number): Bucket {
    return (this.store as LocalStore).bucket(key, this.plans.of(key), wholeTicks(checkInstant('monotonic', now)));
  }

  /** The bucket of a key, if the store hands its buckets out. */
  bucketIn(key: string, now: number): Bucket | undefined {
    return this.#sharing === undefined ? this.bucketOf(key, now) : undefined;
  }

  /** The lane of a key, if it has one. */
  find(key: string): Lane | undefined {
    return this.#lanes.get(key);
  }

  /** The lane of a key. */
  of(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = this.#sharing === undefined ? new LocalLane(key, this) : this.#sharing.lane(key, this);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  all(): Lane[] {
    return [...this.#lanes.values()];
  }

  /** Rejects the waiting calls of one key, or of all. Resolves when the store has got back what their lines held. */
  async rejectAll(error: unknown, key?: string): Promise<void> {
    const lanes = this.all().filter((lane) => key === undefined || lane.key === key);
    this.beside?.rejectAll(error, key);
    await Promise.all(lanes.map((lane) => lane.rejectAll(error)));
  }

  inFlight(key: string): number {
    return this.places.of(key);
  }

  /** The calls that wait on a key, in its lane or beside it. */
  waiting(key: string): number {
    return (this.find(key)?.waiting ?? 0) + (this.beside?.waiting(key) ?? 0);
  }

  #isBusy(key: string): boolean {
    return this.inFlight(key) > 0 || this.waiting(key) > 0;
  }

  /** The keys with a call that waits or is in flight. */
  keys(): string[] {
    const keys = new Set([...this.#lanes.keys(), ...this.places.counts.keys(), ...(this.beside?.keys() ?? [])]);
    return [...keys].filter((key) => this.#isBusy(key));
  }

  /** Resolves when no call waits or is in flight, on one key or on all. */
  async whenIdle(key?: string): Promise<void> {
    do {
      // One after the other, because a look at all of them takes long.
      for (const one of key === undefined ? this.keys() : [key]) while (this.#isBusy(one)) await this.nextEnd();
    } while (key === undefined && this.keys().length > 0);
  }

  /** Resolves when a call ends or leaves. */
  nextEnd(): Promise<void> {
    return new Promise((resolve) => this.#onEnd.push(resolve));
  }

  /** Reports that a call has ended or left. */
  tellEnd(): void {
    for (const tell of this.#onEnd.splice(0)) tell();
  }

  /**
   * Gives the place of a call in flight back.
   * @param outcome how it ended; undefined if that was not visible
   * @param signal whether it was aborted
   */
  leave(grant: Grant, outcome?: CallOutcome, signal?: AbortSignal): void {
    const { key } = grant;
    this.places.leave(grant as HeldGrant);
    this.gates.find(key)?.end(grant as CallGrant);
    // Before the next call goes, so that a count of calls in flight by events is never too high.
    if (outcome !== undefined && this.events.wants('ended')) {
      const { cost, monotonic, since = monotonic } = grant as HeldGrant;
      this.events.emit('ended', {
        key,
        cost,
        wait: Math.max(0, monotonic - since),
        duration: this.clock.monotonic() - monotonic,
        outcome: outcome === 'error' && signal?.aborted ? 'aborted' : outcome,
      });
    }
    if (this.#lanes.size > 0) {
      this.places.serve();
      this.#lanes.get(key)?.advance();
    }
    if (this.#onEnd.length > 0) this.tellEnd();
  }

  /** Runs a change of a bucket; the waiting calls see the new state. With `isFirst` it comes before they ask. */
  async move(key: string, move: () => Answer<void>, isFirst: boolean = false): Promise<void> {
    const lane = this.#lanes.get(key);
    await (lane === undefined ? move() : lane.renew(move, isFirst));
  }

  /**
   * Lets no more go than a server reports as left; returns for how many ms that holds calls back, as the store's `sync`.
   */
  async sync(key: string, said: Ceiling): Promise<number> {
    const { told } = said;
    let { ms } = said;
    const saidAt = this.clock.monotonic();
    const sync = async () => {
      const left = aged(said, this.clock.monotonic() - saidAt);
      ms = (await this.store.sync(key, left, this.plans.of(key))) ?? ms;
    };
    // A line that asked before would send too many. But most statements change nothing, and then no slot goes back.
    await (told === undefined ? this.move(key, sync, true) : sync());
    if (told !== undefined && ms !== 0) await this.move(key, () => undefined, true);
    return ms;
  }

  /**
   * Grants a call of cost 1 that may go at once, in as few steps as possible; undefined if the call has to enter the
   * line.
   */
  grantNow(key: string, holdsPlace: boolean): CallGrant | undefined {
    if (this.#sharing !== undefined || typeof key !== 'string') return undefined;
    if (this.#lanes.size > 0 && this.#lanes.get(key)?.open === false) return undefined;
    if (this.places.free(key) <= 0) return undefined;
    const { clock } = this;
    const monotonic = clock.monotonic();
    if (this.gates.find(key)?.isClear(monotonic, this.inFlight(key)) === false) return undefined;
    const now = wholeTicks(monotonic);
    const bucket = (this.store as LocalStore).bucket(key, this.plans.of(key), now);
    if (bucket.extras.refunds !== undefined || !grantNow(bucket, now)) return undefined;
    const { plan } = bucket;
    const tats = tatOrTatsOf(bucket);
    const grant = holdsPlace ? new HeldGrant(key, this, now, plan, tats) : new CallGrant(key, this, now, plan, tats);
    if (holdsPlace) this.places.hold(grant as HeldGrant);
    // Last: who hears of it may make another call.
    if (this.events.wants('granted')) this.events.emit('granted', { key, cost: 1, wait: 0 });
    return grant;
  }

  noteTime(): void {
    const wallAhead = this.clock.now() - this.clock.monotonic();
    const by = wallAhead - this.#wallAhead;
    this.#wallAhead = wallAhead;
    if (Math.abs(by) > jump && this.events.wants('clock-jump')) this.events.emit('clock-jump', { by: Math.round(by) });
  }

  retire(lane: Lane): void {
    if (this.#onEnd.length > 0) this.tellEnd();
    // A listener may have caused a new lane while this one was leaving.
    if (this.#spare === lane || this.#lanes.get(lane.key) !== lane) return;
    if (this.#spare?.idle) this.#lanes.delete(this.#spare.key);
    this.#spare = lane;
  }
}
