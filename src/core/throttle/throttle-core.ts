import { checkNumber, checkOptions, outOfRange, wrongType } from '../base/check.ts';
import { disposeBy } from '../base/dispose.ts';
import { ClosedError, CostExceedsBurstError, ThrottleError, WaitTooLongError } from '../base/errors.ts';
import { type CallOutcome, Events, type ThrottleEvent, type ThrottleListener } from '../base/events.ts';
import type { CallGrant, Grant } from '../base/grant.ts';
import {
  type Answer,
  type BucketStore,
  isPromise,
  type LocalStore,
  type StoreOperations,
  type TakeAnswer,
  type TakeRequest,
} from '../base/store.ts';
import { checkMargin, type Limit } from '../limits/limit.ts';
import { planOf } from '../limits/plan.ts';
import { checkBounds } from '../line/bounds.ts';
import { sharingOf } from '../line/sharing.ts';
import { type Clock, tick } from '../time/clock.ts';
import { linkAdapters } from './adapter-link.ts';
import { checkTrueCost, Entrance, noOptions } from './entrance.ts';
import { Lanes } from './lanes.ts';
import type {
  CloseOptions,
  ConfigureOptions,
  CostOptions,
  ReserveOptions,
  RunOptions,
  SettleOptions,
  SyncOptions,
  ThrottleOptions,
  WaitOptions,
} from './options.ts';
import { Plans } from './plans.ts';
import type { CancellableReservation } from './reservation.ts';
import { Reservations } from './reservations.ts';
import { LazyContext, type Task } from './run-context.ts';
import { settlementOf } from './settlement.ts';
import { statusOf } from './status.ts';
import type { Decision, Reservation, Status, Throttle } from './throttle.ts';

const defaultKey = 'default';
const defaultMaxPause = 65 * 60_000;

/** How often `allow` asks again if its answer came so late that the call may go now. */
const mostAsks = 3;

/** The throttle: it checks arguments and passes them to the lanes and the store. */
export class ThrottleCore implements Throttle {
  readonly #lanes: Lanes;
  readonly #reservations: Reservations;
  /** The buckets of this process: those of the store, or of the local store that stands in for it. */
  readonly #local: LocalStore;
  readonly #maxPause: number;
  readonly #unwatch: (() => void) | undefined;
  readonly #entrance: Entrance;
  /** The promise of `close`, once it was called. */
  #ending: Promise<void> | undefined;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** @param local the store that stands in while `options.store` is away */
  constructor(options: ThrottleOptions, clock: Clock, store: BucketStore, local: LocalStore) {
    const { maxWait = Infinity, maxPause = defaultMaxPause, margin = 'auto', onStoreError = 'memory' } = options;
    const events = new Events();
    const bounds = checkBounds(options);
    checkNumber('maxWait', maxWait, { from: 0, infinite: true });
    this.#maxPause = checkNumber('maxPause', maxPause, { from: 0, infinite: true });
    if (onStoreError !== 'memory' && onStoreError !== 'reject')
      outOfRange('onStoreError', "'memory' or 'reject'", onStoreError);
    const plans = new Plans(options.limits, checkMargin('margin', margin));
    const sharing = sharingOf(store);
    this.#local = store.bucket === undefined ? local : (store as LocalStore);
    const guarded = sharing?.guard(store, local, onStoreError, clock, events) ?? store;
    this.#lanes = new Lanes({ clock, events, plans, bounds }, guarded, sharing);
    this.#entrance = new Entrance(this.#lanes, maxWait);
    this.#reservations = new Reservations(this.#lanes);
    this.#unwatch = sharing?.watch(this.#lanes);
    linkAdapters(this, {
      lanes: this.#lanes,
      reservations: this.#reservations,
      entrance: this.#entrance,
      maxPause: this.#maxPause,
      isClosed: () => this.#entrance.closed !== undefined,
      enterNow: (key) => (this.#entrance.closing ? undefined : this.#lanes.grantNow(key, true)),
      enter: (key, options) => this.#entrance.enter(key, options, true),
      pause: (key, ms, sentAgo) => this.#pause(key, ms, sentAgo),
      sync: (key, said) => this.#lanes.sync(key, said),
    });
    disposeBy(this, () => this.close());
  }

  get #clock(): Clock {
    return this.#lanes.clock;
  }

  get #events(): Events {
    return this.#lanes.events;
  }

  get #plans(): Plans {
    return this.#lanes.plans;
  }

  get #store(): StoreOperations {
    return this.#lanes.store;
  }

  async allow(key: string = defaultKey, options: CostOptions = {}): Promise<Decision> {
    const cost = this.#entrance.check(key, options);
    if (this.#entrance.mayBeWrong(key, cost)) await this.#entrance.checkNames(key, cost);
    const request = { plan: this.#plans.of(key), costs: [cost], ahead: 0, report: true };
    let answer = await this.#take(key, request);
    for (let ask = 1; ask < mostAsks && answer.granted.length === 0 && answer.wait <= 0; ask++)
      answer = await this.#take(key, request);
    const { granted, wait, limits = [], exceeded } = answer;
    if (exceeded !== undefined) throw new CostExceedsBurstError(key, exceeded.cost, exceeded.burst, exceeded.limitName);
    const [receipt] = granted;
    const now = this.#clock.monotonic();
    const gate = this.#lanes.gates.find(key);
    const paused = (gate?.pausedUntil ?? -Infinity) - now;
    if (receipt === undefined || paused > 0) {
      // Paused while the store decided.
      if (receipt !== undefined) await this.#store.settle(key, receipt, 0);
      return { allowed: false, wait: Math.max(wait, paused, tick), limits };
    }
    gate?.resume(now);
    if (this.#events.wants('granted')) this.#events.emit('granted', { key, cost, wait: 0 });
    return { allowed: true, wait, limits };
  }

  /** Takes calls that do not wait. */
  #take(key: string, request: TakeRequest): Answer<TakeAnswer> {
    return this.#lanes.find(key)?.take(request) ?? this.#store.take(key, request);
  }

  async reserve(key: string = defaultKey, options: ReserveOptions = {}): Promise<Reservation> {
    const cost = this.#entrance.check(key, options);
    const maxWait = this.#entrance.maxWaitOf(options);
    if (this.#entrance.mayBeWrong(key, cost)) await this.#entrance.checkNames(key, cost);
    const request = { plan: this.#plans.of(key), costs: [cost], ahead: maxWait, fixed: true };
    const { granted, reserved, wait, exceeded } = await this.#store.take(key, request);
    if (exceeded !== undefined) throw new CostExceedsBurstError(key, exceeded.cost, exceeded.burst, exceeded.limitName);
    const receipt = granted[0] ?? reserved;
    if (receipt === undefined) throw new WaitTooLongError(key, wait, this.#clock.now() + wait, maxWait);
    return this.#reservations.add(key, receipt, Math.max(0, wait));
  }

  wait(key: string = defaultKey, options?: WaitOptions): Promise<Grant> {
    try {
      this.#plans.keepForCalls();
      return Promise.resolve(this.#entrance.enter(key, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // Not async: the frame of each waiting call would double what it takes.
  run<T>(task: Task<T>, options: RunOptions<T> = noOptions as RunOptions<T>): Promise<T> {
    try {
      if (typeof task !== 'function') wrongType('task', 'a function', task);
      checkOptions('options', options);
      const { key = defaultKey, settle, signal } = options;
      if (settle !== undefined && typeof settle !== 'function') wrongType('settle', 'a function', settle);
      this.#plans.keepForCalls();
      const entered = this.#entrance.enter(key, options, true);
      if (!isPromise(entered)) return this.#perform(task, options, signal, entered);
      return entered.then((grant) => this.#perform(task, options, signal, grant));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Runs the task of a call that was granted. */
  async #perform<T>(task: Task<T>, options: RunOptions<T>, signal: AbortSignal | undefined, grant: Grant): Promise<T> {
    let result: T;
    let outcome: CallOutcome = 'error';
    try {
      result = await task(grant, new LazyContext(signal));
      outcome = 'ok';
    } finally {
      this.#lanes.leave(grant, outcome, signal);
    }
    const cost = options.settle?.(result);
    // The result is not kept waiting for the store; what the store does not take is told by its own event.
    if (cost !== undefined)
      void this.settle(grant, { cost: checkTrueCost(cost, (grant as CallGrant).receipt) }).catch(() => {});
    return result;
  }

  async pause(key: string, until: number): Promise<void> {
    this.#entrance.checkKey(key);
    checkNumber('until', until, {});
    const ms = Math.min(until - this.#clock.now(), this.#maxPause);
    if (ms > 0) await this.#pause(key, ms);
  }

  async sync(key: string, said: SyncOptions): Promise<void> {
    this.#entrance.checkKey(key);
    checkOptions('said', said);
    const remaining = checkNumber('remaining', said.remaining, { from: 0 });
    const ms = Math.min(checkNumber('resetAt', said.resetAt, {}) - this.#clock.now(), this.#maxPause);
    if (ms <= 0) return;
    const left = Math.max(0, remaining - this.#lanes.inFlight(key));
    await this.#lanes.sync(key, { remaining: left, ms, isNewest: false });
  }

  async status(key: string = defaultKey): Promise<Status> {
    this.#entrance.checkKey(key);
    this.#lanes.noteTime();
    const lane = this.#lanes.find(key);
    return statusOf(this.#lanes, key, await this.#store.peek(key, this.#plans.of(key), lane?.reservation));
  }

  async settle(grant: Grant, options: SettleOptions): Promise<void> {
    this.#entrance.checkOpen();
    const reservations = this.#reservations;
    const receipt = reservations.receiptOf(grant);
    if (receipt === undefined) wrongType('grant', 'a grant or a reservation of this throttle', grant);
    checkOptions('options', options);
    const { from, cost, done, unsure } = settlementOf(receipt, checkTrueCost(options.cost, receipt));
    if ((grant as CancellableReservation).cancelled) return;
    reservations.correct(grant, done);
    try {
      await this.#lanes.move(grant.key, () => this.#store.settle(grant.key, from, cost));
    } catch (error) {
      if (reservations.receiptOf(grant) === done) reservations.correct(grant, unsure);
      throw error;
    }
  }

  async setLimits(key: string, limits: Limit | readonly Limit[] | undefined): Promise<void> {
    this.#entrance.checkKey(key);
    const own = limits === undefined ? undefined : planOf(limits, 0).limits;
    await this.#lanes.move(key, () => this.#store.override(key, own, this.#plans.of(key)));
  }

  async configure(options: ConfigureOptions): Promise<void> {
    this.#entrance.checkOpen();
    checkOptions('options', options);
    const { places } = this.#lanes;
    const now = places.bounds;
    const { limits, concurrency = now.concurrency, maxInFlight = now.maxInFlight } = options;
    const bounds = checkBounds({ ...now, concurrency, maxInFlight });
    if (limits !== undefined) {
      const before = this.#plans.replace(limits, this.#clock.monotonic());
      this.#local.adapt(before, (key) => this.#plans.of(key));
    }
    places.bounds = bounds;
    await Promise.all(this.#lanes.all().map((lane) => lane.renew(() => undefined)));
  }

  async reset(key: string): Promise<void> {
    this.#entrance.checkKey(key);
    this.#lanes.gates.find(key)?.reset();
    await this.#store.reset(key);
    this.#lanes.find(key)?.restart();
  }

  keys(): string[] {
    return this.#lanes.keys();
  }

  clear(key?: string, reason: unknown = new ThrottleError('The line was cleared.')): void {
    if (key !== undefined) this.#entrance.checkKey(key);
    void this.#lanes.rejectAll(reason, key);
  }

  on<Name extends ThrottleEvent>(event: Name, listener: ThrottleListener<Name>): () => void {
    return this.#events.on(event, listener);
  }

  async close({ drain = false }: CloseOptions = {}): Promise<void> {
    this.#entrance.closing ??= new ClosedError();
    if (drain && this.#ending === undefined) await this.#lanes.whenIdle();
    this.#ending ??= this.#end(this.#entrance.closing);
    await this.#ending;
  }

  async #end(closed: ClosedError): Promise<void> {
    this.#entrance.closed = closed;
    await this.#lanes.rejectAll(closed);
    await this.#reservations.cancelAll();
    this.#unwatch?.();
    await this.#store.close?.();
    this.#lanes.gates.clear();
    this.#events.clear();
  }

  /** Pauses a key here at once, and for all sharers as soon as the store has it. */
  async #pause(key: string, ms: number, sentAgo?: number): Promise<void> {
    this.#lanes.gates.pause(key, ms);
    await this.#store.pause(key, ms, this.#plans.of(key), sentAgo);
  }
}
