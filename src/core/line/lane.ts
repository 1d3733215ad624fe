import { CostExceedsBurstError, QueueFullError, WaitTooLongError } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import { CallGrant, type Grant, HeldGrant } from '../base/grant.ts';
import {
  type Answer,
  type BucketStore,
  isPromise,
  type Receipt,
  type Standing,
  type TakeAnswer,
} from '../base/store.ts';
import { type Bucket, tatsOf } from '../bucket/bucket.ts';
import { asMoved, spacingOf } from '../bucket/moves.ts';
import { costInPool } from '../bucket/pool.ts';
import { type Cost, costIn, sameCost } from '../limits/cost.ts';
import type { Rule } from '../limits/kind.ts';
import { type Plan, samePlan } from '../limits/plan.ts';
import { storePatience } from '../sharing/guarded-store.ts';
import { joined } from '../throttle/settlement.ts';
import { type Clock, tick } from '../time/clock.ts';
import { ignoreAbort, onAbort, reasonOf } from './abort-signals.ts';
import { lineEndsAt } from './forecast.ts';
import { Heap } from './heap.ts';
import { type InLine, Line } from './line.ts';

/** What a lane needs of its throttle. */
export interface LaneHost {
  readonly clock: Clock;
  readonly store: BucketStore;
  readonly events: Events;
  /** The most calls that may wait per key. */
  readonly maxQueue: number;
  plan(key: string): Plan;
  /** The most calls of a key in flight just now. */
  places(key: string): number;
  /** The bucket of the key, if the store hands its buckets out. */
  bucketOf(key: string, now: number): Bucket | undefined;
  /** The monotonic instant until which the key is paused as far as this process knows; -Infinity if it is not. */
  pausedUntil(key: string): number;
  /** Says that calls go again after a pause. */
  resume(key: string): void;
  /** When the next call may go of a key that somebody else uses too, on the monotonic clock; undefined where the limits say so. */
  pacedUntil(key: string): number | undefined;
  /** Notes that a call of the key goes. */
  noteGrant(key: string): void;
  /** Notes that the store says the key is paused for `ms` yet. */
  notePause(key: string, ms: number): void;
  /** Looks at the clocks, so that a jump of the wall clock is told. */
  noteTime(): void;
  /** Says that the lane is empty and may be forgotten. */
  retire(lane: Lane): void;
}

/** One call that waits. */
export interface Waiter extends InLine<Waiter> {
  readonly cost: Cost;
  readonly arrival: number;
  /** When it came and when it must have gone, on the monotonic clock. */
  readonly since: number;
  readonly deadline: number;
  /** Whether its call counts as in flight from its grant on. */
  readonly holdsPlace: boolean;
  resolve: (grant: CallGrant | PromiseLike<never>) => void;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  deadlinePlace: number;
}

/** What a caller asks of a lane. */
export interface WaitRequest {
  readonly cost: Cost;
  readonly priority: number;
  readonly maxWait: number;
  readonly signal: AbortSignal | undefined;
  readonly holdsPlace: boolean;
}

/** When the next call goes. */
interface Slot {
  /** The reservation, which is for whoever is at the head when it comes; undefined if the lane asks when it wakes. */
  readonly receipt: Receipt | undefined;
  /** When it comes, on the monotonic clock. */
  readonly due: number;
  /** The waiter it was asked for; undefined if others have come before it since. */
  readonly owner: Waiter | undefined;
}

/** What is to move the bucket, and who waits for it. */
interface Move {
  readonly move: () => Answer<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What a waiter's promise has not replaced yet. */
const unset = () => {};

/** How long before its slot a lane looks at most whose store does not hear of others, in ms. */
const earliestLook = 50;

/** A pause elsewhere that is shorter than this, in ms, is no news: the slot comes after it. */
const leastPause = 10;

/** The most calls that one store operation carries. */
const mostPerPass = 512;

/** So many that may go are asked for without waiting for others who may come in the same instant. */
const enough = 256;

/** A store operation that has only just begun. */
const begun = Promise.resolve();

/** How long a lane on a shared store sleeps before it looks again whether the key was paused elsewhere, in ms. */
const lookAgainAfter = 1000;

/** How long others wait for the answer to a call that went alone, in ms. */
const probePatience = 10_000;

/** The same where nothing was refused, so that it only has to find out what others have left, in ms. */
const learningPatience = 1_000;

/** The answer to a line that nobody stands in any more. */
const nothing: TakeAnswer = { now: 0, granted: [], reserved: undefined, wait: 0 };

/** How long an answer or a wake may take before it counts against a call's maxWait, in ms. */
const grace = 100;

/**
 * The waiting line of one key inside one process.
 *
 * Waiting calls hold nothing. The lane asks the store for those at its head, one operation at a time; each operation grants
 * what conforms now and reserves one slot, for which the lane sets its one timer. See docs/algorithm.md.
 */
export class Lane {
  readonly key: string;
  readonly #host: LaneHost;
  readonly #waiters = new Line<Waiter>();
  /** Those who have a deadline; made for the first of them. */
  #deadlines: Heap<Waiter> | undefined;
  #arrivals = 0;
  #lowestPriority = Infinity;
  /** Per limit what all waiters together count as; undefined while nobody asked. */
  #load: { readonly plan: Plan; readonly calls: number[] } | undefined;
  /** The limits that the store was seen to hold the key to, which may be its own. */
  #plan: Plan | undefined;
  #slot: Slot | undefined;
  #batch = 0;
  #asking: Promise<void> | undefined;
  #askingSince = 0;
  /** How long the latest answer of the store took, in ms. */
  #answerTook = 0;
  /**
   * How far apart slots were, in ms, when it woke too late for its own to be of use. Until it wakes sooner it reserves none, and
   * asks when it wakes. Undefined otherwise.
   */
  #missedSpacing: number | undefined;
  #returning: Promise<unknown> | undefined;
  #lookedAt = 0;
  #advancing = false;
  /** What is to move the bucket as soon as no store operation is in flight. */
  readonly #moves: Move[] = [];
  /** Whether it was moved since the line asked. */
  #hasMoved = false;
  /** Whether one of the moves is to come before the line asks, whoever's turn it is. */
  #moveFirst = false;
  #inFlight = 0;
  /** Whether the next call goes alone, after a refusal; then that call's grant, until its answer. */
  #probe: 'next' | CallGrant | undefined;
  #probeUntil = 0;
  #patience = probePatience;
  /** When what the server said is left is no longer true, so that the next call goes alone to learn more. */
  #knowsUntil = Infinity;
  #timer: { handle: unknown; at: number } | undefined;

  constructor(key: string, host: LaneHost) {
    this.key = key;
    this.#host = host;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** How many more calls may be in flight just now. */
  get #free(): number {
    return this.#host.places(this.key) - this.#inFlight;
  }

  /** Whether a call that comes now may be let go at once, past nobody. */
  get open(): boolean {
    return (
      this.#waiters.size === 0 &&
      this.#asking === undefined &&
      !this.#advancing &&
      this.#probe === undefined &&
      (this.#knowsUntil === Infinity || this.#host.clock.monotonic() < this.#knowsUntil) &&
      this.#free > 0
    );
  }

  /** Whether there is nothing left to keep this lane for. */
  get idle(): boolean {
    return (
      this.#waiters.size === 0 &&
      this.#asking === undefined &&
      this.#inFlight === 0 &&
      this.#slot === undefined &&
      this.#probe === undefined
    );
  }

  /** Counts a call that went at once as in flight. */
  holdPlace(): void {
    this.#inFlight++;
  }

  /** Gives the place of a call in flight back. */
  leave(grant: Grant): void {
    this.#inFlight--;
    this.endProbe(grant);
    if (this.#waiters.size > 0) this.advance();
    else this.#retire();
  }

  /** Lets one call go alone as soon as calls may go again: the server refused one, or nothing is left. */
  probeNext(isRefused: boolean): void {
    const patience = isRefused ? probePatience : learningPatience;
    this.#patience = this.#probe === 'next' ? Math.max(patience, this.#patience) : patience;
    this.#probe = 'next';
  }

  /** Lets one call go alone once what the server said no longer holds, at `until` on the monotonic clock. */
  probeFrom(until: number): void {
    this.#knowsUntil = until;
  }

  /** Lets the others go if this was the call that went alone. */
  endProbe(grant: Grant): void {
    if (this.#probe !== grant) return;
    this.#probe = undefined;
    this.advance();
  }

  /** Forgets that a call is to go alone if nobody came for it. */
  forgetProbe(): void {
    if (this.#probe === 'next' && this.#waiters.size === 0) this.#probe = undefined;
    this.#retire();
  }

  /** Ends, or rests until there is a call again, if nothing is left to do. What others may change meanwhile it forgets. */
  #retire(): void {
    if (!this.idle) return;
    this.#plan = undefined;
    this.#host.retire(this);
  }

  /** Puts a call into the line. The promise settles when it may go or leaves. */
  wait(request: WaitRequest): Promise<CallGrant> {
    const { clock, events, maxQueue, store } = this.#host;
    // Any limit lets a single call go some time; what those of a shared store are, nobody knows yet.
    const isPlain =
      store.bucket === undefined && request.cost === 1 && maxQueue === Infinity && request.maxWait === Infinity;
    // Where nobody asks how long it waits either, the look at the clock is spared while the store is asked.
    const isTimed = !isPlain || this.#asking === undefined || events.wants('granted');
    const since = isTimed ? clock.monotonic() : this.#askingSince;
    const refusal = isPlain ? undefined : this.#refuse(request, since);
    if (refusal !== undefined) {
      this.#tellRejected(request.cost, refusal);
      this.#retire();
      return Promise.reject(refusal);
    }
    const deadline = since + request.maxWait;
    const waiter: Waiter = {
      cost: request.cost,
      priority: request.priority,
      arrival: this.#arrivals++,
      since,
      deadline,
      holdsPlace: request.holdsPlace,
      resolve: unset,
      signal: request.signal,
      onAbort: undefined,
      rank: undefined,
      previous: undefined,
      next: undefined,
      deadlinePlace: -1,
    };
    const waiting = new Promise<CallGrant>((resolve) => {
      waiter.resolve = resolve;
    });
    this.#join(waiter);
    // While the store is asked, only a deadline asks for more.
    if (this.#asking === undefined || deadline !== Infinity) this.advance();
    if (this.#asking === undefined) this.#trim();
    if (waiter.rank !== undefined) this.#tellQueued(waiter);
    return waiting;
  }

  /** Why a call that comes now cannot even wait. */
  #refuse({ cost, priority, maxWait }: WaitRequest, now: number): unknown {
    const { maxQueue } = this.#host;
    let plan: Plan | undefined;
    try {
      plan = this.#slot?.receipt?.plan ?? this.#host.bucketOf(this.key, now)?.plan ?? this.#plan;
    } catch (error) {
      return error;
    }
    const exceeded = plan?.rules.find((rule) => costIn(rule, cost) > rule.burst);
    if (exceeded !== undefined)
      return new CostExceedsBurstError(this.key, costIn(exceeded, cost), exceeded.burst, exceeded.name);
    const paused = this.#host.pausedUntil(this.key) > now;
    // As long as nobody knows whether a call has to wait, it asks; who must wait after all is counted then.
    const mustWait = paused || this.#slot !== undefined || this.#free <= 0;
    if (mustWait && this.#waiters.size >= maxQueue) return new QueueFullError(this.key, maxQueue);
    if (maxWait === Infinity) return undefined;
    const due = this.#earliest(cost, priority);
    return due - now > maxWait + tick ? this.#tooLong(due, now, maxWait, now) : undefined;
  }

  /** Rejects those who came last if more wait than may. */
  #trim(): void {
    const { maxQueue } = this.#host;
    if (this.#waiters.size <= maxQueue) return;
    const inOrder = [...this.#waiters].sort((a, b) => a.arrival - b.arrival);
    for (const waiter of inOrder.slice(maxQueue)) this.#reject(waiter, new QueueFullError(this.key, maxQueue));
    this.advance();
  }

  #join(waiter: Waiter): void {
    this.#waiters.add(waiter);
    this.#lowestPriority = this.#waiters.size === 1 ? waiter.priority : Math.min(this.#lowestPriority, waiter.priority);
    if (waiter.deadline !== Infinity) {
      this.#deadlines ??= new Heap((a, b) => a.deadline < b.deadline, 'deadlinePlace');
      this.#deadlines.add(waiter);
    }
    this.#count(waiter, 1);
    if (waiter.signal !== undefined) this.#followSignal(waiter, waiter.signal);
  }

  #followSignal(waiter: Waiter, signal: AbortSignal): void {
    waiter.onAbort = () => {
      this.#reject(waiter, reasonOf(signal));
      this.advance();
    };
    onAbort(signal, waiter.onAbort);
  }

  #tellQueued({ cost, priority }: Waiter): void {
    const { events } = this.#host;
    if (events.wants('queued')) events.emit('queued', { key: this.key, cost, priority, waiting: this.waiting });
  }

  /** Takes a waiter out of the line, with everything that hung on it. */
  #part(waiter: Waiter): void {
    this.#waiters.remove(waiter);
    if (waiter.deadlinePlace !== -1) this.#deadlines?.remove(waiter);
    this.#count(waiter, -1);
    if (waiter.signal !== undefined && waiter.onAbort !== undefined) ignoreAbort(waiter.signal, waiter.onAbort);
  }

  #reject(waiter: Waiter, error: unknown): void {
    if (waiter.rank === undefined) return;
    this.#part(waiter);
    // One resolving function a waiter instead of two keeps a long line small.
    waiter.resolve(Promise.reject(error));
    this.#tellRejected(waiter.cost, error);
  }

  #tellRejected(cost: Cost, error: unknown): void {
    const { events } = this.#host;
    if (events.wants('rejected')) events.emit('rejected', { key: this.key, cost, error });
  }

  #grant(waiter: Waiter, receipt: Receipt, at: number): void {
    const { clock, events } = this.#host;
    this.#part(waiter);
    if (waiter.holdsPlace) this.#inFlight++;
    const grant = new (waiter.holdsPlace ? HeldGrant : CallGrant)(this.key, this.#host, at, receipt);
    if (this.#probe === 'next') {
      // Nobody sees the end of a call that holds no place.
      this.#probe = waiter.holdsPlace ? grant : undefined;
      this.#probeUntil = clock.monotonic() + this.#patience;
    }
    this.#host.noteGrant(this.key);
    waiter.resolve(grant);
    if (events.wants('granted')) {
      events.emit('granted', { key: this.key, cost: waiter.cost, wait: Math.max(0, clock.monotonic() - waiter.since) });
    }
  }

  /** Rejects every waiter and gives the slot back. Resolves when the store has it. */
  async close(error: Error): Promise<void> {
    for (const waiter of [...this.#waiters]) this.#reject(waiter, error);
    this.advance();
    while (this.#asking !== undefined) await this.#asking;
  }

  /** Forgets what it knew of its bucket, which was made as good as new. */
  restart(): void {
    this.#slot = undefined;
    this.#batch = 0;
    this.#probe = undefined;
    this.#knowsUntil = Infinity;
    this.advance();
  }

  /**
   * Does what moves the bucket: the slot goes back before, and the line asks anew afterwards.
   * @param isFirst whether the line may not ask before, even if it is its turn
   */
  renew(move: () => Answer<void>, isFirst: boolean = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#moves.push({ move, resolve, reject });
      this.#moveFirst ||= isFirst;
      this.advance();
    });
  }

  /** Does all that was to move the bucket by now. Undefined, as the line goes on when it is over. */
  #move(): undefined {
    const slot = this.#slot;
    const moves = this.#moves.splice(0);
    this.#slot = undefined;
    this.#plan = undefined;
    this.#batch = 0;
    this.#hasMoved = true;
    this.#moveFirst = false;
    const outcomes: (() => void)[] = [];
    const make = async ({ move, resolve, reject }: Move) => {
      try {
        await move();
        outcomes.push(resolve);
      } catch (error) {
        outcomes.push(() => reject(error));
      }
    };
    const moving = async () => {
      // A slot that the store cannot take back is lost, which wastes one call.
      if (slot?.receipt !== undefined) await this.#giveBack(slot.receipt).catch(() => {});
      await Promise.all(moves.map(make));
    };
    this.#asking = this.#goOnAfter(moving()).then(() => {
      // The line has gone on by now: who settles sees the waiting calls where they belong.
      for (const tell of outcomes) tell();
    });
  }

  async #giveBack(receipt: Receipt): Promise<void> {
    await this.#host.store.giveBack(this.key, receipt);
  }

  /** Looks where its slot is by now: others have moved the bucket. */
  look(): void {
    this.#lookedAt = -Infinity;
    if (this.#slot?.receipt === undefined) this.#slot = undefined;
    this.advance();
  }

  /** Moves the line on as far as it goes now, and sets the timer for the rest. Safe to call at any time. */
  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    let wakeAt: number | undefined;
    do wakeAt = this.#asking === undefined ? this.#step() : this.#idleStep();
    while (wakeAt === undefined);
    this.#advancing = false;
    this.#wakeAt(wakeAt);
    this.#retire();
  }

  /** What is left to do while a store operation is in flight. */
  #idleStep(): number {
    if (this.#deadlines?.first === undefined) return Infinity;
    const now = this.#host.clock.monotonic();
    // Nobody knows yet who has to wait: a maxWait of 0 is worth an answer.
    const inTime = this.#askingSince + grace;
    if (inTime <= now) this.#rejectOverdue(now);
    return Math.max(inTime, this.#deadlines?.first?.deadline ?? Infinity);
  }

  /** One step: undefined if there may be more to do, otherwise when to look again; Infinity for when something happens. */
  #step(): number | undefined {
    const now = this.#host.clock.monotonic();
    const isFree = this.#free > 0;
    if (this.#rejectOverdue(now - grace)) return undefined;
    const head = this.#waiters.first;
    const pausedUntil = this.#host.pausedUntil(this.key);
    const asks = head !== undefined && isFree && pausedUntil <= now;
    // Taking turns with those who wait, so that neither keeps the other from the store.
    if (this.#moves.length > 0 && (this.#moveFirst || !(this.#hasMoved && asks))) return this.#move();
    if (head === undefined) return this.#giveSlotBack();
    if (now >= this.#knowsUntil) {
      this.#knowsUntil = Infinity;
      if (this.#probe === undefined) this.probeNext(false);
    }
    if (!isFree) return this.#rest(now, this.#knowsUntil);
    if (pausedUntil > now) return this.#rest(now, pausedUntil);
    if (typeof this.#probe === 'object') {
      if (now < this.#probeUntil) return this.#rest(now, this.#probeUntil);
      this.#probe = undefined;
    }
    let pacedUntil: number | undefined;
    try {
      pacedUntil = this.#host.pacedUntil(this.key);
    } catch (error) {
      // The user's limits function threw.
      this.#reject(head, error);
      return undefined;
    }
    if (pacedUntil !== undefined && pacedUntil > now) return this.#rest(now, pacedUntil);
    if (this.#slot === undefined) return this.#ask(undefined);
    const { due, receipt, owner } = this.#slot;
    if (due <= now) this.#noteWake(now - due);
    if (receipt === undefined) return owner === head && due > now ? this.#rest(now, due) : this.#ask(undefined);
    // A slot that fits nobody any more holds up the line.
    if ((owner === undefined || owner.rank === undefined) && !sameCost(head.cost, receipt.cost))
      return this.#ask(receipt);
    if (due > now) return this.#sleep(now, due);
    if (head.deadline < due) {
      this.#reject(head, this.#tooLong(due, now, head.deadline - head.since, head.since));
      return undefined;
    }
    // A call that leaves late would collide with the slots that others were given. Where no news come, but answers at once, the
    // store is asked where the slot is by now.
    if (now - due > this.#lateness || (this.#host.store.hears === false && this.#answerTook === 0))
      return this.#ask(receipt);
    // Through a long pause nobody looked: it may have become longer.
    if (this.#host.store.shared && now - this.#lookedAt > 2 * lookAgainAfter) return this.#look(now);
    if (!this.#mayGo(now)) return undefined;
    this.#slot = undefined;
    if (!this.#serve(receipt, owner, due)) this.#return(receipt);
    return undefined;
  }

  /** Whether no pause is on and no call alone. Tells of a pause that has ended, just before the first call goes. */
  #mayGo(now: number): boolean {
    if (typeof this.#probe === 'object' && now < this.#probeUntil) return false;
    const pausedUntil = this.#host.pausedUntil(this.key);
    if (pausedUntil === -Infinity) return true;
    if (pausedUntil <= now) this.#host.resume(this.key);
    return this.#host.pausedUntil(this.key) <= now;
  }

  /** Rests until `until` or the first deadline; undefined if one has come. */
  #rest(now: number, until: number): number | undefined {
    if (this.#rejectOverdue(now)) return undefined;
    return Math.min(until, this.#deadlines?.first?.deadline ?? Infinity);
  }

  /** How long to sleep for a slot. A pause that came elsewhere is looked for on the way. */
  #sleep(now: number, due: number): number | undefined {
    if (!this.#host.store.shared) return this.#rest(now, due);
    const lookBefore = Math.min(earliestLook, 2 + 4 * this.#answerTook);
    const isDeaf = this.#host.store.hears === false && this.#lookedAt < due - lookBefore && this.#answerTook > 0;
    const lookAt = Math.min(this.#lookedAt + lookAgainAfter, isDeaf ? due - lookBefore : Infinity);
    return lookAt > now ? this.#rest(now, Math.min(due, lookAt)) : this.#look(now);
  }

  /** Looks into the store for what others did. */
  #look(now: number): undefined {
    this.#lookedAt = now;
    this.#operate(
      (plan) => this.#host.store.peek(this.key, plan),
      (standing) => {
        const { pausedFor, plan, wait } = standing;
        this.#notePause(pausedFor);
        this.#moveSlot(standing);
        const hasChanged = this.#plan !== undefined && !samePlan(plan, this.#plan);
        if (hasChanged || this.#comesTooLate(wait)) this.#giveSlotBack();
        this.#plan = plan;
      },
      () => {},
    );
  }

  /** Stops the line for a pause that came elsewhere, `ms` of which are left. */
  #notePause(ms: number): void {
    if (ms <= 0) return;
    // After a pause, each sharer sends one call first.
    if (this.#probe === undefined) this.probeNext(true);
    this.#host.notePause(this.key, ms);
  }

  /** Moves the slot as far as it has become later. */
  #moveSlot(standing: Standing): void {
    const receipt = this.#slot?.receipt;
    const later = receipt && asMoved(receipt, standing);
    if (this.#slot === undefined || receipt === undefined || later === undefined) return;
    this.#slot = { ...this.#slot, receipt: later, due: this.#slot.due + later.slot - receipt.slot };
  }

  /** Whether the next call gets a slot of its own: others who share the bucket build on it. */
  get #reserves(): boolean {
    return this.#host.store.bucket === undefined && this.#missedSpacing === undefined;
  }

  /** Notes how late it woke for its slot, in ms. */
  #noteWake(late: number): void {
    const receipt = this.#slot?.receipt;
    const spacing = receipt === undefined ? this.#missedSpacing : spacingOf(receipt);
    this.#missedSpacing = spacing !== undefined && late >= spacing && late > this.#lateness ? spacing : undefined;
  }

  /** How late a call may leave after its slot, in ms. */
  get #lateness(): number {
    return this.#plan?.lateness ?? 0;
  }

  /** Whether the slot comes later than a call could go that has none: the bucket was reset, or another's call cost less. */
  #comesTooLate(wait: number): boolean {
    if (this.#slot?.receipt === undefined || costInPool(this.#slot.receipt.cost) > 1) return false;
    return this.#slot.due - this.#host.clock.monotonic() - wait > 1;
  }

  /** Rejects those who should have gone by `instant`. Tells whether there were any. */
  #rejectOverdue(instant: number): boolean {
    let some = false;
    for (
      let waiter = this.#deadlines?.first;
      waiter !== undefined && waiter.deadline <= instant;
      waiter = this.#deadlines?.first
    ) {
      some = true;
      const now = this.#host.clock.monotonic();
      const due = Math.max(now, this.#slot?.due ?? now, this.#host.pausedUntil(this.key));
      this.#reject(waiter, this.#tooLong(due, now, waiter.deadline - waiter.since, waiter.since));
    }
    return some;
  }

  #tooLong(due: number, now: number, maxWait: number, since: number): WaitTooLongError {
    // Takes the rounding errors of sums with the clock off again.
    const exact = (ms: number) => Math.round(ms * 1e6) / 1e6;
    return new WaitTooLongError(
      this.key,
      exact(due - since),
      this.#host.clock.now() + exact(due - now),
      exact(maxWait),
    );
  }

  /** Asks the store for the calls at the head. */
  #ask(instead: Receipt | undefined): number | undefined {
    const { clock, store } = this.#host;
    const now = clock.monotonic();
    const reserves = this.#reserves;
    const missedBy = instead === undefined ? 0 : now - (this.#slot?.due ?? now);
    this.#slot = undefined;
    this.#lookedAt = now;
    this.#askingSince = now;
    this.#hasMoved = false;
    let callers: Waiter[] = [];
    const take = (plan: Plan): Answer<TakeAnswer> => {
      const goesAlone = this.#probe === 'next' || this.#host.pacedUntil(this.key) !== undefined;
      const batch = goesAlone ? 1 : this.#batch || plan.mostAtOnce + 1;
      const most = Math.min(batch, mostPerPass, this.#free);
      callers = this.#waiters.firstFew(most);
      if (callers.length === 0) {
        if (instead !== undefined) this.#return(instead);
        return nothing;
      }
      const longest = callers.reduce((most, { deadline }) => Math.max(most, deadline - now), 0);
      // Rounded up, so that a wait of just the maxWait fits whatever the clock's fractions.
      const ahead = reserves ? Math.ceil(longest / tick) * tick : 0;
      const { lateness } = this.#plan ?? plan;
      const waited = callers.reduce((least, { since }) => Math.min(least, now - since), Infinity);
      const late = Math.min(lateness, Math.max(missedBy, Math.min(waited, lateness - this.#answerTook), 0));
      return store.take(this.key, { plan, costs: callers.map((caller) => caller.cost), ahead, instead, late });
    };
    return this.#operate(
      take,
      (answer) => this.#digest(callers, answer, reserves),
      (error) => {
        if (callers.length === 0) callers = this.#waiters.firstFew(1);
        for (const caller of callers) this.#reject(caller, error);
      },
    );
  }

  /**
   * Does one store operation and moves the line on. A store that hands its buckets out answers on the spot. With another, calls
   * that come together ask together: one operation takes as long as another. Where many wait as it is, the operation is under way
   * before those go on who were granted by the last one.
   */
  #operate<T extends object>(
    ask: (plan: Plan) => Answer<T>,
    digest: (answer: T) => void,
    fail: (error: unknown) => void,
  ): undefined {
    if (this.#host.store.bucket === undefined) {
      this.#asking = this.#operateLater(ask, digest, fail);
      return;
    }
    let answer: T;
    try {
      answer = ask(this.#host.plan(this.key)) as T;
    } catch (error) {
      fail(error);
      return;
    }
    digest(answer);
  }

  async #operateLater<T extends object>(
    ask: (plan: Plan) => Answer<T>,
    digest: (answer: T) => void,
    fail: (error: unknown) => void,
  ): Promise<void> {
    // Who is called back before the first await must see that the store is asked.
    this.#asking = begun;
    this.#askingSince = this.#host.clock.monotonic();
    try {
      // Where few places are free, those who leave together ask together.
      if (Math.min(this.#waiters.size, this.#free) < enough) await begun;
      const asked = ask(this.#host.plan(this.key));
      const answer = await asked;
      this.#answerTook = isPromise(asked) ? this.#host.clock.monotonic() - this.#askingSince : 0;
      digest(answer);
    } catch (error) {
      await begun;
      fail(error);
    }
    if (this.#returning !== undefined) await this.#whenReturned();
    this.#goOn();
  }

  /** Waits until all is returned that nobody wants. */
  async #whenReturned(): Promise<void> {
    while (this.#returning !== undefined) {
      const returning = this.#returning;
      await returning;
      if (this.#returning === returning) this.#returning = undefined;
    }
  }

  /** Waits for something that keeps the line from asking, and goes on. */
  async #goOnAfter(operation?: Promise<void>): Promise<void> {
    this.#askingSince = this.#host.clock.monotonic();
    await operation;
    await this.#whenReturned();
    this.#goOn();
  }

  #goOn(): void {
    this.#asking = undefined;
    this.advance();
    if (this.#asking === undefined) this.#trim();
  }

  #digest(callers: readonly Waiter[], answer: TakeAnswer, reserves: boolean): void {
    const { granted, reserved, wait, exceeded, pausedFor = 0 } = answer;
    const now = this.#host.clock.monotonic();
    if (this.#host.store.bucket === undefined && pausedFor > leastPause) this.#notePause(pausedFor);
    this.#plan = (reserved ?? granted[0])?.plan ?? this.#plan;
    this.#batch = granted.length < callers.length ? 2 : callers.length * 4;
    const unwanted: Receipt[] = [];
    // An answer that took longer than a store may take came to a process that was away: its calls would collide with others.
    const isStale = now - this.#askingSince > storePatience && !(granted[0] ?? reserved)?.standIn;
    // Whether all callers so far have gone: one whose grant went to a newcomer of higher priority still goes before the next.
    let inOrder = true;
    for (let index = 0; index < granted.length; index++) {
      const receipt = granted[index] as Receipt;
      const owner = callers[index] as Waiter;
      // A call that had to wait for its slot, and wakes late, goes on the slot.
      const at = now - Math.max(0, answer.now - receipt.slot);
      if (isStale || !this.#mayGo(now) || !this.#serve(receipt, inOrder ? owner : undefined, at))
        unwanted.push(receipt);
      inOrder &&= owner.rank === undefined;
    }
    const next = callers[granted.length];
    if (reserved !== undefined) {
      // The slot was built on what goes back now, so it goes back first.
      if (isStale || unwanted.length > 0) unwanted.unshift(reserved);
      else this.#slot = { receipt: reserved, due: now + wait, owner: inOrder ? next : undefined };
    }
    if (unwanted.length > 0) this.#batch = 0;
    for (const receipt of joined(unwanted)) this.#return(receipt);
    if (next === undefined) return;
    if (exceeded !== undefined) {
      this.#reject(next, new CostExceedsBurstError(this.key, exceeded.cost, exceeded.burst, exceeded.limitName));
    } else if ((reserved === undefined && reserves) || now + wait > next.deadline) {
      this.#reject(next, this.#tooLong(now + wait, now, next.deadline - next.since, next.since));
    } else if (!reserves) {
      // Who was granted a call lets others ask first who wake for the same instant.
      const yields = this.#host.store.shared && granted.length > 0;
      this.#slot = { receipt: undefined, due: now + Math.max(yields ? wait + 1 : wait, tick), owner: next };
    }
  }

  /** Gives a grant to the head of the line if it fits, else to whom it was asked for. False if neither wants it. */
  #serve(receipt: Receipt, owner: Waiter | undefined, at: number): boolean {
    const head = this.#waiters.first;
    const taker = head !== undefined && sameCost(head.cost, receipt.cost) ? head : owner;
    if (taker === undefined || taker.rank === undefined) return false;
    this.#grant(taker, receipt, at);
    return true;
  }

  #giveSlotBack(): number {
    this.#batch = 0;
    const receipt = this.#slot?.receipt;
    this.#slot = undefined;
    if (receipt !== undefined) this.#return(receipt);
    return Infinity;
  }

  /** Returns what nobody here wants any more. A slot that the store cannot take back is lost, which wastes one call. */
  #return(receipt: Receipt): void {
    const { store } = this.#host;
    const send = () =>
      receipt.before === undefined ? store.settle(this.key, receipt, 0) : store.giveBack(this.key, receipt);
    try {
      // One after the other: what was taken last goes back first.
      const answer = this.#returning === undefined ? send() : this.#returning.then(send);
      if (!isPromise(answer)) return;
      this.#returning = answer.catch(() => {});
      this.#asking ??= this.#goOnAfter();
    } catch {
      // As above.
    }
  }

  /** When a further call could go at the earliest, as far as can be foreseen; on the monotonic clock. */
  #earliest(cost: Cost, priority: number): number {
    const paused = this.#host.pausedUntil(this.key);
    if (this.#slot === undefined) return paused;
    const { due, receipt, owner } = this.#slot;
    const next = receipt ?? owner;
    // One that passes others may be the next, but not before the slot, unless it is smaller.
    if (priority > this.#lowestPriority)
      return next !== undefined && sameCost(cost, next.cost) ? Math.max(paused, due) : paused;
    const here = receipt === undefined ? this.#host.bucketOf(this.key, this.#host.clock.monotonic()) : undefined;
    const plan = receipt?.plan ?? here?.plan;
    if (plan === undefined) return paused;
    const { slot = due, before = receipt?.after ?? (here && tatsOf(here)) ?? [] } = receipt ?? {};
    const tats = before.map((tat) => due + tat - slot);
    const calls = this.#loadOf(plan).map((waiting, index) => waiting + costIn(plan.rules[index] as Rule, cost));
    return lineEndsAt(plan, tats, Math.max(paused, due), calls);
  }

  /** When the next of the line goes, on the monotonic clock; undefined if nobody waits or it is not known yet. */
  get nextDue(): number | undefined {
    return this.#slot?.due;
  }

  /** The reservation that the line holds; undefined if it holds none. */
  get reservation(): Receipt | undefined {
    return this.#slot?.receipt;
  }

  /** The call whose turn comes first, if it waits for its limits; undefined otherwise. */
  get head(): Waiter | undefined {
    return this.#slot === undefined ? undefined : this.#waiters.first;
  }

  /**
   * When the last of the line will go, as far as can be told now, on the monotonic clock; undefined if nobody waits.
   * @param first when the next one goes
   * @param standing of the bucket without the slot
   */
  lastDue(first: number, { plan, limits }: Standing, now: number): number | undefined {
    if (this.#waiters.size === 0) return undefined;
    const tats = limits.map(({ resetAfter }) => now + resetAfter);
    return lineEndsAt(plan, tats, first, this.#loadOf(plan));
  }

  #loadOf(plan: Plan): readonly number[] {
    if (this.#load === undefined || (this.#load.plan !== plan && !samePlan(this.#load.plan, plan))) {
      const calls = plan.rules.map((rule) => [...this.#waiters].reduce((sum, { cost }) => sum + costIn(rule, cost), 0));
      this.#load = { plan, calls };
    }
    return this.#load.calls;
  }

  #count(waiter: Waiter, sign: 1 | -1): void {
    if (this.#waiters.size === 0) this.#load = undefined;
    if (this.#load === undefined) return;
    const { plan, calls } = this.#load;
    for (const [index, rule] of plan.rules.entries())
      calls[index] = (calls[index] as number) + sign * costIn(rule, waiter.cost);
  }

  #wakeAt(at: number): void {
    const { clock } = this.#host;
    if (this.#timer !== undefined) {
      // One that ends too early only looks too early.
      if (this.#timer.at <= at && at !== Infinity) return;
      clock.clearTimeout(this.#timer.handle);
      this.#timer = undefined;
    }
    if (at === Infinity) return;
    const wake = () => {
      this.#timer = undefined;
      this.#host.noteTime();
      this.advance();
    };
    this.#timer = { at, handle: clock.setTimeout(wake, at - clock.monotonic()) };
  }
}
