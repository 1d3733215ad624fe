import type { BucketStore, Limit } from 'sluice';
import { slidingWindow } from 'sluice';
import { expect } from 'vitest';
import type { Receipt, Standing, TakeAnswer } from '../../src/core/base/store.ts';
import { adapt, type Bucket, copyOf, newBucket, note } from '../../src/core/bucket/bucket.ts';
import { hear, slowDown } from '../../src/core/bucket/explained.ts';
import { postpone, takeOnSlot } from '../../src/core/bucket/moves.ts';
import { giveBack, pause, peek, reset, settle } from '../../src/core/bucket/operations.ts';
import type { Told } from '../../src/core/bucket/pool.ts';
import type { Cost } from '../../src/core/limits/cost.ts';
import type { Rule } from '../../src/core/limits/kind.ts';
import { learnedLimit } from '../../src/core/limits/learned.ts';
import { type Margin, type Plan, planOf } from '../../src/core/limits/plan.ts';
import { settlementOf } from '../../src/core/throttle/settlement.ts';
import { systemClock, tick } from '../../src/core/time/clock.ts';
import { dice } from './storages.ts';

/** Draws of one history, the same for the same seed. */
class Draws {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = dice(Math.imul(seed, 2_654_435_761));
    for (let skipped = 0; skipped < 5; skipped++) this.#random();
  }

  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  of<T>(...values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}

function drawnLimit(draws: Draws, name: string | undefined): Limit {
  const named = name === undefined ? {} : { name };
  const margin = draws.below(4) === 0 ? { margin: draws.of(0, 0.3, 20) } : {};
  const interval = draws.of(1, 10, 333, 1000, 60_000);
  if (draws.below(3) === 0) return slidingWindow({ limit: draws.of(1, 5, 31, 60, 200), interval, ...named, ...margin });
  if (draws.below(8) === 0) return { ...learnedLimit, rate: draws.of(1, 3, 2500), interval, ...named };
  const kind = draws.of('quota', 'leaky-bucket', undefined);
  return {
    rate: draws.of(1, 3, 7, 10, 600, 2500, 1_000_000),
    interval,
    burst: draws.of(1, 2, 4, 20, 2.5),
    ...(kind === undefined ? undefined : { kind }),
    ...named,
    ...margin,
  };
}

function drawnLimits(draws: Draws): Limit[] {
  const areNamed = draws.below(3) > 0;
  return Array.from({ length: 1 + draws.below(3) }, (_, index) =>
    drawnLimit(draws, areNamed || index > 0 ? `limit "${index}" é` : undefined),
  );
}

/** Limits of which some stay. */
function changedLimits(draws: Draws, { limits }: Plan): Limit[] {
  const kept = limits.filter(() => draws.below(3) === 0);
  const isNew = ({ name }: Limit) => name === undefined || kept.every((limit) => limit.name !== name);
  return [...kept, ...drawnLimits(draws).filter(isNew)];
}

function drawnCost(draws: Draws, { rules }: Plan): Cost {
  const calls = () => draws.of(1, 1, 1, 1, 2, 3, 0, 0.5, 1.25, 4, 20);
  if (draws.below(3) > 0) return calls();
  return Object.fromEntries(rules.flatMap(({ name }) => (name === undefined ? [] : [[name, calls()] as const])));
}

/** What a server may say in one answer, mostly of one of the limits. */
function drawnTold(draws: Draws, { rules }: Plan, span: number): Told | undefined {
  if (draws.below(4) === 0) return undefined;
  const { limit, burst, interval, name } = draws.of(...rules);
  const number = draws.of(limit.rate, burst, limit.rate + burst - 1, 7);
  return {
    limit: draws.of(undefined, number, number, number * 1.05, number / 2, number * 2),
    remaining: Math.max(0, draws.of(0, 1, number / 2, number - 1, number - draws.below(12), number + 3)),
    window: draws.of(undefined, undefined, interval, interval * 0.95, 3),
    unit: draws.of(undefined, undefined, undefined, name, 'tokens'),
    roundTrip: draws.of(0, 0.7, 30, span),
    keptBack: draws.of(0, 0, 0, 1, 2.5),
  };
}

/** A span in which a rule lets something more go, in ms. */
function spanOf({ kind, even, span, interval, emissionInterval }: Rule): number {
  if (kind.begins !== undefined) return interval;
  return even === 0 ? span : emissionInterval;
}

/** What is compared: plans are made again on one side, and are the same if their limits are; receipts are by what they say. */
export function plain(answer: TakeAnswer | Standing): unknown {
  return JSON.parse(
    JSON.stringify(answer, (name, value) => {
      if (name === 'plan') return (value as Plan).rules.map(({ limit }) => limit);
      if (typeof value === 'object' && value !== null && 'slot' in value) {
        const { slot, cost, plan, before, after, refunds, latest, pools, moved = 0, standIn } = value as Receipt;
        return { slot, cost, plan, before, after, refunds, latest, pools, moved, standIn };
      }
      return value === Infinity ? 'never' : value;
    }),
  );
}

/** Plays one history on a store and on the operations of the core, and compares each answer. */
export async function playBeside(
  storeAt: (now: () => number) => BucketStore,
  seed: number,
  steps: number,
): Promise<void> {
  const draws = new Draws(seed);
  const changes = draws.below(2) === 0;
  const margins: readonly Margin[] = changes ? [draws.of<Margin>(0, 5.3, 'calls')] : [0, 8, 50.123, 'calls'];
  const limits = drawnLimits(draws);
  let now = draws.of(0, 86_400_000.5, 1.8e12);
  const store = storeAt(() => now);
  store.useClock?.({ ...systemClock, monotonic: () => now });
  /** When the record was written last. */
  let seen = now;
  const key = `history ${seed} {}`;
  const plans = margins.map((margin) => planOf(limits, margin));
  let plan = plans[0] as Plan;
  let bucket: Bucket | undefined;
  let receipts: Receipt[] = [];
  /** When the limits changed: when the throttle took them, unless others have used the key since then. */
  const since = () =>
    plan.since === undefined ? now : Math.max(seen, Math.floor((now - (now - plan.since)) / tick) * tick);
  const open = (): Bucket => {
    bucket ??= newBucket(plan);
    adapt(bucket, plan, now, since());
    return bucket;
  };
  const openOwn = (margin: Margin): Bucket | undefined => {
    if (bucket === undefined) return undefined;
    const known = (bucket.extras.own ?? bucket.plan).rules.map(({ limit }) => limit);
    adapt(bucket, planOf(known, margin), now);
    return bucket;
  };
  const compare = (step: number, actual: TakeAnswer | Standing, expected: TakeAnswer | Standing) =>
    expect(plain(actual), `seed ${seed}, step ${step}`).toEqual(plain(expected));
  const pick = () => receipts[Math.max(0, receipts.length - 1 - draws.below(12))];

  for (let step = 0; step < steps; step++) {
    const span = Math.max(tick, spanOf(plan.rules[0] as Rule));
    if (draws.below(3) > 0) {
      const ms = draws.of(tick, span / 3, span, span * 2, draws.below(1000) * tick, draws.below(30), span * 100);
      now = Math.floor((now + ms) / tick) * tick;
    }
    const receipt = pick();
    const act = draws.below(44);
    plan = draws.of(...plans);
    if (act < 20) {
      const some = drawnCost(draws, plan);
      const costs = Array.from({ length: draws.of(1, 1, 2, 5, 40) }, () =>
        draws.below(4) > 0 ? some : drawnCost(draws, plan),
      );
      const ahead = draws.of(0, 0, span, Infinity);
      const instead = draws.below(5) === 0 ? receipt : undefined;
      if (instead !== undefined && draws.below(3) > 0) costs[0] = instead.cost;
      const late = draws.of(0, 0, tick, 0.3, 4, span);
      const fixed = draws.below(8) === 0;
      const request = { plan, costs, ahead, report: draws.below(2) === 0, instead, late, fixed };
      const isNew = bucket === undefined;
      const limits = bucket?.plan.limits;
      const expected = takeOnSlot(open(), request, now);
      const actual = await store.take(key, request);
      compare(step, actual, expected);
      const changed =
        expected.granted.length > 0 ||
        expected.reserved !== undefined ||
        instead !== undefined ||
        JSON.stringify(limits ?? plan.limits) !== JSON.stringify(bucket?.plan.limits);
      if (changed) seen = now;
      if (isNew && !changed) bucket = undefined;
      receipts.push(...expected.granted, ...(expected.reserved === undefined ? [] : [expected.reserved]));
      receipts = receipts.slice(-30);
    } else if (act < 24 && receipt !== undefined) {
      const known = openOwn(receipt.plan.margin);
      if (known !== undefined) giveBack(known, receipt);
      await store.giveBack(key, receipt);
      seen = now;
    } else if (act < 29 && receipt !== undefined) {
      const { from, cost, done } = settlementOf(receipt, drawnCost(draws, receipt.plan));
      const known = openOwn(receipt.plan.margin);
      if (known !== undefined) settle(known, from, cost, now);
      await store.settle(key, from, cost);
      seen = now;
      receipts = receipts.map((one) => (one === receipt ? done : one));
    } else if (act < 31 && receipt !== undefined) {
      const ms = draws.of(0.3, 20, span);
      const known = openOwn(receipt.plan.margin);
      if (known !== undefined) postpone(known, receipt, ms, now);
      await store.postpone?.(key, receipt, ms);
      seen = now;
    } else if (act === 31 || act === 36) {
      const ms = draws.of(0.123, span, span * 5);
      const sentAgo = draws.of(undefined, 0, 0.7, span, span * 20, 5000);
      if (sentAgo !== undefined) slowDown(open(), sentAgo, ms, now);
      pause(open(), ms, now);
      await store.pause(key, ms, plan, sentAgo);
      seen = now;
    } else if (act > 36) {
      const said = {
        remaining: draws.of(0, 1, 3, 2.5, 50),
        ms: draws.of(0, span / 3, span * 3),
        isNewest: draws.below(2) === 0,
      };
      const told = drawnTold(draws, plan, span);
      const all = told === undefined ? said : { ...said, told };
      const held = hear(open(), all, now);

      expect(await store.sync(key, all, plan), `seed ${seed}, step ${step}`).toBe(held);
      seen = now;
    } else if (act === 32 && changes) {
      const own = draws.below(3) === 0 ? undefined : drawnLimits(draws);
      const known = open();
      note(known, { own: own && planOf(own, plan.margin) });
      adapt(known, plan, now);
      await store.override(key, own, plan);
      seen = now;
    } else if ((act === 33 || act === 35) && changes) {
      const next = planOf(changedLimits(draws, plan), plan.margin);
      const changedAt = draws.of(undefined, now, now - span / 3, now - span * 3, now - draws.below(2000));
      // Two with different limits take turns, as while one version of a program takes the place of another.
      plans[draws.below(2)] = changedAt === undefined ? next : { ...next, since: changedAt };
    } else if (act === 34 && draws.below(3) === 0 && bucket !== undefined) {
      reset(bucket, now);
      await store.reset(key);
      seen = now;
    } else {
      const copy = bucket === undefined ? newBucket(plan) : copyOf(bucket);
      adapt(copy, plan, now, since());
      const without = receipt !== undefined && draws.below(3) === 0 ? receipt : undefined;
      if (without !== undefined) giveBack(copy, without);
      compare(step, await store.peek(key, plan, without), peek(copy, now));
    }
  }
}
