import type { Events } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import type { ServerSignal } from '../core/base/server-signal.ts';
import type { Receipt, StoreOperations } from '../core/base/store.ts';
import type { Bucket } from '../core/bucket/bucket.ts';
import type { Ceiling } from '../core/bucket/pool.ts';
import type { Limit, Plan } from '../core/limits/limit.ts';
import type { Gates } from '../core/line/gate.ts';
import { type EarHost, ServerEar } from '../core/listening/ear.ts';
import { type EnterOptions, type Linked, linkedOf } from '../core/throttle/adapter-link.ts';
import type { Lanes } from '../core/throttle/lanes.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { Clock } from '../core/time/clock.ts';

/**
 * What adapters see of a throttle beyond its public methods, and what the ear that they bring sees of it.
 *
 * Invariant: without an ear nothing that a server says is acted on, and a closed throttle hears nothing.
 */
export class AdapterLink implements EarHost {
  readonly #throttle: Linked;
  #ear: ServerEar | undefined;

  constructor(throttle: Linked) {
    this.#throttle = throttle;
  }

  get #lanes(): Lanes {
    return this.#throttle.lanes;
  }

  get clock(): Clock {
    return this.#lanes.clock;
  }

  get events(): Events {
    return this.#lanes.events;
  }

  get gates(): Gates {
    return this.#lanes.gates;
  }

  get store(): StoreOperations {
    return this.#lanes.store;
  }

  get maxPause(): number {
    return this.#throttle.maxPause;
  }

  get isLearning(): boolean {
    return this.#lanes.plans.areLearned;
  }

  /** Brings the ear: calls go over a network from now on, and what servers say is acted on. */
  attach(): void {
    this.#ear ??= new ServerEar(this);
  }

  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if it has to go the long way of `enter`. */
  enterNow(key: string): Grant | undefined {
    return this.#throttle.isClosed() ? undefined : this.#lanes.grantNow(key, true);
  }

  /**
   * Waits for a call's turn and takes its place, as `run` does. The grant itself if the call may go at once.
   * @throws what `wait` rejects with
   */
  enter(key: string, options: EnterOptions): Grant | Promise<Grant> {
    return this.#throttle.enter(key, options);
  }

  /** Frees the place of a call that has ended. */
  leave(grant: Grant): void {
    this.#lanes.of(grant.key).leave(grant);
  }

  /** Notes that a call leaves. */
  noteDeparture(grant: Grant): void {
    this.#ear?.noteDeparture(grant);
  }

  /** Notes that the first of the answer to a call that was seen to leave has come. */
  noteArrival(grant: Grant): void {
    if (!this.#throttle.isClosed()) this.#ear?.noteArrival(grant);
  }

  /**
   * Acts on what an answer said about the quota, before the place of its call is free again.
   * @param leastPause how long to pause at least where the server refused and named no time, in ms
   */
  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void {
    if (!this.#throttle.isClosed()) this.#ear?.listen(key, grant, signal, leastPause);
  }

  /** Tells the listeners of `warning`. */
  warn(key: string, message: string): void {
    this.events.emit('warning', { key, message });
  }

  setMargin(ms: number): void {
    this.#lanes.plans.follow(ms);
  }

  setLearned(limitsOf: (key: string) => Limit | readonly Limit[] | undefined): void {
    this.#lanes.plans.learnFrom(limitsOf);
  }

  plan(key: string): Plan {
    return this.#lanes.plan(key);
  }

  inFlight(key: string): number {
    return this.#lanes.inFlight(key);
  }

  bucketOf(key: string, now: number): Bucket | undefined {
    return this.#lanes.bucketIn(key, now);
  }

  pause(key: string, ms: number): Promise<void> {
    return this.#throttle.pause(key, ms);
  }

  sync(key: string, said: Ceiling): Promise<void> {
    return this.#throttle.sync(key, said);
  }

  renew(key: string): Promise<void> {
    return this.#lanes.move(key, () => undefined);
  }

  advance(key: string): void {
    this.#lanes.find(key)?.advance();
  }

  look(key: string): void {
    this.#lanes.find(key)?.look();
  }

  receiptOf(grant: Grant): Receipt | undefined {
    return this.#throttle.reservations.receiptOf(grant);
  }

  correct(grant: Grant, receipt: Receipt): void {
    this.#throttle.reservations.correct(grant, receipt);
  }
}

/**
 * The link of a throttle, the same for all its adapters.
 * @throws TypeError if `throttle` is not one that `createThrottle` made
 */
export function linkOf(throttle: Throttle): AdapterLink {
  const linked = linkedOf(throttle);
  linked.link ??= new AdapterLink(linked);
  return linked.link as AdapterLink;
}
