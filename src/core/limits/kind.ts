import type { Limit, LimitKind } from './limit.ts';
import type { Marks } from './marks.ts';
import type { Pacing } from './pace.ts';

// What a kind of limit brings along: all that differs between kinds is in its object, and no other file asks which kind a limit is.

/** Where one limit of a key stands: the theoretical arrival time in ms, or the marks of the calls that went. */
export type LimitState = number | Marks;

/** How many calls a limit lets through, its margin aside. */
export interface Allowance {
  /** The most that may go at one instant, so also the greatest cost, in calls. */
  readonly burst: number;
  /** The emission interval without a margin, in ms; 0 for a sliding window. */
  readonly even: number;
  /** The interval that the limit counts in, in ms. */
  readonly interval: number;
  /** For how long a call counts, in ms: the interval with what the margin adds, at least one emission interval. Whole ticks. */
  readonly span: number;
}

/** What a kind works out of a limit. */
export interface RuleNumbers extends Pick<Allowance, 'even' | 'span'> {
  /** Spacing of an even schedule, in ms, margin included: whole ticks. */
  readonly emissionInterval: number;
  /** How far the tat may be ahead of a call of cost 1, in ms, margin taken off: whole ticks. */
  readonly tolerance: number;
}

/** One limit made ready for the arithmetic: `docs/algorithm.md` derives the numbers. */
export interface Rule extends Allowance, RuleNumbers {
  readonly kind: Kind;
  readonly limit: Limit;
  readonly name: string | undefined;
  /** What it keeps in hand, in ms. */
  readonly margin: number;
}

/** A call that was taken, as one limit saw it: what its receipt says, and what came later. */
export interface TakenCall {
  readonly slot: number;
  readonly calls: number;
  /** The tat before; undefined if the call was no reservation. */
  readonly before: number | undefined;
  readonly after: number;
  /** How much the tat went down since, in ms. Of a window it only tells whether the receipt is void. */
  readonly refunded: number;
}

/** A kind of limit. Methods that return a state may change the one they got. */
export interface Kind<State extends LimitState = LimitState> {
  readonly name: LimitKind;
  readonly atRest: State;
  /** Checks what only limits of this kind must keep. `path` goes before the names of options. */
  check?(limit: Limit, path: string): void;
  /** The most calls at one instant, if the limit does not say. */
  burstOf(limit: Limit): number;
  /** The most that the limit keeps in hand for calls without an adapter, in ms. */
  mostKept(limit: Limit): number;
  /** @param kept what the limit keeps in hand, in ms */
  numbersOf(limit: Limit, kept: number): RuleNumbers;

  /** When a call conforms: an instant, maybe long ago. */
  allowAt(rule: Rule, state: State, calls: number): number;
  /** Notes a call that goes at `at`, an instant at which it conforms. */
  grant(rule: Rule, state: State, calls: number, at: number, now: number): State;
  /** The tat, or the latest mark: what receipts say. */
  tatOf(state: State): number;
  /** When a call of any cost conforms, if nothing more happens. */
  restsAt(rule: Rule, state: State): number;
  /** When what was used is over. */
  resetsAt(rule: Rule, state: State): number;
  /** How many calls of cost 1 may go at `now`, fractions included; may be below 0. */
  remaining(rule: Rule, state: State, now: number): number;
  /** The most calls of cost 1 that could go within so many ms. */
  mostWithin(rule: Rule, ms: number): number;
  /** When the last of so many calls in line goes, the first at `first`: exact for a leaky bucket, at the earliest otherwise. */
  lineEndsAt(rule: Rule, tat: number, first: number, calls: number): number;

  /** Takes a reservation off again; undefined if later grants were built on it. */
  giveBack(rule: Rule, state: State, call: TakenCall): State | undefined;
  /** Counts so many calls more for one that went. `emissionInterval` is the longer one of now and then. */
  charge(rule: Rule, state: State, call: TakenCall, more: number, emissionInterval: number, now: number): State;
  /** The tat that a receipt says, once so many calls more are counted. */
  tatCharged(tat: number, slot: number, more: number, emissionInterval: number): number;
  /**
   * Takes so many calls off one that went, as far as they still count, and tells by how many ms the tat has to go down.
   * `emissionInterval` is the shorter one of now and then; nothing that leaks before `latest` comes back.
   */
  refund(
    rule: Rule,
    state: State,
    call: TakenCall,
    fewer: number,
    emissionInterval: number,
    latest: number,
    now: number,
  ): number;

  /** The calls that still count, each as late as it can have gone. Nothing was reserved for later than `latest`. */
  marksOf(rule: Rule, state: State, latest: number, now: number): Marks;
  /**
   * Where a limit of this kind begins in place of another.
   * @param marks of the calls that still count
   */
  carryOver(
    rule: Rule,
    marks: Marks,
    before: { readonly rule: Rule; readonly state: LimitState; readonly latest: number },
    now: number,
  ): State;

  /** The rate at which calls begin that nobody knows the limits of, in calls per ms; undefined of all other kinds. */
  begins?(limit: Limit): number;
  /** What is done with their pace; there with `begins`. */
  readonly pacing?: Pacing;
  /** What a server that keeps such a limit has in its bucket; undefined if it counts calls per interval. */
  readonly level?: Level<State> | undefined;
  /** How slots move, if not as in a leaky bucket: see `moves.ts` in the bucket's room. */
  readonly moves?: SlotMoves<State>;
}

/** A bucket that refills by itself, as a server has it. */
export interface Level<State extends LimitState = LimitState> {
  /** How many calls it held at an instant. */
  at(rule: Rule, state: State, instant: number): number;
  /** The state that leaves so many calls at most. */
  leaving(rule: Rule, state: State, left: number, now: number): State;
}

/** What a kind does when slots become later: only stores that are shared and adapters need it. */
export interface SlotMoves<State extends LimitState = LimitState> {
  /** How much later what was built on a call has to be if it goes `ms` after its slot. No slot is later than `latest`. */
  lateness(rule: Rule, call: Pick<TakenCall, 'slot' | 'calls' | 'after'>, ms: number, latest: number): number;
  /** How long after a slot the next one comes at the earliest, in ms, if calls are spaced; 0 if they are not. */
  spacing(rule: Rule, slot: number, after: number): number;
  /** For how long a call may go later without more calls in any window, in ms. */
  slack(rule: Rule): number;
  /** Makes what is later than `after` so many ms later; a tat if it is later than `builtOn`. */
  moveSlots(state: State, after: number, builtOn: number, ms: number): State;
  /** Moves one call to a later instant. */
  moveCall(rule: Rule, state: State, call: TakenCall, to: number, now: number): State;
  /** Whether a receipt says nothing any more of where its call is noted. */
  isVoid(call: TakenCall): boolean;
  /** Makes the tat at least that. */
  raise(state: State, tat: number): State;
  /** Before this instant no call can be noted. */
  noteFrom(state: State): number;
}

/** Where a limit carries its kind, if that is none of those that all throttles know. */
export const carriedKind: unique symbol = Symbol.for('sluice.kind') as never;

/** The limit with its kind, which copies of it keep. */
export const carrying = (limit: Limit, kind: Kind): Limit => ({ ...limit, [carriedKind]: kind }) as Limit;

/** The kind that a limit carries, unless it says it is of another. */
export function carriedBy(limit: Limit): Kind | undefined {
  const kind = (limit as { readonly [carriedKind]?: Kind })[carriedKind];
  return kind?.name === limit.kind ? kind : undefined;
}
