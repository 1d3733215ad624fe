import { createThrottle, QueueFullError, type ThrottleOptions, WaitTooLongError } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { type Call, Dice, LeakyModel, outOfOrder } from '../bucket/history-model.ts';
import { oddClock } from '../time/odd-clock.ts';
import { FakeSignal } from './fake-signal.ts';

const runs = Number(process.env.SLUICE_RUNS ?? 1);
const steps = 10_000;
const T = 100;

/** What one random history is about. */
interface Setting {
  readonly seed: number;
  readonly burst: number;
  readonly concurrency: number;
  readonly maxQueue: number;
  /** Whether all calls cost 1. Priorities are strict only then, since all slots have one size. */
  readonly even: boolean;
  /** Whether `allow`, `reserve` and `reset` are called in between. */
  readonly mixed: boolean;
  /** Whether timers come early and late. */
  readonly odd: boolean;
}

function settingOf(seed: number): Setting {
  const dice = new Dice(seed * 7919);
  return {
    seed,
    burst: dice.pick([1, 1, 2, 5]),
    concurrency: dice.pick([Infinity, Infinity, 1, 3]),
    maxQueue: dice.pick([Infinity, Infinity, 0, 12]),
    even: seed % 2 === 0,
    mixed: seed % 3 === 0,
    odd: seed % 4 === 3,
  };
}

/** One lane on the memory store, and all that the test knows about it. */
class History {
  readonly dice: Dice;
  readonly clock = new ManualClock();
  readonly model: LeakyModel;
  readonly signals: FakeSignal[] = [];
  calls: Call[] = [];
  arrivals = 0;
  /** Pauses, with the number of calls that had come before each. */
  pauses: { from: number; until: number; arrivals: number }[] = [];
  taskTimers = 0;
  inFlight = 0;
  granted: Call[] = [];
  ended = 0;
  /** Slots of reservations, which go whatever comes. */
  reserved: { at: number; cost: number }[] = [];
  readonly throttle: ReturnType<typeof createThrottle>;

  constructor(readonly setting: Setting) {
    const { seed, burst, concurrency, maxQueue, odd } = setting;
    this.dice = new Dice(seed);
    const limits = { rate: 1, interval: T, burst };
    this.model = new LeakyModel(limits);
    const delay = (ms: number) =>
      !odd || this.dice.chance(0.5) ? ms : Math.max(0.5, ms + this.dice.whole(-40, this.dice.pick([5, 60, 400])));
    const options: ThrottleOptions = { margin: 0, limits, concurrency, maxQueue, clock: oddClock(this.clock, delay) };
    this.throttle = createThrottle(options);
  }

  fail(what: string): never {
    throw new Error(`${what} (at ${this.clock.monotonic()} ms, ${JSON.stringify(this.setting)})`);
  }

  check(holds: boolean, what: string): void {
    if (!holds) this.fail(what);
  }

  arrive(): void {
    const { dice, clock } = this;
    const arrival = this.arrivals++;
    const signal = dice.chance(0.5) ? new FakeSignal() : undefined;
    if (signal !== undefined) this.signals.push(signal);
    const call: Call = {
      name: `call ${arrival}`,
      lane: 0,
      cost: this.setting.even ? 1 : dice.whole(0, this.setting.burst),
      priority: dice.pick([0, 0, 0, 1, -1]),
      arrival,
      arrivedAt: clock.monotonic(),
      maxWait: dice.chance(0.3) ? dice.whole(0, 15) * (T / 2) : Infinity,
      abort: signal === undefined ? undefined : (reason) => signal.abort(reason),
      isRun: dice.chance(0.5),
      abortedAt: undefined,
      abortReason: undefined,
      end: undefined,
      times: 0,
    };
    this.calls.push(call);
    const options = { cost: call.cost, priority: call.priority, maxWait: call.maxWait, signal: signal?.signal };
    const end = (granted: boolean, error?: unknown) => {
      call.times++;
      call.end = { granted, at: clock.monotonic(), error };
      this.ended++;
      if (granted) this.granted.push(call);
    };
    if (call.isRun) {
      let started = false;
      const task = () => {
        started = true;
        end(true);
        this.inFlight++;
        this.check(this.inFlight <= this.setting.concurrency, 'More calls are in flight than may be');
        return this.work();
      };
      this.throttle.run(task, options).then(
        () => this.inFlight--,
        (error) => (started ? this.inFlight-- : end(false, error)),
      );
    } else {
      this.throttle.wait('default', options).then(
        () => end(true),
        (error) => end(false, error),
      );
    }
  }

  /** What a task does: nothing, something for a while, or it fails. */
  work(): unknown {
    const ms = this.dice.pick([0, 0, 30, 150, 400]);
    if (ms === 0) {
      if (this.dice.chance(0.3)) throw new Error('the task failed');
      return undefined;
    }
    this.taskTimers++;
    return new Promise((resolve, reject) => {
      const isBad = this.dice.chance(0.3);
      this.clock.setTimeout(() => {
        this.taskTimers--;
        if (isBad) reject(new Error('the task failed'));
        else resolve(undefined);
      }, ms);
    });
  }

  async abort(): Promise<void> {
    // What has been decided shows only when promises have settled.
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

  async mix(): Promise<void> {
    const { dice, clock, throttle } = this;
    const cost = dice.whole(1, this.setting.burst);
    if (dice.chance(0.6)) {
      const { allowed } = await throttle.allow('default', { cost });
      if (allowed) this.reserved.push({ at: clock.monotonic(), cost });
    } else {
      const slot = await throttle.reserve('default', { cost, maxWait: 3 * T }).catch(() => undefined);
      if (slot === undefined) return;
      const at = clock.monotonic() + slot.wait;
      if (slot.wait > 0 && dice.chance(0.5)) await slot.cancel();
      else this.reserved.push({ at, cost });
    }
  }

  async step(): Promise<void> {
    const { dice, clock, throttle } = this;
    const die = dice.next();
    if (die < 0.42) this.arrive();
    else if (die < 0.52) await this.abort();
    else if (die < 0.54) {
      const ms = dice.whole(-T, 6 * T);
      const from = clock.monotonic();
      this.pauses.push({ from, until: from + ms, arrivals: this.arrivals });
      await throttle.pause('default', clock.now() + ms);
    } else if (die < 0.56) clock.jump(dice.pick([-3_600_000, 3_600_000, -50, 50]));
    else if (die < 0.6 && this.setting.mixed) await this.mix();
    else {
      await clock.advance(0);
      await clock.advance(dice.pick([0, 1, 10, T / 2, T, 2 * T + 1]));
    }
    // Now and then several things happen at one instant.
    if (dice.chance(0.3)) return;
    await clock.advance(0);
    this.settle();
    this.checkNobodyWaitsForNothing();
  }

  /** Checks all that must hold between two steps, and forgets the calls that are over. */
  settle(): void {
    const { clock, model } = this;
    const now = clock.monotonic();
    const departures = [
      ...this.granted.map(({ end, cost }) => ({ at: (end as { at: number }).at, cost })),
      ...this.reserved.filter(({ at }) => at <= now),
    ].sort((a, b) => a.at - b.at);
    this.reserved = this.reserved.filter(({ at }) => at > now);
    for (const { at, cost } of departures) {
      this.check(model.add(at, cost) === 0, `A call of cost ${cost} went too early, at ${at}`);
    }
    const strict = this.setting.even;
    this.check(
      outOfOrder(this.granted, this.calls, strict) === undefined,
      `${outOfOrder(this.granted, this.calls, strict)}`,
    );
    for (const call of this.calls) if (call.end !== undefined) this.checkEnd(call);
    this.calls = this.calls.filter(({ end }) => end === undefined);
    this.granted = [];
    this.pauses = this.pauses.filter(({ until }) => until >= now);
    this.check(clock.timers - this.taskTimers <= 1, `There are ${clock.timers - this.taskTimers} timers`);
    if (this.calls.length === 0) this.check(clock.timers === this.taskTimers, 'An empty lane has a timer');
    for (const signal of this.signals) this.check(signal.listeners <= 1, 'A signal has too many listeners');
  }

  checkEnd(call: Call): void {
    const { end, arrivedAt, maxWait, name } = call;
    const { granted, at, error } = end as NonNullable<Call['end']>;
    this.check(call.times === 1, `${name} ended ${call.times} times`);
    const { odd } = this.setting;
    if (granted) {
      this.check(at <= arrivedAt + maxWait + (odd ? 100 : 0), `${name} waited longer than its maxWait`);
      const isPaused = this.pauses.some(
        ({ from, until, arrivals }) => at < until && (at > from || (at === from && call.arrival >= arrivals)),
      );
      this.check(!isPaused, `${name} went during a pause`);
      this.check(call.abortedAt === undefined, `${name} went though it was aborted`);
    } else if (call.abortedAt !== undefined) {
      this.check(
        error === call.abortReason && at === call.abortedAt,
        `${name} did not end with the reason of its abort`,
      );
    } else if (error instanceof WaitTooLongError) {
      this.check(maxWait !== Infinity && error.wait >= maxWait, `${name} failed for a wait of ${error.wait}`);
      this.check(odd || at <= arrivedAt + maxWait, `${name} failed too late`);
    } else {
      this.check(error instanceof QueueFullError && at === arrivedAt, `${name} failed with ${error}`);
      this.check(this.setting.maxQueue < Infinity, `${name} found a queue full that has no bound`);
    }
  }

  /** In the simplest setting a call waits only if it must. */
  checkNobodyWaitsForNothing(): void {
    const { clock, model, setting } = this;
    if (!setting.even || setting.mixed || setting.odd || this.calls.length === 0) return;
    const now = clock.monotonic();
    if (this.pauses.some(({ until }) => until > now) || this.inFlight >= setting.concurrency) return;
    this.check(!model.conforms(now, 1), `${this.calls[0]?.name} waits though it could go`);
  }

  /** Lets all that is left go. */
  async end(): Promise<void> {
    const { clock, throttle } = this;
    await clock.advance(0);
    for (let look = 0; look < 2000 && (this.calls.length > 0 || this.inFlight > 0); look++) {
      await clock.advance(20 * T);
      this.settle();
    }
    this.check(this.calls.length === 0, `${this.calls.length} calls are lost`);
    this.check(this.ended === this.arrivals, `${this.arrivals} calls came, ${this.ended} ended`);
    const { waiting, inFlight } = await throttle.status();
    expect({ waiting, inFlight, timers: clock.timers }).toEqual({ waiting: 0, inFlight: 0, timers: 0 });
    expect(this.signals.filter((signal) => signal.listeners > 0)).toEqual([]);
  }
}

describe('a lane over 10,000 random steps', () => {
  const seeds = Array.from({ length: 4 * runs }, (_, index) => index + 1 + 4 * Number(process.env.SLUICE_SEED ?? 0));
  test.each(seeds)(
    'loses no call, lets none go early or twice, and keeps their order: seed %i',
    { timeout: 30_000 * runs },
    async (seed) => {
      const history = new History(settingOf(seed));
      for (let step = 0; step < steps; step++) await history.step();
      await history.end();
    },
  );
});
