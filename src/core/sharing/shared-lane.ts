import { CostExceedsBurstError, type ThrottleError } from '../base/errors.ts';
import type { CallGrant } from '../base/grant.ts';
import type { Answer, Receipt, Standing, TakeAnswer } from '../base/store.ts';
import { asMoved, spacingOf } from '../bucket/operations.ts';
import { costInPool } from '../bucket/pool.ts';
import { joined } from '../bucket/receipts.ts';
import { sameCost } from '../limits/cost.ts';
import { type Plan, samePlan } from '../limits/limit.ts';
import type { GoAloneGate } from '../line/go-alone-gate.ts';
import { grace, Lane, type LaneHost } from '../line/lane.ts';
import type { NextCall, Waiter, WaitRequest } from '../line/waiting-room.ts';
import { tick } from '../time/clock.ts';
import { storePatience } from './guarded-store.ts';
import { Moves } from './moves.ts';
import { Traffic, type TrafficHost } from './traffic.ts';

/** What a shared lane needs of its throttle. */
export interface SharedLaneHost extends LaneHost, TrafficHost {}

/** When the next call goes. */
interface Slot {
  /** The reservation, which is for whoever is at the head when it comes; undefined if the lane asks when it wakes. */
  readonly receipt: Receipt | undefined;
  /** When it comes, on the monotonic clock. */
  readonly due: number;
  /** The waiter it was asked for; undefined if others have come before it since. */
  readonly owner: Waiter | undefined;
}

/** How early a lane polls at most whose store cannot notify it, in ms before its slot. */
const earliestLook = 50;

/** A pause elsewhere that is shorter than this, in ms, is no news: the slot comes after it. */
const leastPause = 10;

/** The most calls that one store operation carries. */
const mostPerPass = 512;

/** With this many sendable calls, ask at once; do not wait a microtask for more. */
const enough = 256;

/** How long a lane sleeps before it looks again whether the key was paused elsewhere, in ms. */
const lookAgainAfter = 1000;

/** The answer to a line that nobody stands in any more. */
const nothing: TakeAnswer = { now: 0, granted: [], reserved: undefined, wait: 0 };

/**
 * The line of a store that others take from too, or that takes its time to answer.
 *
 * Invariant: it holds at most one slot, for whoever is at the head when that comes, and returns it before anything else moves the
 * bucket. It looks into the store at least once a second while it waits.
 */
export class SharedLane extends Lane {
  declare protected readonly host: SharedLaneHost;
  readonly #traffic: Traffic;
  readonly #moves: Moves;
  #slot: Slot | undefined;
  #batch = 0;
  /** The limits that the store was seen to hold the key to, which may be its own. */
  #plan: Plan | undefined;
  #lookedAt = 0;
  /**
   * How far apart slots were, in ms, when it woke too late for its own to be of use. Until it wakes sooner it reserves none, and
   * asks when it wakes. Undefined otherwise.
   */
  #missedSpacing: number | undefined;

  constructor(key: string, host: SharedLaneHost) {
    super(key, host);
    this.#traffic = new Traffic(key, host, () => this.#goOn());
    this.#moves = new Moves();
  }

  protected override get isAsking(): boolean {
    return this.#traffic.isBusy;
  }

  override get nextDue(): number | undefined {
    return this.#slot?.due;
  }

  override get reservation(): Receipt | undefined {
    return this.#slot?.receipt;
  }

  override get idle(): boolean {
    return this.#slot === undefined && super.idle;
  }

  protected override knownPlan(): Plan | undefined {
    return this.#slot?.receipt?.plan ?? this.#plan;
  }

  protected override next(): NextCall | undefined {
    if (this.#slot?.receipt === undefined) return undefined;
    const { due, receipt } = this.#slot;
    const { plan, cost, slot, before = receipt.after } = receipt;
    return { due, cost, plan, tats: before.map((tat) => due + tat - slot) };
  }

  override wait(request: WaitRequest): Promise<CallGrant> {
    const { events, maxQueue } = this.host;
    // Any limit lets a single call go some time; what those of a shared store are, nobody knows yet.
    const isPlain = request.cost === 1 && maxQueue === Infinity && request.maxWait === Infinity;
    // Where nobody asks how long it waits either, the look at the clock is spared while the store is asked.
    if (!isPlain || !this.isAsking || events.wants('granted')) return super.wait(request);
    return this.join(request, this.#traffic.askedAt);
  }

  override async close(error: ThrottleError): Promise<void> {
    await super.close(error);
    await this.#traffic.whenIdle();
  }

  override restart(): void {
    this.#slot = undefined;
    this.#batch = 0;
    this.advance();
  }

  override renew(move: () => Answer<void>, isFirst: boolean = false): Promise<void> {
    const moved = this.#moves.add(move, isFirst);
    this.advance();
    return moved;
  }

  override look(): void {
    this.#lookedAt = -Infinity;
    if (this.#slot?.receipt === undefined) this.#slot = undefined;
    this.advance();
  }

  #goOn(): void {
    if (this.waiting === 0 && this.#slot === undefined) this.#plan = undefined;
    this.advance();
    if (!this.isAsking && this.room.trim()) this.advance();
  }

  protected override step(now: number): number | undefined {
    if (this.isAsking) return this.#whileAsking(now);
    if (this.rejectOverdue(now - grace, now)) return undefined;
    const head = this.room.first;
    const { gate } = this;
    const isFree = this.free > 0;
    const opensAt = gate?.opensAt(now, this.inFlight) ?? now;
    if (this.#moves.areDue(head !== undefined && isFree && opensAt <= now)) return this.#move();
    if (head === undefined) return this.#giveSlotBack();
    if (!isFree) return this.rest(now, Infinity);
    if (opensAt > now) return this.rest(now, opensAt);
    return this.#slot === undefined ? this.#ask(undefined, now) : this.#follow(this.#slot, head, now);
  }

  /** What is left to do while a store operation is in flight. */
  #whileAsking(now: number): number {
    if (this.room.deadline === Infinity) return Infinity;
    // Nobody knows yet who has to wait: a maxWait of 0 is worth an answer.
    const inTime = this.#traffic.askedAt + grace;
    if (inTime <= now) this.rejectOverdue(now, now);
    return Math.max(inTime, this.room.deadline);
  }

  /** Waits for the slot, or lets the head of the line go on it. */
  #follow({ due, receipt, owner }: Slot, head: Waiter, now: number): number | undefined {
    if (due <= now) this.#noteWake(now - due, receipt);
    if (receipt === undefined) return owner === head && due > now ? this.rest(now, due) : this.#ask(undefined, now);
    // A slot that fits nobody any more holds up the line.
    if (owner?.rank === undefined && !sameCost(head.cost, receipt.cost)) return this.#ask(receipt, now);
    if (due > now) return this.#sleep(now, due);
    if ((head.ends?.deadline ?? Infinity) < due) {
      this.room.rejectTooLate(head, due);
      return undefined;
    }
    const { hears, shared } = this.host.store;
    // A call that leaves late would collide with the slots that others were given. Where the store cannot notify, but answers at
    // once, it is asked where the slot is by now.
    if (now - due > this.#lateness || (hears === false && this.#traffic.answerTook === 0))
      return this.#ask(receipt, now);
    // Through a long pause nobody looked: it may have become longer.
    if (shared && now - this.#lookedAt > 2 * lookAgainAfter) return this.#peek(now);
    if (this.gate?.resume(now)) return undefined;
    this.#slot = undefined;
    if (!this.#serve(receipt, owner, due)) this.#traffic.return(receipt);
    return undefined;
  }

  /** How long to sleep for a slot. A pause that came elsewhere is looked for on the way. */
  #sleep(now: number, due: number): number | undefined {
    const { hears, shared } = this.host.store;
    if (!shared) return this.rest(now, due);
    const { answerTook } = this.#traffic;
    const lookBefore = Math.min(earliestLook, 2 + 4 * answerTook);
    const isDeaf = hears === false && this.#lookedAt < due - lookBefore && answerTook > 0;
    const lookAt = Math.min(this.#lookedAt + lookAgainAfter, isDeaf ? due - lookBefore : Infinity);
    return lookAt > now ? this.rest(now, Math.min(due, lookAt)) : this.#peek(now);
  }

  /** Does all that was to move the bucket by now: the slot goes back before. Undefined, as the line goes on when it is over. */
  #move(): undefined {
    const slot = this.#slot;
    this.#slot = undefined;
    this.#plan = undefined;
    this.#batch = 0;
    const giveBack = async () => {
      // A slot that the store cannot take back is lost, which wastes one call.
      if (slot?.receipt !== undefined) await this.host.store.giveBack(this.key, slot.receipt);
    };
    const { moving, tell } = this.#moves.make(giveBack);
    // The line has gone on by now: who settles sees the waiting calls where they belong.
    void this.#traffic.holdFor(moving).then(tell);
  }

  /** Looks into the store for what others did. */
  #peek(now: number): undefined {
    this.#lookedAt = now;
    this.#operate(
      (plan) => this.host.store.peek(this.key, plan),
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

  /** Stops the line for a pause that came elsewhere, `ms` of which are left. After it each sharer sends one call first. */
  #notePause(ms: number): void {
    if (ms <= 0) return;
    const gate = this.host.gates.of(this.key) as GoAloneGate;
    if (!gate.goesAlone) gate.goAlone();
    this.host.gates.pause(this.key, ms);
  }

  /** Moves the slot as far as it has become later. */
  #moveSlot(standing: Standing): void {
    const receipt = this.#slot?.receipt;
    const later = receipt && asMoved(receipt, standing);
    if (this.#slot === undefined || receipt === undefined || later === undefined) return;
    this.#slot = { ...this.#slot, receipt: later, due: this.#slot.due + later.slot - receipt.slot };
  }

  /** Notes how late it woke for its slot, in ms. */
  #noteWake(late: number, receipt: Receipt | undefined): void {
    const spacing = receipt === undefined ? this.#missedSpacing : spacingOf(receipt);
    this.#missedSpacing = spacing !== undefined && late >= spacing && late > this.#lateness ? spacing : undefined;
  }

  /** How late a call may leave after its slot, in ms. */
  get #lateness(): number {
    return this.#plan?.lateness ?? 0;
  }

  /** Whether a new call could go before our slot: the bucket was reset, or another's call cost less. */
  #comesTooLate(wait: number): boolean {
    if (this.#slot?.receipt === undefined || costInPool(this.#slot.receipt.cost) > 1) return false;
    return this.#slot.due - this.host.clock.monotonic() - wait > 1;
  }

  /** Asks the store for the calls at the head. */
  #ask(instead: Receipt | undefined, now: number): undefined {
    const reserves = this.#missedSpacing === undefined;
    const missedBy = instead === undefined ? 0 : now - (this.#slot?.due ?? now);
    this.#slot = undefined;
    this.#lookedAt = now;
    this.#moves.noteAsked();
    let callers: Waiter[] = [];
    const take = (plan: Plan): Answer<TakeAnswer> => {
      const most = this.gate?.most(now, this.inFlight) ?? Infinity;
      callers = this.room.firstFew(Math.min(this.#batch || plan.mostAtOnce + 1, mostPerPass, this.free, most));
      if (callers.length === 0) {
        if (instead !== undefined) this.#traffic.return(instead);
        return nothing;
      }
      const longest = callers.reduce((most, { ends }) => Math.max(most, (ends?.deadline ?? Infinity) - now), 0);
      // Rounded up, so that a wait of just the maxWait fits whatever the clock's fractions.
      const ahead = reserves ? Math.ceil(longest / tick) * tick : 0;
      const { lateness } = this.#plan ?? plan;
      const waited = callers.reduce((least, { since }) => Math.min(least, now - since), Infinity);
      const late = Math.min(lateness, Math.max(missedBy, Math.min(waited, lateness - this.#traffic.answerTook), 0));
      return this.host.store.take(this.key, { plan, costs: callers.map(({ cost }) => cost), ahead, instead, late });
    };
    const fail = (error: unknown) => {
      if (callers.length === 0) callers = this.room.firstFew(1);
      for (const caller of callers) this.room.reject(caller, error);
    };
    this.#operate(take, (answer) => this.#digest(callers, answer, reserves), fail);
  }

  #operate<T extends object>(
    ask: (plan: Plan) => Answer<T>,
    digest: (answer: T) => void,
    fail: (error: unknown) => void,
  ): undefined {
    const gathers = Math.min(this.waiting, this.free) < enough;
    this.#traffic.operate(() => ask(this.host.plan(this.key)), digest, fail, gathers);
  }

  #digest(callers: readonly Waiter[], answer: TakeAnswer, reserves: boolean): void {
    const { granted, reserved, wait, exceeded, pausedFor = 0 } = answer;
    const now = this.host.clock.monotonic();
    if (pausedFor > leastPause) this.#notePause(pausedFor);
    this.#plan = (reserved ?? granted[0])?.plan ?? this.#plan;
    this.#batch = granted.length < callers.length ? 2 : callers.length * 4;
    const unwanted: Receipt[] = [];
    // An answer that took longer than a store may take came to a process that was away: its calls would collide with others.
    const isStale = now - this.#traffic.askedAt > storePatience && !(granted[0] ?? reserved)?.standIn;
    // Whether all callers so far have gone: one whose grant went to a newcomer of higher priority still goes before the next.
    let inOrder = true;
    for (const [index, receipt] of granted.entries()) {
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
    for (const receipt of joined(unwanted)) this.#traffic.return(receipt);
    if (next === undefined) return;
    if (exceeded !== undefined) {
      const { cost, burst, limitName } = exceeded;
      this.room.reject(next, new CostExceedsBurstError(this.key, cost, burst, limitName));
    } else if ((reserved === undefined && reserves) || now + wait > (next.ends?.deadline ?? Infinity)) {
      this.room.rejectTooLate(next, now + wait);
    } else if (!reserves) {
      // Who was granted a call lets others ask first who wake for the same instant.
      const yields = this.host.store.shared && granted.length > 0;
      this.#slot = { receipt: undefined, due: now + Math.max(yields ? wait + 1 : wait, tick), owner: next };
    }
  }

  /** Whether the gate is open still: it may have closed while the store was asked. */
  #mayGo(now: number): boolean {
    const { gate } = this;
    if (gate === undefined) return true;
    gate.resume(now);
    return gate.opensAt(now, this.inFlight) <= now;
  }

  /** Gives a grant to the head of the line if it fits, else to whom it was asked for. False if neither wants it. */
  #serve(receipt: Receipt, owner: Waiter | undefined, at: number): boolean {
    const head = this.room.first;
    const taker = head !== undefined && sameCost(head.cost, receipt.cost) ? head : owner;
    if (taker === undefined || taker.rank === undefined) return false;
    this.grant(taker, receipt, at);
    return true;
  }

  #giveSlotBack(): number {
    this.#batch = 0;
    const receipt = this.#slot?.receipt;
    this.#slot = undefined;
    if (receipt !== undefined) this.#traffic.return(receipt);
    return Infinity;
  }
}
