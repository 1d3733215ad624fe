import * as fc from 'fast-check';
import {
  type BucketStore,
  type Cost,
  keyValueStore,
  type Limit,
  memoryStore,
  type Receipt,
  type Standing,
  type StoreOperations,
  slidingWindow,
  type TakeAnswer,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, it } from 'vitest';
import { costIn } from '../../src/core/limits/cost.ts';
import { planOf } from '../../src/core/limits/plan.ts';
import { wholeStore } from '../../src/testing/whole-store.ts';
import { asText, onMap, type Values, withRehearsal } from './storages.ts';

const settings = { numRuns: Number(process.env.SLUICE_RUNS ?? 400), includeErrorInReport: true };

// None counts for longer than a memory store remembers a bucket at rest: after that a limit that takes its place would tell.
const limits: readonly (readonly Limit[])[] = [
  [{ rate: 1, interval: 1000, burst: 5 }],
  [{ rate: 3, interval: 1000, burst: 9, name: 'calls' }, slidingWindow({ limit: 12, interval: 5000, name: 'data' })],
  [slidingWindow({ limit: 60, interval: 9000 })],
  [
    { rate: 7, interval: 900, burst: 2 },
    { kind: 'quota', rate: 6, interval: 7000, burst: 5 },
  ],
];

const cost: fc.Arbitrary<Cost> = fc.oneof(
  fc.integer({ min: 0, max: 6 }),
  fc.record({ calls: fc.integer({ min: 0, max: 4 }), data: fc.integer({ min: 0, max: 4 }) }),
);
const which = fc.nat();

type Step =
  | Operation
  | { do: 'advance'; ms: number }
  | { do: 'setBack'; ms: number }
  | { do: 'lose'; key: number; value: unknown };

type Operation =
  | { do: 'take'; costs: Cost[]; ahead: number; plan: number; key: number; instead: boolean }
  | { do: 'giveBack' | 'look' | 'reset'; which: number; plan: number; key: number }
  | { do: 'settle'; which: number; cost: Cost }
  | { do: 'postpone'; which: number; ms: number }
  | { do: 'pause'; ms: number; plan: number; key: number }
  | { do: 'override'; limits: number | undefined; plan: number; key: number };

const plan = fc.nat({ max: 3 });
const margin = fc.constantFrom(0, 50);
const key = fc.nat({ max: 2 });
const ahead = fc.constantFrom(0, 0, 500, 3000, Infinity);
const quarters = (max: number) => fc.integer({ min: 0, max: max * 4 }).map((ms) => ms / 4);
const ms = fc.oneof({ weight: 6, arbitrary: quarters(2000) }, { weight: 1, arbitrary: quarters(200_000) });

const take: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('take'),
  costs: fc.array(cost, { minLength: 1, maxLength: 4 }),
  ahead,
  plan,
  key,
  instead: fc.boolean(),
});
const steps: fc.Arbitrary<Step>[] = [
  take,
  take,
  take,
  fc.record({ do: fc.constantFrom('giveBack', 'look', 'reset'), which, plan, key }),
  fc.record({ do: fc.constant('settle'), which, cost }),
  fc.record({ do: fc.constant('postpone'), which, ms: quarters(3000) }),
  fc.record({ do: fc.constant('pause'), ms: quarters(3000), plan, key }),
  fc.record({ do: fc.constant('override'), limits: fc.option(fc.nat({ max: 3 }), { nil: undefined }), plan, key }),
  fc.record({ do: fc.constant('advance'), ms }),
  fc.record({ do: fc.constant('advance'), ms }),
];
const setBack: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('setBack'),
  ms: fc.integer({ min: 251, max: 500_000 }),
});
const lose: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('lose'),
  key,
  value: fc.constantFrom(undefined, null, 'foreign', { v: 1 }),
});

/** One key on both stores: receipts of the same calls, and until when it keeps limits of its own for sure. */
interface Call {
  readonly key: string;
  readonly at: number;
  readonly receipts: readonly Receipt[];
}

class History {
  // Both kinds of clock begin at 0, so that both stores join marks of a window alike.
  readonly clock = new ManualClock({ now: 0 });
  readonly values: Values = new Map();
  readonly #stores: readonly StoreOperations[];
  readonly #granted: Call[] = [];
  readonly #reserved: Call[] = [];

  readonly #margin: number;

  /** @param handles stores that are used in turns and must together answer as a memory store does */
  constructor(open: (history: History) => BucketStore, handles: number, margin: number) {
    this.#margin = margin;
    this.#stores = [
      wholeStore(memoryStore({ clock: this.clock })),
      ...Array.from({ length: handles }, () => open(this)),
    ];
  }

  async run(history: readonly Step[]): Promise<void> {
    for (const [index, step] of history.entries()) await this.#step(step, index);
  }

  async #step(step: Step, index: number): Promise<void> {
    if (step.do === 'advance') await this.clock.advance(step.ms);
    else if (step.do === 'setBack') this.clock.jump(-step.ms);
    else if (step.do === 'lose') this.values.set(`key ${step.key}`, step.value);
    else this.#compare(step, index);
  }

  #compare(step: Operation, index: number): void {
    const [memory, ...others] = this.#stores;
    const other = others[index % others.length];
    const answers = [memory, other].map((store, side) => this.#do(step, store as BucketStore, side));
    const [expected, answer] = answers.map(told);
    if (expected !== answer)
      throw new Error(`Step ${index}, ${JSON.stringify(step)}: ${answer} instead of ${expected}`);
    if (step.do === 'take') this.#keep(step, answers as TakeAnswer[]);
  }

  #do(step: Operation, store: BucketStore, side: number): unknown {
    if (step.do === 'settle') {
      const call = this.#recent(this.#granted, step.which);
      return call && store.settle(call.key, call.receipts[side] as Receipt, step.cost);
    }
    if (step.do === 'postpone') {
      const call = this.#recent(this.#granted, step.which);
      return call && store.postpone?.(call.key, call.receipts[side] as Receipt, step.ms);
    }
    const name = `key ${step.key}`;
    const asked = planOf(limits[step.plan] as Limit[], this.#margin);
    switch (step.do) {
      case 'take': {
        const known = this.#reserved.filter((call) => call.key === name && this.#isKnown(call));
        const last = step.instead ? known.at(-1) : undefined;
        const { costs, ahead } = step;
        return store.take(name, { plan: asked, costs, ahead, report: true, instead: last?.receipts[side] });
      }
      case 'giveBack': {
        const call = this.#recent(this.#reserved, step.which);
        return call && store.giveBack(call.key, call.receipts[side] as Receipt);
      }
      case 'look':
        return store.peek(name, asked);
      case 'reset':
        return store.reset(name);
      case 'pause':
        return store.pause(name, step.ms, asked);
      case 'override':
        return store.override(name, step.limits === undefined ? undefined : limits[step.limits], asked);
    }
  }

  #keep({ key }: { key: number }, answers: readonly TakeAnswer[]): void {
    const call = (receiptOf: (answer: TakeAnswer) => Receipt | undefined): Call => ({
      key: `key ${key}`,
      at: this.clock.monotonic(),
      receipts: answers.map((answer) => receiptOf(answer) as Receipt),
    });
    const [{ granted, reserved }] = answers as [TakeAnswer];
    // A call that costs nothing leaves no bucket.
    for (const [index, { cost, plan }] of granted.entries())
      if (plan.rules.some((rule) => costIn(rule, cost) > 0))
        this.#granted.push(call((answer) => answer.granted[index]));
    if (reserved !== undefined) this.#reserved.push(call((answer) => answer.reserved));
  }

  /** One of the calls whose buckets cannot have been forgotten. */
  #recent(calls: readonly Call[], which: number): Call | undefined {
    const recent = calls.filter((call) => this.#isKnown(call));
    return recent[which % recent.length];
  }

  /** A memory store remembers a bucket at rest for 10 seconds. */
  #isKnown({ at }: Call): boolean {
    return at > this.clock.monotonic() - 10_000;
  }
}

/** What an answer says that does not depend on the clock of the store. */
function told(answer: unknown): string {
  const { now, granted, reserved, wait, exceeded, limits, pausedFor } = (answer ?? {}) as Partial<
    TakeAnswer & Standing
  >;
  // What is past counts no more, however long it is past.
  const fromNow = (instant: number) => Math.max(0, instant - (now ?? 0));
  const receipt = ({ slot, cost, after, before, plan }: Receipt) => ({
    slot: slot - (now ?? 0),
    cost,
    after: after.map(fromNow),
    before: before?.map(fromNow),
    limits: plan.rules.map((rule) => [rule.limit.rate, rule.limit.burst, rule.name]),
  });
  return JSON.stringify({
    granted: granted?.map(receipt),
    reserved: reserved && receipt(reserved),
    wait: String(wait),
    exceeded,
    limits,
    pausedFor,
  });
}

const historyOf = (...more: fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof(...steps, ...more), { minLength: 1, maxLength: 60 });

describe('keyValueStore answers as memoryStore does, in random histories', () => {
  it('of several processes', () => {
    return fc.assert(
      fc.asyncProperty(historyOf(), margin, (history, ms) =>
        new History(({ values, clock }) => keyValueStore(asText(values), { clock }), 3, ms).run(history),
      ),
      settings,
    );
  });

  it('of a storage that repeats its steps', () => {
    return fc.assert(
      fc.asyncProperty(historyOf(), margin, (history, ms) =>
        new History(({ values, clock }) => keyValueStore(withRehearsal(values), { clock }), 2, ms).run(history),
      ),
      settings,
    );
  });

  it('of one process whose wall clock is set back', () => {
    return fc.assert(
      fc.asyncProperty(historyOf(setBack), margin, (history, ms) =>
        new History(({ values, clock }) => keyValueStore(onMap(values), { clock }), 1, ms).run(history),
      ),
      settings,
    );
  });

  it('of one process whose storage loses values, but for limits that change and corrections of buckets at rest', () => {
    const kept = historyOf(lose, lose).map((history) =>
      history
        .filter((step) => !['override', 'settle', 'postpone'].includes(step.do))
        // A bucket at rest that was lost is as good as new, unless limits with a longer interval take the place of its own.
        .map((step) => ('plan' in step ? { ...step, plan: (step.key + history.length) % limits.length } : step)),
    );
    return fc.assert(
      fc.asyncProperty(kept, margin, (history, ms) =>
        new History(({ values, clock }) => keyValueStore(onMap(values), { clock }), 1, ms).run(history),
      ),
      settings,
    );
  });
});
