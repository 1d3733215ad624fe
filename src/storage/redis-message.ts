import { grantAt, newBucket } from '../core/bucket.ts';
import { type Cost, sameCost } from '../core/cost.ts';
import { type Limit, type Plan, planOf, type Rule } from '../core/limit.ts';
import { exceededBy, receiptOf } from '../core/operations.ts';
import type { LimitStatus, Receipt, Standing, TakeAnswer, TakeRequest } from '../core/store.ts';

// What goes to the script and what comes back, as text.

const planTexts = new WeakMap<Plan, string>();

/** The limits of a plan as the record keeps them. */
export const limitsText = (limits: readonly Limit[]): string => JSON.stringify(limits);

/** A plan as the script takes it, made once. */
export function planText(plan: Plan): string {
  const known = planTexts.get(plan);
  if (known !== undefined) return known;
  const { rules, margin } = plan;
  const limits = limitsText(rules.map(({ limit }) => limit));
  const text = JSON.stringify({ limits, margin, rules: rules.map(ruleFields) });
  planTexts.set(plan, text);
  return text;
}

const ruleFields = ({ name, burst, emissionInterval, tolerance, window, limit: { interval } }: Rule) => ({
  ...(name === undefined ? undefined : { name }),
  burst,
  emission: emissionInterval,
  tolerance,
  window,
  interval,
});

/** A receipt as the script takes it. */
export function receiptText({ slot, cost, plan, before, after, refunds, latest, pool }: Receipt): string {
  return `${JSON.stringify({ slot, cost, before, after, refunds, latest, pool }).slice(0, -1)},"plan":${planText(plan)}}`;
}

/** Costs as runs of the same: cost, how often, cost, how often. */
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

/** As far ahead as any bucket reckons: JSON has no Infinity. */
const anyTime = 2 ** 60;

/** The fields of a request to take. */
export function takeFields({ plan, costs, ahead, instead, report }: TakeRequest): string {
  const returned = instead === undefined ? '' : `,"instead":${receiptText(instead)}`;
  const wanted = report ? ',"report":true' : '';
  return `"plan":${planText(plan)},"costs":${JSON.stringify(runsOf(costs))},"ahead":${Math.min(ahead, anyTime)}${returned}${wanted}`;
}

/** Where a bucket stands after an operation, as the script tells it. */
export interface Told {
  /** The instant of the decision on the server's clock, in ms. */
  readonly now: number;
  readonly birth: number;
  readonly seq: number;
  readonly rests: number;
  readonly gate: number;
  readonly latest: number;
  readonly tats: readonly number[];
  readonly refunds: readonly number[] | undefined;
  /** What the server says is left, and until when; 0 if it said nothing that still holds. */
  readonly pool: readonly [left: number, until: number] | 0;
  /** The limits that the key keeps, if they are others than it was asked with. */
  readonly limits: string | undefined;
  /** Whether they are the key's own. */
  readonly hasOwn: boolean;
  /** Whether the key held something that is no bucket of ours. */
  readonly wasForeign: boolean;
  /** What the operation itself answers. */
  readonly rest: readonly unknown[];
}

/** Reads an answer; undefined if the key has no bucket. A number if the server has lost what we know: the instant. */
export function readAnswer(answer: unknown): Told | number | undefined {
  const parts = Array.isArray(answer) ? answer : partsOf(String(answer));
  if (parts.length < 2) return parts[0] as number | undefined;
  const [now, birth, seq, rests, gate, latest, tats, refunds, pool, limits, own, foreign, ...rest] = parts as number[];
  return {
    now,
    birth,
    seq,
    rests,
    gate,
    latest,
    tats,
    refunds: refunds === 0 ? undefined : refunds,
    pool,
    limits: limits === 0 ? undefined : limits,
    hasOwn: own === 1,
    wasForeign: foreign === 1,
    rest,
  } as unknown as Told;
}

const partsOf = (text: string): unknown[] => (text === '' ? [] : JSON.parse(text));

const theirPlans = new Map<string, Plan>();

/** The plan of limits that a record keeps: those of the last few are at hand. */
export function planOfText(limits: string, margin: number): Plan {
  const id = `${margin} ${limits}`;
  const known = theirPlans.get(id);
  if (known !== undefined) return known;
  if (theirPlans.size >= 1_000) theirPlans.clear();
  const plan = planOf(JSON.parse(limits) as Limit[], margin);
  theirPlans.set(id, plan);
  return plan;
}

/** A reserved slot, the latest before it, and until when what it was taken from holds. */
type Slot = [slot: number, latest: number, pool?: number];

/** Makes of what the script tells the answer to `take`. */
export function takeAnswerOf(told: Told, plan: Plan, costs: readonly Cost[]): TakeAnswer {
  const { now, latest, refunds } = told;
  const [count, wait, before, slot, limits] = told.rest as [number, number, number[], 0 | Slot, 0 | number[]];
  const bucket = { ...newBucket(plan), tats: before, refunds: refunds && [...refunds], latest };
  const granted: Receipt[] = [];
  for (let index = 0; index < count; index++) {
    const cost = costs[index] as Cost;
    grantAt(bucket, cost, now, now);
    granted.push(receiptOf(bucket, cost, now));
  }
  const next = costs[count] as Cost;
  return {
    now,
    granted,
    reserved: slot === 0 ? undefined : reservedOf(bucket.tats, told, plan, next, slot),
    wait: wait === -1 ? Infinity : wait,
    ...(wait === -1 ? { exceeded: exceededBy(bucket, next) } : undefined),
    ...(limits === 0 ? undefined : { limits: limitsOf(plan, limits) }),
  };
}

function reservedOf(tats: number[], told: Told, plan: Plan, cost: Cost, [slot, latest, pool]: Slot): Receipt {
  const bucket = { ...newBucket(plan), tats: [...told.tats], refunds: told.refunds && [...told.refunds] };
  return {
    ...receiptOf(bucket, cost, slot),
    before: tats.slice(),
    latest,
    ...(pool === undefined ? undefined : { pool }),
  };
}

/** Makes of what the script tells the answer to `peek`. */
export function standingOf({ rest }: Told, plan: Plan): Standing {
  const [limits, wait, pausedFor, pool] = rest as [number[], number, number, 0 | [number, number]];
  return {
    limits: limitsOf(plan, limits),
    wait: wait === -1 ? Infinity : wait,
    pausedFor,
    plan,
    ...(pool === 0 ? undefined : { pool: { remaining: pool[0], resetAfter: pool[1] } }),
  };
}

function limitsOf({ rules }: Plan, values: readonly number[]): LimitStatus[] {
  return rules.map(({ name }, index) => ({
    ...(name === undefined ? undefined : { name }),
    remaining: values[2 * index] as number,
    resetAfter: values[2 * index + 1] as number,
  }));
}
