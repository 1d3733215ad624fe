import type { Limit, LimitKind } from './limit.ts';
import type { Marks } from './marks.ts';
import type { Pacing } from './pace.ts';

// The interface of a kind of limit. Everything that differs between kinds is in this object; no other file asks which
// kind a limit is.

/** The state of one limit of a key: the theoretical arrival time in ms, or the marks of the calls that went. */
export type LimitState = number | Marks;

/** How many calls a limit lets through, without its margin. */
export interface Allowance {
  /** The most that may go at one instant, so also the greatest cost, in calls. */
  readonly burst: number;
  /** The emission interval without a margin, in ms; 0 for a sliding window. */
  readonly even: number;
  /** The interval of the limit, in ms. */
  readonly interval: number;
  /** For how long a call counts, in ms: the interval plus the margin, at least one emission interval. Whole ticks. */
  readonly span: number;
}

/** The numbers that a kind computes from a limit. */
export interface RuleNumbers extends Pick<Allowance, 'even' | 'span'> {
  /** Spacing of an even schedule, in ms, margin included: whole ticks. */
  readonly emissionInterval: number;
  /** How far the tat may be ahead of a call of cost 1, in ms, margin subtracted: whole ticks. */
  readonly tolerance: number;
}

/** One limit made ready for the arithmetic: `docs/algorithm.md` derives the numbers. */
export interface Rule extends Allowance, RuleNumbers {
  readonly kind: Kind;
  readonly limit: Limit;
  readonly name: string | undefined;
  /** Its margin, in ms. */
  readonly margin: number;
}

/** A granted call in one limit: from its receipt, and from later changes. */
export interface TakenCall {
  readonly slot: number;
  readonly calls: number;
  /** The tat before; undefined if the call was no reservation. */
  readonly before: number | undefined;
  readonly after: number;
  /** How much the tat was lowered since, in ms. For a window it only shows whether the receipt is void. */
  readonly refunded: number;
}

/** A kind of limit. Methods that return a state may change the state they got. */
export interface Kind<State extends LimitState = LimitState> {
  readonly name: LimitKind;
  readonly atRest: State;
  /** Checks the rules that only this kind has. `path` goes before the names of options. */
  check?(limit: Limit, path: string): void;
  /** The most calls at one instant, if the limit does not define it. */
  burstOf(limit: Limit): number;
  /** The largest margin for calls without an adapter, in ms. */
  mostKept(limit: Limit): number;
  /** @param kept the margin of the limit, in ms */
  numbersOf(limit: Limit, kept: number): RuleNumbers;

  /** The instant from which a call conforms; it may be long ago. */
  allowAt(rule: Rule, state: State, calls: number): number;
  /** Counts a call that goes at `at`, an instant at which it conforms. */
  grant(rule: Rule, state: State, calls: number, at: number, now: number): State;
  /** The tat, or the latest mark, as receipts hold it. */
  tatOf(state: State): number;
  /** When a call of any cost conforms, if nothing more happens. */
  restsAt(rule: Rule, state: State): number;
  /** When all used calls have expired. */
  resetsAt(rule: Rule, state: State): number;
  /** How many calls of cost 1 may go at `now`, fractions included; may be below 0. */
  remaining(rule: Rule, state: State, now: number): number;
  /** The most calls of cost 1 that could go within `ms`. */
  mostWithin(rule: Rule, ms: number): number;
  /**
   * When the last of a line of calls goes, if the first goes at `first`: exact for a leaky bucket, the earliest instant
   * for others.
   */
  lineEndsAt(rule: Rule, tat: number, first: number, calls: number): number;

  /** Removes a reservation; undefined if later grants were built on it. */
  giveBack(rule: Rule, state: State, call: TakenCall): State | undefined;
  /**
   * Adds `more` calls to the cost of a call that went. `emissionInterval` is the longer of the present and the earlier one.
   */
  charge(rule: Rule, state: State, call: TakenCall, more: number, emissionInterval: number, now: number): State;
  /** The tat of a receipt once `more` calls are added. */
  tatCharged(tat: number, slot: number, more: number, emissionInterval: number): number;
  /**
   * Subtracts `fewer` calls from the cost of a call that went, as far as they still count, and returns by how many ms the tat
   * has to be lowered. `emissionInterval` is the shorter of the present and the earlier one. Nothing that leaks before
   * `latest` comes back.
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
   * The first state of a limit of this kind that replaces another limit.
   * @param marks of the calls that still count
   */
  carryOver(
    rule: Rule,
    marks: Marks,
    before: { readonly rule: Rule; readonly state: LimitState; readonly latest: number },
    now: number,
  ): State;

  /** The first rate of calls whose limits are not known, in calls per ms; undefined for all other kinds. */
  begins?(limit: Limit): number;
  /** The operations on their pace; present together with `begins`. */
  readonly pacing?: Pacing;
  /** The bucket of a server with such a limit; undefined if it counts calls per interval. */
  readonly level?: Level<State> | undefined;
  /** How slots move, if not as in a leaky bucket: see `core/bucket/moves.ts`. */
  readonly moves?: SlotMoves<State>;
}

/** A bucket that refills by itself, as a server has it. */
export interface Level<State extends LimitState = LimitState> {
  /** How many calls it held at an instant. */
  at(rule: Rule, state: State, instant: number): number;
  /** The state that leaves at most `left` calls. */
  leaving(rule: Rule, state: State, left: number, now: number): State;
}

/** What a kind does when slots move to a later time: only shared stores and adapters need it. */
export interface SlotMoves<State extends LimitState = LimitState> {
  /**
   * How far everything built on a call has to move if the call goes `ms` after its slot. No slot is later than
   * `latest`.
   */
  lateness(rule: Rule, call: Pick<TakenCall, 'slot' | 'calls' | 'after'>, ms: number, latest: number): number;
  /** The shortest time from a slot to the next one, in ms, if calls are spaced; 0 if they are not. */
  spacing(rule: Rule, slot: number, after: number): number;
  /** For how long a call may go later without more calls in any window, in ms. */
  slack(rule: Rule): number;
  /** Moves everything later than `after` by `ms`; a tat only if it is later than `builtOn`. */
  moveSlots(state: State, after: number, builtOn: number, ms: number): State;
  /** Moves one call to a later instant. */
  moveCall(rule: Rule, state: State, call: TakenCall, to: number, now: number): State;
  /** Whether a receipt no longer shows where its call is counted. */
  isVoid(call: TakenCall): boolean;
  /** Raises the tat to at least this instant. */
  raise(state: State, tat: number): State;
  /** No call can be counted before this instant. */
  noteFrom(state: State): number;
}

/** Where a limit carries its kind, if not all throttles know it. */
export const carriedKind: unique symbol = Symbol.for('sluice.kind') as never;

/** The limit with its kind; copies of it keep the kind. */
export const carrying = (limit: Limit, kind: Kind): Limit => ({ ...limit, [carriedKind]: kind }) as Limit;

/** The kind that a limit carries, unless its `kind` names another. */
export function carriedBy(limit: Limit): Kind | undefined {
  const kind = (limit as { readonly [carriedKind]?: Kind })[carriedKind];
  return kind?.name === limit.kind ? kind : undefined;
}
