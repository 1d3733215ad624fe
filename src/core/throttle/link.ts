import type { Events } from '../base/events.ts';
import type { CallGrant, Grant } from '../base/grant.ts';
import type { ServerSignal } from '../base/server-signal.ts';
import type { Receipt, StoreOperations } from '../base/store.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Limit, Plan } from '../limits/limit.ts';
import type { Gates } from '../line/gate.ts';
import type { Ear, EarHost } from '../listening/ear.ts';
import type { Clock } from '../time/clock.ts';
import type { AdapterLink, EnterOptions } from './adapter-link.ts';
import type { Lanes } from './lanes.ts';
import type { Reservations } from './reservations.ts';

/** What the link needs of its throttle beyond lanes and reservations. */
export interface Linked {
  readonly maxPause: number;
  readonly isClosed: boolean;
  enter(key: string, options: EnterOptions): CallGrant | Promise<CallGrant>;
  pause(key: string, ms: number): Promise<void>;
  sync(key: string, said: Ceiling): Promise<void>;
}

/**
 * What adapters and the ear that they bring see of a throttle.
 *
 * Invariant: without an ear nothing that a server says is acted on, and a closed throttle hears nothing.
 */
export class ThrottleLink implements AdapterLink, EarHost {
  readonly #lanes: Lanes;
  readonly #reservations: Reservations;
  readonly #throttle: Linked;
  #ear: Ear | undefined;

  constructor(lanes: Lanes, reservations: Reservations, throttle: Linked) {
    this.#lanes = lanes;
    this.#reservations = reservations;
    this.#throttle = throttle;
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

  attach(makeEar: (host: EarHost) => Ear): void {
    this.#ear ??= makeEar(this);
  }

  enterNow(key: string): Grant | undefined {
    return this.#throttle.isClosed ? undefined : this.#lanes.grantNow(key, true);
  }

  enter(key: string, options: EnterOptions): Grant | Promise<Grant> {
    return this.#throttle.enter(key, options);
  }

  leave(grant: Grant): void {
    this.#lanes.of(grant.key).leave(grant);
  }

  noteDeparture(grant: Grant): void {
    this.#ear?.noteDeparture(grant);
  }

  noteArrival(grant: Grant): void {
    if (!this.#throttle.isClosed) this.#ear?.noteArrival(grant);
  }

  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void {
    if (!this.#throttle.isClosed) this.#ear?.listen(key, grant, signal, leastPause);
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
    return this.#reservations.receiptOf(grant);
  }

  correct(grant: Grant, receipt: Receipt): void {
    this.#reservations.correct(grant, receipt);
  }
}
