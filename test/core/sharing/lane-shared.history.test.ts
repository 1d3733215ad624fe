import {
  type BucketStore,
  createThrottle,
  isThrottleError,
  memoryStore,
  type Receipt,
  StoreError,
  type StoreOperations,
  sharedStore,
  type TakeAnswer,
  type Throttle,
  WaitTooLongError,
} from 'sluice';
import { ManualClock, type StoreOperation } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import type { CallGrant } from '../../../src/core/base/grant.ts';
import type { Answer } from '../../../src/core/base/store.ts';
import { type Call, Dice, LeakyModel, outOfOrder } from '../bucket/history-model.ts';
import { FakeSignal } from '../line/fake-signal.ts';
import { operations } from './slow-store.ts';

const runs = Number(process.env.SLUICE_RUNS ?? 1);
const steps = 10_000;
const T = 100;
/** The longest that the store takes for an answer while nothing is wrong, in ms. */
const slowest = 30;
/** How long after its slot a call may leave on a shared store, in ms. */
const lateness = 20;

/** What one random history is about. */
interface Setting {
  readonly seed: number;
  readonly lanes: number;
  readonly burst: number;
  readonly concurrency: number;
  readonly onStoreError: 'memory' | 'reject';
  /** Whether all calls cost 1. */
  readonly even: boolean;
  /** Whether the store fails now and then. */
  readonly faulty: boolean;
}

function settingOf(seed: number): Setting {
  const dice = new Dice(seed * 104_729);
  return {
    seed,
    lanes: dice.whole(1, 3),
    burst: dice.pick([1, 1, 2, 5]),
    concurrency: dice.pick([Infinity, Infinity, 2]),
    onStoreError: dice.pick(['memory', 'memory', 'reject']),
    even: seed % 4 > 1,
    faulty: seed % 2 === 0,
  };
}

/** The store that all lanes share, with a log of what it granted and what came back. */
class Ledger {
  readonly inner: BucketStore;
  /** What calls cost in all that were granted or reserved at an instant and did not come back: several may come back as one. */
  readonly taken = new Map<number, number>();
  timers = 0;

  constructor(
    readonly clock: ManualClock,
    readonly dice: Dice,
  ) {
    this.inner = memoryStore({ clock });
  }

  count({ slot, cost }: Pick<Receipt, 'slot' | 'cost'>, by: 1 | -1): number {
    const left = (this.taken.get(slot) ?? 0) + by * (cost as number);
    this.taken.set(slot, left);
    return left;
  }

  do(operation: StoreOperation, args: readonly unknown[]): Answer<unknown> {
    const answer = (this.inner[operation] as (...args: unknown[]) => Answer<unknown>)(...args);
    if (operation === 'take') {
      const { instead } = args[1] as { instead?: Receipt };
      if (instead !== undefined) this.count(instead, -1);
      const { granted, reserved } = answer as TakeAnswer;
      for (const receipt of reserved === undefined ? granted : [...granted, reserved]) this.count(receipt, 1);
    }
    if (operation === 'giveBack' || operation === 'settle') this.count(args[1] as Receipt, -1);
    return answer;
  }

  async sleep(ms: number): Promise<void> {
    if (ms <= 0) return;
    this.timers++;
    await new Promise<void>((resolve) => this.clock.setTimeout(resolve, ms));
    this.timers--;
  }

  /** One throttle's way to the store: slow, and faulty as far as `isFaulty` says so. */
  connect(isFaulty: () => boolean): BucketStore {
    const { dice } = this;
    const wrapped: Record<string, unknown> = { name: 'ledger', shared: true };
    for (const operation of operations) {
      wrapped[operation] = (...args: unknown[]) => {
        const fault = isFaulty() ? dice.pick(['throws', 'rejects', 'hangs', 'answers late', 'loses the answer']) : '';
        if (fault === 'throws') throw new Error('the store throws');
        return this.answer(operation, args, fault);
      };
    }
    return sharedStore(wrapped as unknown as StoreOperations);
  }

  async answer(operation: StoreOperation, args: readonly unknown[], fault: string): Promise<unknown> {
    const { dice } = this;
    const before = dice.pick([0, 0, dice.whole(0, slowest / 2)]);
    const after = dice.pick([0, 0, dice.whole(0, slowest / 2)]);
    await this.sleep(before);
    if (fault === 'rejects') throw new Error('the store rejects');
    if (fault === 'hangs') return new Promise(() => {});
    if (fault === 'answers late' && dice.chance(0.5)) await this.sleep(6000);
    const answer = this.do(operation, args);
    if (fault === 'loses the answer') throw new Error('the answer was lost');
    const more = fault === 'answers late' ? 6000 : after;
    await this.sleep(more);
    if (operation !== 'take') return answer;
    const { wait } = answer as TakeAnswer;
    return { ...(answer as TakeAnswer), wait: Math.max(0, wait - more) };
  }
}

/** A few lanes on one store, and all that the test knows about them. */
class History {
  readonly dice: Dice;
  readonly clock = new ManualClock();
  readonly ledger: Ledger;
  readonly throttles: Throttle[];
  /** Per lane a bucket of all that went through it, to judge what its local stand-in grants. */
  readonly locals: LeakyModel[];
  readonly signals: FakeSignal[] = [];
  readonly inFlight: number[];
  readonly used: { slot: number; cost: number }[] = [];
  calls: Call[] = [];
  granted: (Call & { standIn: boolean })[] = [];
  pauses: { lane: number; from: number; until: number }[] = [];
  arrivals = 0;
  ended = 0;
  taskTimers = 0;
  operations = 0;
  isEnding = false;

  constructor(readonly setting: Setting) {
    const { seed, lanes, burst, concurrency, onStoreError, faulty } = setting;
    this.dice = new Dice(seed);
    this.ledger = new Ledger(this.clock, this.dice);
    const limits = { rate: 1, interval: T, burst };
    const numbers = Array.from({ length: lanes }, (_, lane) => lane);
    this.throttles = numbers.map(() => {
      const store = this.ledger.connect(() => faulty && !this.isEnding && this.dice.chance(0.03));
      return createThrottle({ margin: 0, limits, clock: this.clock, store, concurrency, onStoreError });
    });
    this.locals = numbers.map(() => new LeakyModel(limits));
    this.inFlight = numbers.map(() => 0);
  }

  check(holds: boolean, what: string): void {
    if (!holds) throw new Error(`${what} (at ${this.clock.monotonic()} ms, ${JSON.stringify(this.setting)})`);
  }

  arrive(): void {
    const { dice, clock } = this;
    const arrival = this.arrivals++;
    const signal = dice.chance(0.4) ? new FakeSignal() : undefined;
    if (signal !== undefined) this.signals.push(signal);
    const lane = dice.whole(0, this.setting.lanes - 1);
    const throttle = this.throttles[lane] as Throttle;
    const call: Call = {
      name: `call ${arrival}`,
      lane,
      cost: this.setting.even ? 1 : dice.whole(1, this.setting.burst),
      priority: dice.pick([0, 0, 0, 1, -1]),
      arrival,
      arrivedAt: clock.monotonic(),
      maxWait: dice.chance(0.3) ? dice.whole(0, 15) * (T / 2) : Infinity,
      abort: signal === undefined ? undefined : (reason) => signal.abort(reason),
      isRun: dice.chance(0.3),
      abortedAt: undefined,
      abortReason: undefined,
      end: undefined,
      times: 0,
    };
    this.calls.push(call);
    const options = { cost: call.cost, priority: call.priority, maxWait: call.maxWait, signal: signal?.signal };
    const end = (error: unknown, grant?: unknown) => {
      const at = clock.monotonic();
      call.times++;
      call.end = { granted: grant !== undefined, at, error };
      this.ended++;
      if (grant === undefined) return;
      const { slot, standIn } = (grant as CallGrant).receipt;
      this.granted.push(Object.assign(call, { standIn: standIn === true }));
      if (standIn) return;
      this.used.push({ slot, cost: call.cost });
      this.check(at >= slot, `${call.name} went at ${at}, before its slot at ${slot}`);
      this.check(at - slot <= lateness + slowest, `${call.name} went at ${at}, long after its slot at ${slot}`);
    };
    if (!call.isRun) {
      throttle.wait('default', options).then((grant) => end(undefined, grant), end);
      return;
    }
    const task = async (grant: unknown) => {
      end(undefined, grant);
      this.inFlight[lane] = (this.inFlight[lane] as number) + 1;
      this.check((this.inFlight[lane] as number) <= this.setting.concurrency, 'More calls are in flight than may be');
      this.taskTimers++;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, dice.pick([5, 100, 400])));
      this.taskTimers--;
      this.inFlight[lane] = (this.inFlight[lane] as number) - 1;
      if (dice.chance(0.3)) throw 'the task failed';
    };
    throttle.run(task, options).catch((error) => {
      if (error !== 'the task failed') end(error);
    });
  }

  async abort(): Promise<void> {
    await this.clock.advance(0);
    const waiting = this.calls.filter(
      ({ end, abort, abortedAt }) => !end && abort !== undefined && abortedAt === undefined,
    );
    if (waiting.length === 0) return;
    const call = this.dice.pick(waiting);
    call.abortedAt = this.clock.monotonic();
    call.abortReason = { of: call.name };
    call.abort?.(call.abortReason);
  }

  pause(): void {
    const { dice, clock } = this;
    const lane = dice.whole(0, this.setting.lanes - 1);
    const ms = dice.whole(1, 15 * T);
    const from = clock.monotonic();
    this.pauses.push({ lane, from, until: from + ms });
    this.operations++;
    const done = () => this.operations--;
    (this.throttles[lane] as Throttle).pause('default', clock.now() + ms).then(done, done);
  }

  async step(): Promise<void> {
    const { dice, clock } = this;
    const die = dice.next();
    if (die < 0.35) this.arrive();
    else if (die < 0.43) await this.abort();
    else if (die < 0.44) this.pause();
    else if (die < 0.46) clock.jump(dice.pick([-3_600_000, 3_600_000]));
    else {
      await clock.advance(0);
      await clock.advance(dice.pick([0, 1, 10, T / 2, T, 2 * T + 1]));
    }
    if (dice.chance(0.3)) return;
    await clock.advance(0);
    this.settle();
  }

  /** Checks all that must hold between two steps, and forgets the calls that are over. */
  settle(): void {
    const { clock, setting } = this;
    const now = clock.monotonic();
    for (const { lane, end, cost, standIn, name } of this.granted) {
      const { at } = end as { at: number };
      const excess = (this.locals[lane] as LeakyModel).add(at, cost);
      // The calls before it may have left some ms after their slots.
      if (standIn) this.check(excess * T <= lateness, `${name} went too early from the local bucket, at ${at}`);
    }
    const passed = outOfOrder(this.granted, this.calls, setting.even);
    this.check(passed === undefined, `${passed}`);
    for (const call of this.calls) if (call.end !== undefined) this.checkEnd(call);
    this.calls = this.calls.filter(({ end }) => end === undefined);
    this.granted = [];
    this.pauses = this.pauses.filter(({ until }) => until >= now);
    const timers = clock.timers - this.taskTimers - this.ledger.timers;
    // Each lane is of a throttle of its own, which has one more while its store is asked.
    this.check(timers <= 2 * setting.lanes, `There are ${timers} timers`);
    for (const signal of this.signals) this.check(signal.listeners <= 1, 'A signal has too many listeners');
  }

  checkEnd({ name, lane, end, arrivedAt, maxWait, times, abortedAt, abortReason }: Call): void {
    const { granted, at, error } = end as NonNullable<Call['end']>;
    this.check(times === 1, `${name} ended ${times} times`);
    if (granted) {
      this.check(abortedAt === undefined, `${name} went though it was aborted`);
      this.check(at <= arrivedAt + maxWait + 250, `${name} waited longer than its maxWait`);
      const own = this.pauses.some((pause) => pause.lane === lane && at > pause.from && at < pause.until);
      this.check(!own, `${name} went during a pause of its own throttle`);
      // The others look into the store once a second.
      const { faulty } = this.setting;
      const others = this.pauses.some(({ from, until }) => at > from + 1000 + 4 * slowest && at < until);
      this.check(faulty || !others, `${name} went during a pause of another throttle`);
    } else if (abortedAt !== undefined) {
      this.check(error === abortReason && at === abortedAt, `${name} did not end with the reason of its abort`);
    } else if (error instanceof WaitTooLongError) {
      this.check(maxWait !== Infinity && error.wait >= maxWait, `${name} failed for a wait of ${error.wait}`);
      this.check(at <= arrivedAt + maxWait + 250, `${name} failed too late`);
    } else {
      const { faulty, onStoreError } = this.setting;
      const isAllowed = faulty && onStoreError === 'reject' && error instanceof StoreError;
      this.check(isAllowed && isThrottleError(error), `${name} failed with ${error}`);
    }
  }

  /** Lets all that is left go. */
  async end(): Promise<void> {
    const { clock, ledger, setting } = this;
    this.isEnding = true;
    await clock.advance(0);
    for (let look = 0; look < 5000 && (this.calls.length > 0 || this.taskTimers > 0); look++) {
      await clock.advance(10 * T);
      this.settle();
    }
    await clock.advance(20_000);
    this.check(this.calls.length === 0, `${this.calls.length} calls are lost`);
    this.check(this.ended === this.arrivals, `${this.arrivals} calls came, ${this.ended} ended`);
    expect({ timers: clock.timers, operations: this.operations }).toEqual({ timers: 0, operations: 0 });
    expect(this.signals.filter((signal) => signal.listeners > 0)).toEqual([]);

    // Every call that went had a slot of its own, and the slots keep the bucket.
    for (const slot of this.used) this.check(ledger.count(slot, -1) >= 0, `The slot at ${slot.slot} was used twice`);
    const model = new LeakyModel({ rate: 1, interval: T, burst: setting.burst });
    for (const { slot, cost } of this.used.sort((a, b) => a.slot - b.slot)) {
      this.check(model.add(slot, cost) === 0, `The slot at ${slot} came too early`);
    }
    // And none was left lying about: a slot that others made later goes back at its later instant.
    const lost = [...ledger.taken.values()].reduce((sum, cost) => sum + cost, 0);
    if (!setting.faulty) expect(lost).toBe(0);
  }
}

describe('lanes on one slow store over 10,000 random steps', () => {
  const seeds = Array.from({ length: 4 * runs }, (_, index) => index + 1);
  test.each(seeds)(
    'lose no call, use every slot once and keep the bucket: seed %i',
    async (seed) => {
      const history = new History(settingOf(seed));
      for (let step = 0; step < steps; step++) await history.step();
      await history.end();
    },
    30_000,
  );
});
