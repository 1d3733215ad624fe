import { checkMethods, checkNumber, checkOptions, outOfRange, wrongType } from '../base/check.ts';
import { CostExceedsBurstError, ThrottleError, WaitTooLongError } from '../base/errors.ts';
import { Events, type ThrottleEvent, type ThrottleListener } from '../base/events.ts';
import { CallGrant, type Grant, HeldGrant } from '../base/grant.ts';
import type { ServerSignal } from '../base/server-signal.ts';
import type { Answer, BucketStore, Receipt, StoreNews, TakeAnswer, TakeRequest } from '../base/store.ts';
import { type Bucket, grantNow, tatOrTatsOf } from '../bucket/bucket.ts';
import { goneLater, postpone } from '../bucket/moves.ts';
import { takeBeside } from '../bucket/operations.ts';
import { type Ceiling, costInPool } from '../bucket/pool.ts';
import { type Cost, checkCost, checkNames, isStrange } from '../limits/cost.ts';
import { checkMargin, type Limit } from '../limits/limit.ts';
import { callsMargin, type Plan, planOf } from '../limits/plan.ts';
import { reasonOf } from '../line/abort-signals.ts';
import { Lane, type LaneHost, type WaitRequest } from '../line/lane.ts';
import { Listening, type ListeningHost } from '../listening/listening.ts';
import { Paces } from '../listening/pace.ts';
import { Spread } from '../listening/spread.ts';
import { GuardedStore } from '../sharing/guarded-store.ts';
import { type Clock, checkInstant, tick, wholeTicks } from '../time/clock.ts';
import { type EnterOptions, linkAdapters } from './adapter-link.ts';
import { Plans } from './plans.ts';
import { CancellableReservation } from './reservation.ts';
import { plainReceipt, settlementOf } from './settlement.ts';

import type {
  ConfigureOptions,
  CostOptions,
  Decision,
  Reservation,
  ReserveOptions,
  RunOptions,
  SettleOptions,
  Status,
  SyncOptions,
  Throttle,
  ThrottleOptions,
  WaitOptions,
} from './throttle.ts';

const defaultKey = 'default';
const defaultMaxPause = 65 * 60_000;

/** Connections that were idle for longer than this are likely closed, in ms: Node's fetch keeps them for 4 seconds. */
const connectionsLast = 3_000;

/** A new connection takes no longer than this, in ms: what an answer takes beyond it is the server's work. */
const longestOpening = 300;

/** How often `allow` asks again whose answer came so late that the call could go by then. */
const mostAsks = 3;

const signalMethods = ['addEventListener', 'removeEventListener'];

/** A wall clock that moves this much against the monotonic one was set, in ms. */
const jump = 250;

/** The throttle: it checks what it is given, knows the lanes of its keys and hands them what they need. */
export class ThrottleCore implements Throttle, LaneHost, ListeningHost {
  readonly clock: Clock;
  readonly store: BucketStore;
  readonly events: Events = new Events();
  readonly concurrency: number;
  readonly maxQueue: number;
  readonly #maxWait: number;
  /** What a call without options asks of its lane. */
  readonly #plainWait: WaitRequest;
  readonly maxPause: number;
  readonly #plans: Plans;
  /** How much the times from slot to answer differ; undefined unless the margin is `'auto'` and calls go over a network. */
  #spread: Spread | undefined;
  readonly #autoMargin: boolean;
  /** Whether the margin is `'auto'` and still 0: nothing but `allow` and `reserve` was asked yet. */
  #isExact: boolean;
  readonly #lanes = new Map<string, Lane>();
  /** The lane that was the latest to have nothing left to do: most keys are called again at once. */
  #spare: Lane | undefined;
  /** Until when keys are paused as far as this process knows, on the monotonic clock. */
  readonly #pauses = new Map<string, number>();
  readonly #reservations = new Set<CancellableReservation>();
  /** The receipts of grants that count otherwise by now than when they were granted. */
  readonly #receipts = new WeakMap<Grant, Receipt>();
  /** When an adapter last saw an answer, on the monotonic clock. */
  #answeredAt = -Infinity;
  readonly paces: Paces = new Paces();
  readonly #listening = new Listening(this);
  readonly #unwatch: (() => void) | undefined;
  #wallAhead: number;
  #closed: ThrottleError | undefined;

  /** @param local the store that stands in while `options.store` is away */
  constructor(options: ThrottleOptions, clock: Clock, store: BucketStore, local: BucketStore) {
    const { concurrency = Infinity, maxWait = Infinity, maxQueue = Infinity, maxPause = defaultMaxPause } = options;
    const { margin = 'auto', onStoreError = 'memory' } = options;
    this.clock = clock;
    this.concurrency = checkNumber('concurrency', concurrency, { from: 1, whole: true, infinite: true });
    this.maxQueue = checkNumber('maxQueue', maxQueue, { from: 0, whole: true, infinite: true });
    this.#maxWait = checkNumber('maxWait', maxWait, { from: 0, infinite: true });
    this.#plainWait = { cost: 1, priority: 0, maxWait: this.#maxWait, signal: undefined, holdsPlace: false };
    this.maxPause = checkNumber('maxPause', maxPause, { from: 0, infinite: true });
    if (onStoreError !== 'memory' && onStoreError !== 'reject')
      outOfRange('onStoreError', "'memory' or 'reject'", onStoreError);
    const kept = checkMargin('margin', margin);
    this.#autoMargin = kept === 'auto';
    this.#isExact = this.#autoMargin;
    this.#plans = new Plans(options.limits, kept === 'auto' ? 0 : kept);
    // A store that hands its buckets out answers on the spot and never fails.
    this.store = store.bucket === undefined ? new GuardedStore(store, local, onStoreError, clock, this.events) : store;
    this.#unwatch = this.store.watch?.((news) => this.#hear(news));
    this.#wallAhead = checkInstant('now', clock.now()) - checkInstant('monotonic', clock.monotonic());
    linkAdapters(this, {
      clock,
      maxPause: this.maxPause,
      attach: () => this.#attach(),
      enterNow: (key) => this.#grantNow(key, true),
      enter: (key, options) => this.#enter(key, options, true),
      leave: (grant) => this.#lane(grant.key).leave(grant),
      listen: (key, grant, signal, leastPause) => {
        if (this.#closed !== undefined) return;
        this.#listening.listen(key, (grant as HeldGrant).departedAt ?? clock.monotonic(), signal, leastPause);
        if (!signal.throttled) this.#lanes.get(key)?.endProbe(grant);
      },
      noteDeparture: (grant) => this.#noteDeparture(grant),
      noteArrival: (grant) => this.#noteArrival(grant),
    });
  }

  async allow(key: string = defaultKey, options: CostOptions = {}): Promise<Decision> {
    const cost = this.#check(key, options);
    if (this.#mayBeWrong(key, cost)) await this.#checkNames(key, cost);
    const plan = this.plan(key);
    const request = { plan, costs: [cost], ahead: 0, report: true };
    let answer = await this.#takeBeside(key, request);
    for (let ask = 1; ask < mostAsks && answer.granted.length === 0 && answer.wait <= 0; ask++)
      answer = await this.#takeBeside(key, request);
    const { granted, wait, limits = [], exceeded } = answer;
    if (exceeded !== undefined) throw new CostExceedsBurstError(key, exceeded.cost, exceeded.burst, exceeded.limitName);
    const [receipt] = granted;
    const paused = this.pausedUntil(key) - this.clock.monotonic();
    if (receipt === undefined || paused > 0) {
      // Paused while the store decided.
      if (receipt !== undefined) await this.store.settle(key, receipt, 0);
      return { allowed: false, wait: Math.max(wait, paused, tick), limits };
    }
    this.resume(key);
    if (this.events.wants('granted')) this.events.emit('granted', { key, cost, wait: 0 });
    return { allowed: true, wait, limits };
  }

  /** Takes calls that do not wait, past those that do as long as that delays nobody. */
  #takeBeside(key: string, request: TakeRequest): Answer<TakeAnswer> {
    const lane = this.#lanes.get(key);
    const head = lane?.head;
    if (lane === undefined || head === undefined) return this.store.take(key, request);
    const bucket = this.bucketOf(key, this.clock.monotonic());
    if (bucket !== undefined) return takeBeside(bucket, request, head.cost, wholeTicks(this.clock.monotonic()));
    const costs = request.costs as readonly [Cost];
    // What passes a limit by may go before the slot that the line holds, which goes back for that long.
    if (typeof costs[0] !== 'object') return this.store.take(key, request);
    return new Promise((resolve, reject) => {
      const take = async () => resolve(await this.store.take(key, request));
      lane.renew(take, true).catch(reject);
    });
  }

  async reserve(key: string = defaultKey, options: ReserveOptions = {}): Promise<Reservation> {
    const cost = this.#check(key, options);
    const maxWait = this.#checkMaxWait(options);
    if (this.#mayBeWrong(key, cost)) await this.#checkNames(key, cost);
    const request = { plan: this.plan(key), costs: [cost], ahead: maxWait, fixed: true };
    const { granted, reserved, wait, exceeded } = await this.store.take(key, request);
    if (exceeded !== undefined) throw new CostExceedsBurstError(key, exceeded.cost, exceeded.burst, exceeded.limitName);
    const receipt = granted[0] ?? reserved;
    if (receipt === undefined) throw new WaitTooLongError(key, wait, this.clock.now() + wait, maxWait);
    for (const past of this.#reservations) if (past.over) this.#reservations.delete(past);
    const reservation = new CancellableReservation(this, key, receipt, Math.max(0, wait));
    this.#reservations.add(reservation);
    return reservation;
  }

  wait(key: string = defaultKey, options?: WaitOptions): Promise<Grant> {
    try {
      this.#keepCallsMargin();
      const grant = options === undefined ? this.#grantNow(key, false) : undefined;
      return Promise.resolve(grant ?? this.#enter(key, options, false));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async run<T>(task: (grant: Grant) => T | PromiseLike<T>, options: RunOptions<T> = {}): Promise<T> {
    if (typeof task !== 'function') wrongType('task', 'a function', task);
    checkOptions('options', options);
    const { settle } = options;
    if (settle !== undefined && typeof settle !== 'function') wrongType('settle', 'a function', settle);
    const { key = defaultKey } = options;
    this.#keepCallsMargin();
    const grant = await this.#enter(key, options, true);
    let result: T;
    try {
      result = await task(grant);
    } finally {
      this.#lane(key).leave(grant);
    }
    const cost = options.settle?.(result);
    // The result is not kept waiting for the store; what the store does not take is told by its own event.
    if (cost !== undefined) void this.settle(grant, { cost: checkTrueCost(cost, grant.receipt) }).catch(() => {});
    return result;
  }

  async pause(key: string, until: number): Promise<void> {
    this.#checkOpen();
    checkKey(key);
    checkNumber('until', until, {});
    const ms = Math.min(until - this.clock.now(), this.maxPause);
    if (ms <= 0) return;
    await this.#pause(key, ms);
  }

  async sync(key: string, said: SyncOptions): Promise<void> {
    this.#checkOpen();
    checkKey(key);
    checkOptions('said', said);
    const remaining = checkNumber('remaining', said.remaining, { from: 0 });
    const ms = Math.min(checkNumber('resetAt', said.resetAt, {}) - this.clock.now(), this.maxPause);
    if (ms <= 0) return;
    const left = Math.max(0, remaining - this.inFlight(key));
    await this.#sync(key, { remaining: left, ms, isNewest: false });
  }

  async status(key: string = defaultKey): Promise<Status> {
    this.#checkOpen();
    checkKey(key);
    this.noteTime();
    const lane = this.#lanes.get(key);
    const standing = await this.store.peek(key, this.plan(key), lane?.reservation);
    const { limits, wait, pausedFor, pool } = standing;
    const now = this.clock.monotonic();
    const instant = (monotonic: number) => this.clock.now() + Math.max(0, monotonic - now);
    const pausedUntil = Math.max(this.pausedUntil(key), now + pausedFor);
    const nextDue = Math.max(lane?.nextDue ?? now + wait, this.pausedUntil(key));
    const lastDue = lane?.lastDue(nextDue, standing, now);
    return {
      limits,
      waiting: lane?.waiting ?? 0,
      inFlight: lane?.inFlight ?? 0,
      nextAt: instant(nextDue),
      eta: lastDue === undefined ? undefined : instant(lastDue),
      pausedUntil: pausedUntil > now ? instant(pausedUntil) : undefined,
      pool: pool && { remaining: pool.remaining, resetAt: instant(now + pool.resetAfter) },
      margin: this.#plans.margin === 'calls' ? callsMargin : this.#plans.margin,
      timer: this.clock.timerSource,
    };
  }

  async settle(grant: Grant, options: SettleOptions): Promise<void> {
    this.#checkOpen();
    const receipt = this.#receiptOf(grant);
    if (receipt === undefined) wrongType('grant', 'a grant or a reservation of this throttle', grant);
    checkOptions('options', options);
    const { from, cost, done, unsure } = settlementOf(receipt, checkTrueCost(options.cost, receipt));
    if (grant instanceof CancellableReservation && grant.cancelled) return;
    this.#receipts.set(grant, done);
    try {
      await this.#move(grant.key, () => this.store.settle(grant.key, from, cost));
    } catch (error) {
      if (this.#receipts.get(grant) === done) this.#receipts.set(grant, unsure);
      throw error;
    }
  }

  async setLimits(key: string, limits: Limit | readonly Limit[] | undefined): Promise<void> {
    this.#checkOpen();
    checkKey(key);
    const own = limits === undefined ? undefined : planOf(limits, 0).limits;
    await this.#move(key, () => this.store.override(key, own, this.plan(key)));
  }

  async configure(options: ConfigureOptions): Promise<void> {
    this.#checkOpen();
    checkOptions('options', options);
    const before = this.#plans.replace(options.limits, this.clock.monotonic());
    this.store.adapt?.(before, (key) => this.plan(key));
    await Promise.all([...this.#lanes.values()].map((lane) => lane.renew(() => undefined)));
  }

  async reset(key: string): Promise<void> {
    this.#checkOpen();
    checkKey(key);
    this.resume(key);
    this.paces.forget(key);
    this.#listening.forget(key);
    await this.store.reset(key);
    this.#lanes.get(key)?.restart();
  }

  /** Stops a key here at once, and for everyone as soon as the store has it. */
  #pause(key: string, ms: number): Answer<void> {
    this.notePause(key, ms);
    const pausing = this.store.pause(key, ms, this.plan(key));
    this.#lanes.get(key)?.advance();
    return pausing;
  }

  #sync(key: string, said: Ceiling): Promise<void> {
    const until = this.clock.monotonic() + said.ms;
    const later = (ms: number) => ms - said.ms + until - this.clock.monotonic();
    const meant = () => (said.meantFor === undefined ? undefined : { meantFor: later(said.meantFor) });
    const left = () => ({ ...said, ms: later(said.ms), ...meant() });
    // A line that asked before would send more than there is.
    return this.#move(key, () => this.store.sync(key, left(), this.plan(key)), true);
  }

  /** Does what nobody waits for. What the store does not take is told by its own event. */
  async #quietly(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch {
      // As above.
    }
  }

  inFlight(key: string): number {
    return this.#lanes.get(key)?.inFlight ?? 0;
  }

  stop(key: string, ms: number, isRefused: boolean): void {
    const pause = Math.min(ms, this.maxPause);
    if (pause <= 0) return;
    this.#lane(key).probeNext(isRefused);
    void this.#quietly(async () => this.#pause(key, pause));
  }

  ceil(key: string, said: Ceiling): void {
    this.#lanes.get(key)?.probeFrom(this.#listening.knowsUntil(key));
    void this.#quietly(() => this.#sync(key, said));
  }

  learn(key: string, signal: ServerSignal): void {
    const { learned } = this.#plans;
    if (!learned?.learn(key, signal, this.clock.now())) return;
    // What was used stays used. A line that waits asks by the new limits.
    void this.#quietly(() => this.#move(key, () => undefined));
  }

  /** Does what moves a bucket, so that the calls that wait for it see where it stands then. */
  async #move(key: string, move: () => Answer<void>, isFirst: boolean = false): Promise<void> {
    const lane = this.#lanes.get(key);
    await (lane === undefined ? move() : lane.renew(move, isFirst));
  }

  on<Name extends ThrottleEvent>(event: Name, listener: ThrottleListener<Name>): () => void {
    return this.events.on(event, listener);
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new ThrottleError('The throttle is closed.');
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close(this.#closed as ThrottleError)));
    // Latest first, as only the latest of a bucket can be given back in full. What the store cannot take back is lost.
    for (const reservation of [...this.#reservations].reverse()) await reservation.cancel().catch(() => {});
    this.#unwatch?.();
    await this.store.close?.();
    this.#pauses.clear();
    this.events.clear();
  }

  #hear({ key, trouble }: StoreNews): void {
    if (trouble === undefined) void this.#quietly(() => this.#lookAgain(key));
    else if (this.events.wants('store-error'))
      this.events.emit('store-error', { key, error: trouble, fallback: false });
  }

  /** Finds out what others did to a key: its pause may be over before its time, or its line be free to go. */
  async #lookAgain(key: string): Promise<void> {
    const until = this.pausedUntil(key);
    if (until > this.clock.monotonic()) {
      const { pausedFor } = await this.store.peek(key, this.plan(key));
      if (pausedFor === 0 && this.pausedUntil(key) === until) this.resume(key);
    }
    this.#lanes.get(key)?.look();
  }

  /** Keeps a margin for calls that `wait` and `run` send, unless adapters have one already. */
  #keepCallsMargin(): void {
    if (!this.#isExact) return;
    this.#isExact = false;
    this.#plans.margin = 'calls';
  }

  #attach(): void {
    if (!this.#autoMargin || this.#spread !== undefined) return;
    this.#isExact = false;
    this.#spread = new Spread();
    this.#plans.margin = this.#spread.margin;
  }

  #noteDeparture(grant: Grant): void {
    if (!(grant instanceof HeldGrant)) return;
    const left = this.clock.monotonic();
    this.#listening.noteDeparture(grant.key, costInPool(grant.cost));
    grant.departedAt = left;
    // Nobody knows how long the way over a new connection takes.
    grant.isCold = left - this.#answeredAt > connectionsLast;
    const bucket = grant.isCold ? this.bucketOf(grant.key, left) : undefined;
    if (bucket !== undefined) this.#receipts.set(grant, { ...grant.receipt, moved: bucket.extras.moved });
  }

  #noteArrival(grant: Grant): void {
    this.#answeredAt = this.clock.monotonic();
    if (!(grant instanceof HeldGrant)) return;
    // From its slot on: a call that left late collides with later ones as one does that was long on its way.
    const { monotonic, departedAt = monotonic, isCold } = grant;
    if (isCold) this.#countLater(grant, wholeTicks(Math.min(this.#answeredAt - monotonic, longestOpening)));
    else if (this.#spread !== undefined) {
      // What a user's hook does before the call leaves is no business of the network's.
      const since = Math.max(monotonic, departedAt - grant.plan.lateness);
      this.#plans.margin = this.#spread.note(this.#answeredAt - since);
    }
  }

  /** Counts a call so many ms later: it reached the server no later than that. Others whose slots were built on it are told. */
  #countLater(grant: Grant, later: number): void {
    const receipt = this.#receiptOf(grant);
    if (later <= 0 || receipt === undefined || this.#closed !== undefined) return;
    this.#receipts.set(grant, goneLater(plainReceipt(receipt), later));
    void this.#quietly(async () => {
      const now = wholeTicks(this.clock.monotonic());
      const bucket = this.bucketOf(grant.key, now);
      if (bucket === undefined) await this.store.postpone?.(grant.key, receipt, later);
      else postpone(bucket, receipt, later, now);
      this.#lanes.get(grant.key)?.look();
    });
  }

  #receiptOf(grant: Grant): Receipt | undefined {
    const isOurs = (grant instanceof CallGrant || grant instanceof CancellableReservation) && grant.isBy(this);
    return this.#receipts.get(grant) ?? (isOurs ? grant.receipt : undefined);
  }

  plan(key: string): Plan {
    return this.#plans.of(key);
  }

  places(key: string): number {
    return Math.min(this.concurrency, this.#listening.mostInFlight(key));
  }

  bucketOf(key: string, now: number): Bucket | undefined {
    return this.store.bucket?.(key, this.plan(key), wholeTicks(now));
  }

  pausedUntil(key: string): number {
    return this.#pauses.get(key) ?? -Infinity;
  }

  pacedUntil(key: string): number | undefined {
    return this.paces.isIdle ? undefined : this.paces.nextAt(key, this.plan(key));
  }

  noteGrant(key: string): void {
    if (!this.paces.isIdle) this.paces.noteGrant(key, this.clock.monotonic());
  }

  notePause(key: string, ms: number): void {
    const now = this.clock.monotonic();
    if (now + ms <= this.pausedUntil(key)) return;
    for (const [other, until] of this.#pauses) {
      if (until > now) continue;
      this.resume(other);
      if (other !== key) this.#lanes.get(other)?.forgetProbe();
    }
    this.#pauses.set(key, now + ms);
    if (this.events.wants('paused')) this.events.emit('paused', { key, until: this.clock.now() + ms });
  }

  resume(key: string): void {
    if (this.#pauses.delete(key) && this.events.wants('resumed')) this.events.emit('resumed', { key });
  }

  noteTime(): void {
    const wallAhead = this.clock.now() - this.clock.monotonic();
    const by = wallAhead - this.#wallAhead;
    this.#wallAhead = wallAhead;
    if (Math.abs(by) > jump && this.events.wants('clock-jump')) this.events.emit('clock-jump', { by: Math.round(by) });
  }

  retire(lane: Lane): void {
    // A listener may have called for a new one while this one was on its way out.
    if (this.#spare === lane || this.#lanes.get(lane.key) !== lane) return;
    if (this.#spare?.idle) this.#lanes.delete(this.#spare.key);
    this.#spare = lane;
  }

  /** Gives the slot of a reservation back, with what it counts as by now. */
  async giveBack(reservation: CancellableReservation): Promise<void> {
    const { key, receipt } = reservation;
    const settled = this.#receipts.get(reservation);
    await (settled === undefined ? this.store.giveBack(key, receipt) : this.store.settle(key, settled, 0));
    this.#lanes.get(key)?.look();
  }

  /** Grants a call of cost 1 that may go at once, in as few steps as there are; undefined if it has to go the long way. */
  #grantNow(key: string, holdsPlace: boolean): CallGrant | undefined {
    const { store, clock } = this;
    if (store.bucket === undefined || this.#closed !== undefined || typeof key !== 'string') return undefined;
    if (this.#lanes.size > 0 && this.#lanes.get(key)?.open === false) return undefined;
    if (this.#pauses.has(key)) return undefined;
    if (this.pacedUntil(key) !== undefined) return undefined;
    const now = wholeTicks(clock.monotonic());
    const bucket = store.bucket(key, this.#plans.of(key), now);
    if (bucket.extras.refunds !== undefined || !grantNow(bucket, now)) return undefined;
    const { plan } = bucket;
    const tats = tatOrTatsOf(bucket);
    const grant = holdsPlace ? new HeldGrant(key, this, now, plan, tats) : new CallGrant(key, this, now, plan, tats);
    if (holdsPlace) this.#lane(key).holdPlace();
    // Last: who hears of it may make another call.
    if (this.events.wants('granted')) this.events.emit('granted', { key, cost: 1, wait: 0 });
    return grant;
  }

  /**
   * Lets a call go at once or puts it into its lane. No async function: its promise would double what a waiting call takes.
   * @param holdsPlace whether the call is in flight from its grant until it leaves
   */
  #enter(key: string, options: EnterOptions | undefined, holdsPlace: boolean): CallGrant | Promise<CallGrant> {
    if (options === undefined) {
      this.#checkOpen();
      checkKey(key);
      return this.#lane(key).wait(this.#plainWait);
    }
    const cost = this.#check(key, options);
    const maxWait = this.#checkMaxWait(options);
    const { priority, signal } = options;
    if (priority !== undefined) checkNumber('priority', priority, {});
    if (signal !== undefined) {
      checkMethods('signal', signal, signalMethods);
      if (signal.aborted) throw reasonOf(signal);
    }
    const granted = cost === 1 ? this.#grantNow(key, holdsPlace) : undefined;
    return granted ?? this.#join(key, { cost, priority: priority ?? 0, maxWait, signal, holdsPlace });
  }

  /** Puts a call into its lane. */
  #join(key: string, request: WaitRequest): Promise<CallGrant> {
    return this.#mayBeWrong(key, request.cost) ? this.#joinChecked(key, request) : this.#lane(key).wait(request);
  }

  async #joinChecked(key: string, request: WaitRequest): Promise<CallGrant> {
    await this.#checkNames(key, request.cost);
    this.#checkOpen();
    if (request.signal?.aborted) throw reasonOf(request.signal);
    return this.#lane(key).wait(request);
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(key, this);
      this.#lanes.set(key, lane);
    } else if (!lane.idle) return lane;
    lane.probeFrom(this.#listening.knowsUntil(key));
    return lane;
  }

  /** Checks what every call has, and returns its cost. */
  #check(key: string, options: Pick<EnterOptions, 'cost'>): Cost {
    this.#checkOpen();
    checkKey(key);
    checkOptions('options', options);
    return options.cost === undefined ? 1 : checkCost(options.cost);
  }

  /** Whether a cost names a limit that the key has not, unless it has limits of its own. */
  #mayBeWrong(key: string, cost: Cost): boolean {
    return typeof cost === 'object' && this.#plans.areFixed && isStrange(cost, this.plan(key));
  }

  /** Checks the names in a cost against the limits that the store holds the key to. */
  async #checkNames(key: string, cost: Cost): Promise<void> {
    const { plan } = await this.store.peek(key, this.plan(key));
    checkNames(cost, plan);
  }

  #checkMaxWait({ maxWait }: Pick<EnterOptions, 'maxWait'>): number {
    return maxWait === undefined ? this.#maxWait : checkNumber('maxWait', maxWait, { from: 0, infinite: true });
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }
}

/** Checks the cost that a call turned out to have. */
function checkTrueCost(cost: Cost, { plan }: Receipt): Cost {
  const checked = checkCost(cost);
  checkNames(checked, plan);
  return checked;
}

function checkKey(key: string): void {
  if (typeof key !== 'string') wrongType('key', 'a string', key);
}
