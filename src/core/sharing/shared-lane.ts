import type { CallGrant } from '../base/grant.ts';
import type { Answer, Receipt, TakeAnswer, TakeRequest } from '../base/store.ts';
import { joined } from '../bucket/receipts.ts';
import { sameCost } from '../limits/cost.ts';
import type { Plan } from '../limits/plan.ts';
import type { GoAloneGate } from '../line/go-alone-gate.ts';
import { grace, Lane, type LaneHost } from '../line/lane.ts';
import type { NextCall, Waiter, WaitRequest } from '../line/waiting-room.ts';
import { tick } from '../time/clock.ts';
import { firstFew } from './first-few.ts';
import { storePatience } from './guarded-store.ts';
import { KeptPlaces } from './kept-places.ts';
import { Looks, leastPause } from './looks.ts';
import { Moves } from './moves.ts';
import { isOutdated, nextCallOn, type Slot, slotAsMoved, Wakes } from './slot.ts';
import { Batch, nothing, requestFor } from './take-request.ts';
import { Traffic } from './traffic.ts';

/** With this many sendable calls, ask at once; do not wait a microtask for more. */
const enough = 256;

/**
 * The line of a store that others take from too, or that answers with a delay.
 *
 * Invariant: it holds at most one slot, for the call that is first when the slot is due, and returns it before anything
 * else changes the bucket. It looks into the store at least once a second while it waits.
 */
export class SharedLane extends Lane {
  readonly #traffic: Traffic;
  readonly #moves = new Moves();
  readonly #wakes = new Wakes();
  readonly #looks = new Looks();
  override readonly kept: KeptPlaces;
  #slot: Slot | undefined;
  readonly #batch = new Batch();
  /** The limits of the key in the store's latest answer, which may be its own. */
  #plan: Plan | undefined;

  constructor(key: string, host: LaneHost) {
    super(key, host);
    this.kept = new KeptPlaces(host.places);
    this.#traffic = new Traffic(key, host, () => this.#goOn());
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

  protected override knownPlan(): Plan | undefined {
    return this.#plan;
  }

  protected override next(): NextCall | undefined {
    return this.#slot && nextCallOn(this.#slot);
  }

  override wait(request: WaitRequest): Promise<CallGrant> {
    const { events, places } = this.host;
    // Any limit lets a single call go at some time. While the store is asked, no checks are needed.
    const isPlain = request.cost === 1 && places.bounds.maxQueue === Infinity && request.maxWait === Infinity;
    if (!isPlain || !this.isAsking || events.wants('granted') || events.wants('ended')) return super.wait(request);
    return this.join(request, this.#traffic.askedAt);
  }

  override async rejectAll(error: unknown): Promise<void> {
    await super.rejectAll(error);
    await this.#traffic.whenIdle();
  }

  override restart(): void {
    this.#slot = undefined;
    this.#batch.forget();
    this.advance();
  }

  override take(request: TakeRequest): Promise<TakeAnswer> | undefined {
    // A call that skips a limit may go before the line's slot, which is given back for that time.
    if (this.headCost === undefined || typeof request.costs[0] !== 'object') return undefined;
    let taken: Answer<TakeAnswer>;
    const take = async () => {
      taken = await this.host.store.take(this.key, request);
    };
    return this.renew(take).then(() => taken);
  }

  override renew(move: () => Answer<void>, isFirst?: boolean): Promise<void> {
    const moved = this.#moves.add(move, isFirst);
    this.advance();
    return moved;
  }

  override look(): void {
    this.#looks.forget();
    if (this.#slot?.receipt === undefined) this.#slot = undefined;
    this.advance();
  }

  #goOn(): void {
    if (this.waiting === 0) this.#plan = undefined;
    this.kept.free();
    this.advance();
    if (!this.isAsking && this.room.trim()) this.advance();
  }

  protected override step(now: number): number | undefined {
    if (this.isAsking) return this.restForAnswer(this.#traffic.askedAt, now);
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

  /** Waits for the slot, or lets the first call of the line go on it. */
  #follow({ due, receipt, owner }: Slot, head: Waiter, now: number): number | undefined {
    if (due <= now) this.#wakes.note(now - due, receipt, this.#lateness);
    if (receipt === undefined) return owner === head && due > now ? this.rest(now, due) : this.#ask(undefined, now);
    // A slot that no longer fits any call holds up the line.
    if (owner?.rank === undefined && !sameCost(head.cost, receipt.cost)) return this.#ask(receipt, now);
    if (due > now) return this.#sleep(now, due);
    if (this.room.rejectIfLate(head, due)) return undefined;
    const { hears, shared } = this.host.store;
    // A call that leaves late would collide with the slots of others. A store that cannot notify, but answers at once,
    // is asked for the slot's present time.
    if (now - due > this.#lateness || (hears === false && this.#traffic.answerTook === 0))
      return this.#ask(receipt, now, now - due);
    // The lane did not look during a long pause, which may have become longer.
    if (shared && this.#looks.areStale(now)) return this.#peek(now);
    if (this.gate?.resume(now)) return undefined;
    this.#slot = undefined;
    // It fits the first call or its owner, as said above.
    this.#serve(receipt, owner, due);
    return undefined;
  }

  /** How long to sleep for a slot. In between, the lane looks for pauses from elsewhere. */
  #sleep(now: number, due: number): number | undefined {
    const { hears, shared } = this.host.store;
    if (!shared) return this.rest(now, due);
    const lookAt = this.#looks.nextBefore(due, hears !== false, this.#traffic.answerTook);
    return lookAt > now ? this.rest(now, Math.min(due, lookAt)) : this.#peek(now);
  }

  /** Runs all waiting moves; the slot goes back first. Returns undefined, because the line moves on afterwards. */
  #move(): undefined {
    const slot = this.#slot;
    this.#slot = undefined;
    this.#plan = undefined;
    this.#batch.forget();
    const moving = this.#moves.make(() => slot?.receipt && this.host.store.giveBack(this.key, slot.receipt));
    // The line has moved on before this resolves, so the caller of `settle` sees the waiting calls in their new state.
    void this.#traffic.hold(moving).then(async () => (await moving)());
  }

  /** Looks into the store for what others did. */
  #peek(now: number): undefined {
    this.#looks.note(now);
    this.#traffic.operate(
      () => this.host.store.peek(this.key, this.host.plan(this.key)),
      (standing) => {
        this.#notePause(standing.pausedFor);
        this.#slot &&= slotAsMoved(this.#slot, standing);
        this.#plan = standing.plan;
        if (this.#slot && isOutdated(this.#slot, standing, this.host.clock.monotonic())) this.#giveSlotBack();
      },
      () => {},
      this.#gathers,
    );
  }

  /** Stops the line for a pause from elsewhere, of which `ms` are left. After it, each sharer sends one call first. */
  #notePause(ms: number): void {
    if (ms <= 0) return;
    const gate = this.host.gates.of(this.key) as GoAloneGate;
    if (!gate.goesAlone) gate.goAlone();
    this.host.gates.pause(this.key, ms);
  }

  /** Whether to ask the store a moment later, for further calls too: one operation takes as long as another. */
  get #gathers(): boolean {
    return Math.min(this.waiting, this.free) < enough;
  }

  /** How late a call may leave after its slot, in ms. */
  get #lateness(): number {
    return this.#plan?.lateness ?? 0;
  }

  /**
   * Asks the store for the first calls.
   * @param missedBy how long ago the reservation was due, in ms
   */
  #ask(instead: Receipt | undefined, now: number, missedBy: number = 0): undefined {
    const { reserves } = this.#wakes;
    this.#slot = undefined;
    this.#looks.note(now);
    this.#moves.noteAsked();
    this.kept.keep(1);
    let callers: Waiter[] = [];
    const take = (): Answer<TakeAnswer> => {
      const plan = this.host.plan(this.key);
      const most = this.gate?.most(now, this.inFlight) ?? Infinity;
      this.kept.keep(0);
      callers = firstFew(this.room.line, Math.min(this.#batch.sizeFor(plan), this.free, most));
      this.kept.keepFor(callers);
      if (callers.length === 0) {
        if (instead !== undefined) this.#traffic.return(instead);
        return nothing;
      }
      const { lateness } = this.#plan ?? plan;
      const { answerTook } = this.#traffic;
      const request = requestFor(callers, { plan, now, reserves, instead, missedBy, lateness, answerTook });
      return this.host.store.take(this.key, request);
    };
    const fail = (error: unknown) => {
      if (callers.length === 0) callers = firstFew(this.room.line, 1);
      for (const caller of callers) this.room.reject(caller, error);
    };
    this.#traffic.operate(take, (answer) => this.#digest(callers, answer, reserves), fail, this.#gathers);
  }

  #digest(callers: readonly Waiter[], answer: TakeAnswer, reserves: boolean): void {
    const { granted, reserved, wait, exceeded, pausedFor = 0 } = answer;
    const now = this.host.clock.monotonic();
    if (pausedFor > leastPause) this.#notePause(pausedFor);
    this.#plan = (reserved ?? granted[0])?.plan ?? this.#plan;
    this.#batch.noteAnswer(granted.length, callers.length);
    const unwanted: Receipt[] = [];
    // An answer later than a store's time-out means that this process was away: its calls would collide with others. Those
    // of a stand-in are only asked for again.
    const isStale = now - this.#traffic.askedAt > storePatience;
    // Whether all callers so far have gone. One whose grant went to a higher priority still goes before the next.
    let inOrder = true;
    for (let index = 0; index < granted.length; index++) {
      const receipt = granted[index] as Receipt;
      const owner = callers[index] as Waiter;
      // A call that waited for its slot and wakes late counts on the slot.
      const at = now - Math.max(0, answer.now - receipt.slot);
      if (
        isStale ||
        this.gate?.open(now, this.inFlight) === false ||
        !this.#serve(receipt, inOrder ? owner : undefined, at)
      )
        unwanted.push(receipt);
      inOrder &&= owner.rank === undefined;
    }
    const next = callers[granted.length];
    if (reserved !== undefined) {
      // The slot was built on what is given back now, so it goes back first.
      if (isStale || unwanted.length > 0) unwanted.unshift(reserved);
      else this.#slot = { receipt: reserved, due: now + wait, owner: inOrder ? next : undefined };
    }
    if (unwanted.length > 0) this.#batch.forget();
    for (const receipt of joined(unwanted)) this.#traffic.return(receipt);
    if (next === undefined) return;
    if (exceeded !== undefined) {
      this.room.rejectExceeding(next, exceeded);
    } else if (reserved === undefined && reserves) {
      this.room.rejectTooLate(next, now + wait);
    } else if (!this.room.rejectIfLate(next, now + wait) && !reserves) {
      // After a grant, the lane lets others that wake for the same instant ask first.
      const yields = this.host.store.shared && granted.length > 0;
      this.#slot = { receipt: undefined, due: now + Math.max(yields ? wait + 1 : wait, tick), owner: next };
    }
  }

  /** Gives a grant to the first call if it fits, or else to the call it was requested for. False if neither takes it. */
  #serve(receipt: Receipt, owner: Waiter | undefined, at: number): boolean {
    const head = this.room.first;
    const taker = head !== undefined && sameCost(head.cost, receipt.cost) ? head : owner;
    if (taker === undefined || taker.rank === undefined) return false;
    this.grant(taker, receipt, at);
    return true;
  }

  #giveSlotBack(): number {
    this.#batch.forget();
    const receipt = this.#slot?.receipt;
    this.#slot = undefined;
    if (receipt !== undefined) this.#traffic.return(receipt);
    return Infinity;
  }
}
