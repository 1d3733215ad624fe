import type { LimitStatus, Receipt, Standing, TakeAnswer, TakeRequest } from '../core/base/store.ts';
import { type Bucket, grantAt, tatsOf } from '../core/bucket/bucket.ts';
import { goneLater, movedBy } from '../core/bucket/moves.ts';
import { exceededBy, receiptOf } from '../core/bucket/operations.ts';
import { type Cost, sameCost } from '../core/limits/cost.ts';
import type { Rule } from '../core/limits/kind.ts';
import { charge } from '../core/limits/leaky-bucket.ts';
import { type Limit, longAgo } from '../core/limits/limit.ts';
import type { Margin, Plan } from '../core/limits/plan.ts';
import { planOfData, statesOf } from './stored-limits.ts';

// The messages to and from the script, as text.

/** The limits of a plan as they are in the record. */
export const limitsText = (limits: readonly Limit[]): string => JSON.stringify(limits);

/** The message about a plan. */
interface PlanTexts {
  readonly limits: string;
  /** The limits and their margin, as JSON. */
  readonly plan: string;
  /** The effect of one call of cost 1 on a plan of one leaky bucket, in the form of `runText`; undefined for others. */
  readonly one: string | undefined;
}

const knownTexts = new WeakMap<Plan, PlanTexts>();

/** The texts of a plan, made once. */
function textsOf(plan: Plan): PlanTexts {
  const known = knownTexts.get(plan);
  if (known !== undefined) return known;
  const { only, margin } = plan;
  const limits = limitsText(plan.limits);
  const one = only && chargeText(only, margin, 1);
  const texts = { limits, plan: JSON.stringify({ limits, margin }), one };
  knownTexts.set(plan, texts);
  return texts;
}

/** A call in a leaky bucket: what it adds to the tat, how early it may come, and what is left of it at rest. */
function chargeText(rule: Rule, margin: Margin, calls: number): string {
  const { emissionInterval, tolerance, burst } = rule;
  const charged = charge(emissionInterval, calls);
  return `${JSON.stringify(margin)},${charged},${charged - emissionInterval - tolerance},${(burst - 1) * emissionInterval - tolerance}`;
}

/** A plan for the script. */
export const planText = (plan: Plan): string => textsOf(plan).plan;

/** JSON has no Infinity. The script cuts larger times, in ms, and no count of calls is larger. */
const most = 2 ** 42;

/** Fields of a request for the script. */
export const fieldsText = (fields: object): string =>
  JSON.stringify(fields, (_, value) => (value > most ? most : value)).slice(1, -1);

/** A receipt for the script. */
export function receiptText({ slot, cost, plan, before, after, refunds, latest, pools, moved }: Receipt): string {
  return `${JSON.stringify({ slot, cost, before, after, refunds, latest, pools, moved }).slice(0, -1)},"plan":${planText(plan)}}`;
}

/** Costs in runs of equal ones: cost, count, cost, count. */
function runsOf(costs: readonly Cost[]): (Cost | number)[] {
  const runs: (Cost | number)[] = [];
  let start = 0;
  for (let index = 1; index <= costs.length; index++) {
    const cost = costs[start] as Cost;
    if (index < costs.length && sameCost(cost, costs[index] as Cost)) continue;
    runs.push(cost, index - start);
    start = index;
  }
  return runs;
}

/** The furthest instant of any bucket, because JSON has no Infinity. */
const anyTime = 2 ** 60;

/** A `take` request for calls of one cost from one leaky bucket, in the form of `run`. */
export interface Run {
  readonly limits: string;
  /** The number of calls. */
  readonly calls: number;
  /** The numbers as JSON. */
  readonly numbers: string;
}

/**
 * A request as a run; undefined if it cannot be one.
 * @param known the latest write of the bucket that was seen; empty if none
 * @param age how long ago these limits replaced others, in ms; undefined if they never did
 */
export function runText(request: TakeRequest, known: string, age: number | undefined): Run | undefined {
  const { plan, costs, ahead, instead, report, fixed, late = 0 } = request;
  const { limits, one } = textsOf(plan);
  if (one === undefined || instead !== undefined || report || fixed) return undefined;
  const cost = costs[0];
  const rule = plan.rules[0] as Rule;
  if (typeof cost !== 'number' || cost === 0 || cost > rule.burst) return undefined;
  for (let index = 1; index < costs.length; index++) if (costs[index] !== cost) return undefined;
  const charged = cost === 1 ? one : chargeText(rule, plan.margin, cost);
  const numbers = `${cost},${costs.length},${Math.min(ahead, anyTime)},${late},${age ?? -1},${charged}`;
  return { limits, calls: costs.length, numbers: known === '' ? `[${numbers}]` : `[${numbers},${known}]` };
}

/** The fields of a `take` request. */
export function takeFields({ plan, costs, ahead, instead, report, fixed, late = 0 }: TakeRequest): string {
  const returned = instead === undefined ? '' : `,"instead":${receiptText(instead)}`;
  const wanted = `${report ? ',"report":true' : ''}${fixed ? ',"fixed":true' : ''}${late > 0 ? `,"late":${late}` : ''}`;
  return `"plan":${planText(plan)},"costs":${JSON.stringify(runsOf(costs))},"ahead":${Math.min(ahead, anyTime)}${returned}${wanted}`;
}

/** The state of a bucket after an operation, in the script's answer. */
export interface Told {
  /** The instant of the decision on the server's clock, in ms. */
  readonly now: number;
  readonly birth: number;
  readonly seq: number;
  readonly rests: number;
  readonly gate: number;
  readonly latest: number;
  readonly moved: number;
  /** The recent moves of slots: after which instant and by how much, one after the other; 0 if there are none. */
  readonly moves: readonly number[] | 0;
  readonly tats: readonly number[];
  readonly refunds: readonly number[] | undefined;
  /** The server's statements: what is left and until when, one after the other; 0 if none holds. */
  readonly pools: readonly number[] | 0;
  /** The fields of the pace in the order of `Pace`; 0 if there is none. */
  readonly pace: readonly number[] | 0;
  /** The limits of the key, if they differ from those of the request. */
  readonly limits: string | undefined;
  /** Whether they are the key's own. */
  readonly hasOwn: boolean;
  /** Whether the key held a foreign value. */
  readonly wasForeign: boolean;
  /** The result of the operation itself. */
  readonly rest: readonly unknown[];
}

/**
 * Reads an answer; undefined if the key has no bucket or the script cannot tell. The instant alone if the server has
 * lost what we know.
 */
export function readAnswer(answer: unknown): Told | number | undefined {
  const parts = Array.isArray(answer) ? answer : partsOf(answer);
  if (parts.length < 2) return parts[0] as number | undefined;
  const [
    now,
    birth,
    seq,
    rests,
    gate,
    latest,
    moved,
    moves,
    tats,
    refunds,
    pools,
    pace,
    limits,
    own,
    foreign,
    ...rest
  ] = parts as number[];
  return {
    now,
    birth,
    seq,
    rests,
    gate,
    latest,
    moved,
    moves,
    tats,
    refunds: refunds === 0 ? undefined : refunds,
    pools,
    pace,
    limits: limits === 0 ? undefined : limits,
    hasOwn: own === 1,
    wasForeign: foreign === 1,
    rest,
  } as unknown as Told;
}

const partsOf = (answer: unknown): unknown[] => (answer === '' || answer === 0 ? [] : JSON.parse(String(answer)));

const theirPlans = new Map<string, Plan>();

/** The plan of the limits in a record; the latest few are cached. */
export function planOfText(limits: string, margin: Margin): Plan {
  const id = `${margin} ${limits}`;
  const known = theirPlans.get(id);
  if (known !== undefined) return known;
  if (theirPlans.size >= 1_000) theirPlans.clear();
  const plan = planOfData(JSON.parse(limits) as Limit[], margin);
  theirPlans.set(id, plan);
  return plan;
}

/** A reserved slot, the latest before it, and the ends of the statements it was counted in. */
type Slot = readonly [slot: number, latest: number, ...pools: number[]];

/** The present slot of the reservation in the request, and how late its call goes; 0 if it was given back. */
type Kept = 0 | readonly [slot: number, late?: number];

/** Turns the script's answer into the answer to `take`. */
export function takeAnswerOf(told: Told, plan: Plan, { costs, instead }: TakeRequest): TakeAnswer {
  const [count, wait, before, slot, limits, kept, slots] = told.rest as [
    number,
    number,
    number[],
    0 | Slot,
    0 | number[],
    Kept,
    0 | number[],
  ];
  const granted: Receipt[] = [];
  const ours = kept === 0 || instead === undefined ? undefined : keptReceipt(instead, told, kept);
  const isGranted = ours !== undefined && ours.slot <= told.now;
  if (isGranted) granted.push(ours);
  const others = count - granted.length;
  const taken = new Taken(told, plan, before, costs.slice(granted.length), slots === 0 ? undefined : slots);
  for (let index = 0; index < others; index++) granted.push(new TakenReceipt(taken, index));
  const next = costs[count] as Cost;
  const after = () => taken.bucketAfter(others);
  return {
    now: told.now,
    granted,
    reserved:
      ours !== undefined && !isGranted
        ? ours
        : slot === 0
          ? undefined
          : reservedOf(tatsOf(after()), told, plan, next, slot),
    wait: wait === -1 ? Infinity : wait,
    ...(told.gate > told.now ? { pausedFor: told.gate - told.now } : undefined),
    ...(wait === -1 ? { exceeded: exceededBy(after(), next) } : undefined),
    ...(limits === 0 ? undefined : { limits: limitsOf(plan, limits) }),
  };
}

/** The reservation in the request, in its present state. */
function keptReceipt(
  instead: Receipt,
  { moved }: Told,
  [slot, late = 0]: readonly [slot: number, late?: number],
): Receipt {
  const by = slot - instead.slot;
  const later = by === 0 ? instead : movedBy(instead, by, moved);
  return late === 0 ? later : goneLater({ ...later, moved }, late);
}

/** Calls that one operation granted. */
class Taken {
  readonly told: Told;
  readonly plan: Plan;
  readonly costs: readonly Cost[];
  readonly #before: readonly number[];
  /** The slots of the calls, if they are not all at the instant of the decision. */
  readonly #slots: readonly number[] | undefined;
  #bucket: Bucket | undefined;
  /** How many of them are counted in `bucket`. */
  #seen = 0;

  constructor(
    told: Told,
    plan: Plan,
    before: readonly number[],
    costs: readonly Cost[],
    slots: readonly number[] | undefined,
  ) {
    this.told = told;
    this.plan = plan;
    this.costs = costs;
    this.#before = before;
    this.#slots = slots;
  }

  slotOf(index: number): number {
    return this.#slots?.[index] ?? this.told.now;
  }

  /** The bucket after the first `count` of them. If the receipts are read in order, each call is counted once. */
  bucketAfter(count: number): Bucket {
    const { told } = this;
    if (this.#bucket === undefined || this.#seen > count) {
      this.#bucket = bucketAt(this.plan, this.#before, told);
      this.#seen = 0;
    }
    for (; this.#seen < count; this.#seen++)
      grantAt(this.#bucket, this.costs[this.#seen] as Cost, this.slotOf(this.#seen), told.now);
    return this.#bucket;
  }
}

/** The receipt of one of them. The state after it is computed on demand, because hardly any is used. */
class TakenReceipt implements Receipt {
  readonly #taken: Taken;
  readonly #index: number;

  constructor(taken: Taken, index: number) {
    this.#taken = taken;
    this.#index = index;
  }

  get slot(): number {
    return this.#taken.slotOf(this.#index);
  }

  get cost(): Cost {
    return this.#taken.costs[this.#index] as Cost;
  }

  get plan(): Plan {
    return this.#taken.plan;
  }

  get after(): readonly number[] {
    return receiptOf(this.#taken.bucketAfter(this.#index + 1), this.cost, this.slot).after;
  }

  get refunds(): readonly number[] | undefined {
    return this.#taken.told.refunds;
  }

  get moved(): number {
    return this.#taken.told.moved;
  }
}

/** A bucket in the state that the script reports, as far as receipts depend on it. */
function bucketAt(plan: Plan, tats: readonly number[], { refunds, latest, moved }: Told): Bucket {
  // Written out, because adding fields to a copy is slow.
  return { plan, states: statesOf(plan, tats), extras: { gate: longAgo, latest, fixed: longAgo, moved, refunds } };
}

function reservedOf(
  tats: readonly number[],
  told: Told,
  plan: Plan,
  cost: Cost,
  [slot, latest, ...pools]: Slot,
): Receipt {
  return {
    ...receiptOf(bucketAt(plan, told.tats, told), cost, slot),
    before: tats,
    latest,
    ...(pools.length > 0 ? { pools } : undefined),
  };
}

/** Turns the script's answer into the answer to `peek`. */
export function standingOf({ rest, moved, moves }: Told, plan: Plan): Standing {
  const [limits, wait, pausedFor, pool, learned] = rest as [number[], number, number, 0 | [number, number], number];
  return {
    limits: limitsOf(plan, limits),
    wait: wait === -1 ? Infinity : wait,
    pausedFor,
    plan,
    ...(moved === 0 ? undefined : { moved, moves: pairsOf(moves || []).map(([after, ms]) => ({ after, ms })) }),
    ...(learned === 0 ? undefined : { learned }),
    ...(pool === 0 ? undefined : { pool: { remaining: pool[0], resetAfter: pool[1] } }),
  };
}

/** The pairs of a flat list. */
export function pairsOf(values: readonly number[]): [number, number][] {
  return values.flatMap((value, index) => (index % 2 === 0 ? [[value, values[index + 1] as number]] : []));
}

function limitsOf({ rules }: Plan, values: readonly number[]): LimitStatus[] {
  return rules.map(({ name }, index) => ({
    ...(name === undefined ? undefined : { name }),
    remaining: values[2 * index] as number,
    resetAfter: values[2 * index + 1] as number,
  }));
}
