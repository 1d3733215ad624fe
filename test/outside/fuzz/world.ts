import { type Cost, createThrottle, type Grant, type Limit, type Throttle, throttleFetch } from 'sluice';
import { Dice } from '../../core/bucket/history-model.ts';
import { WorldClock } from './clock.ts';
import { type Departure, type Log, newLog, type Outcome, type Settled, type Told, type ToldLeft } from './log.ts';
import { longestRun } from './patience.ts';
import type { CallPlan, ChangePlan, PausePlan, Setup, SyncPlan } from './setup.ts';
import { type StoreMaker, storesHere } from './stores.ts';

const origin = 'https://api.example.com';
/** After this time without an answer a connection is closed, in ms. */
const connectionsLast = 3_000;

/** Lets a world run from its beginning to its end. */
export async function runWorld(setup: Setup, stores: StoreMaker = storesHere): Promise<Log> {
  const world = new World(setup, stores);
  const { random } = Math;
  const onUnhandled = (error: unknown) => void world.log.unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  const dice = new Dice(setup.seed);
  Math.random = () => dice.next();
  try {
    await world.run();
  } finally {
    Math.random = random;
    process.off('unhandledRejection', onUnhandled);
  }
  return world.log;
}

/** What leads to the server from one sharer. */
class Wire {
  readonly #setup: Setup;
  readonly #dice: Dice;
  #answeredAt = -Infinity;
  #openAt = -Infinity;
  #openedAfter = Number.NaN;

  constructor(setup: Setup, dice: Dice) {
    this.#setup = setup;
    this.#dice = dice;
  }

  send(now: number): Pick<Departure, 'isCold' | 'arrivesAt' | 'answeredAt'> {
    const { way, ponders, opening } = this.#setup;
    const isCold = now - this.#answeredAt > connectionsLast;
    let openAt = now;
    if (isCold && opening?.each) openAt = now + this.#dice.next() * opening.most;
    else if (isCold && opening !== undefined) {
      if (this.#openedAfter !== this.#answeredAt) {
        this.#openAt = now + this.#dice.next() * opening.most;
        this.#openedAfter = this.#answeredAt;
      }
      openAt = Math.max(now, this.#openAt);
    }
    const arrivesAt = openAt + way.there + this.#dice.next() * way.jitter;
    return { isCold, arrivesAt, answeredAt: arrivesAt + way.inside + this.#dice.next() * ponders + way.back };
  }

  noteAnswer(now: number): void {
    this.#answeredAt = now;
  }
}

interface Sharer {
  readonly throttle: Throttle;
  readonly fetch: typeof fetch;
  readonly wire: Wire;
  inFlight: number;
}

class World {
  readonly log: Log;
  readonly #setup: Setup;
  readonly #clock: WorldClock;
  readonly #dice: Dice;
  readonly #sharers: Sharer[];
  readonly #departures = new Map<number, Departure>();
  readonly #key: string;
  #order = 0;
  #left = 0;
  #settling = 0;
  #onTheWay = 0;

  constructor(setup: Setup, stores: StoreMaker) {
    this.#setup = setup;
    this.log = newLog(setup);
    this.#dice = new Dice(setup.seed * 31 + 7);
    const lateDice = new Dice(setup.seed * 17 + 3);
    const { most, always } = setup.late;
    this.#clock = new WorldClock(() => (always ? most : most * lateDice.next()));
    this.#key = origin;
    const makeStore = stores(setup, this.#clock, this.#dice);
    this.#sharers = Array.from({ length: setup.sharers }, (_, index) => this.#open(index, makeStore()));
  }

  #open(index: number, store: ReturnType<ReturnType<StoreMaker>>): Sharer {
    const { limits, margin, calls, plain } = this.#setup;
    const throttle = createThrottle({
      limits: limits.length === 1 ? (limits[0] as Limit) : limits,
      margin,
      clock: this.#clock,
      ...(store === undefined ? {} : { store }),
    });
    const wire = new Wire(this.#setup, this.#dice);
    const callOf = (url: string) => calls[Number(url.slice(url.lastIndexOf('/') + 1))] as CallPlan;
    const send = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      if (init?.signal?.aborted) throw init.signal.reason;
      await this.#depart(callOf(String(input)));
      return new Response(null);
    };
    const makeFetch = () =>
      plain
        ? throttleFetch(throttle, { fetch: send as typeof fetch, retry: 0 })
        : throttleFetch(throttle, {
            fetch: send as typeof fetch,
            retry: 0,
            cost: ({ url }) => callOf(url.pathname).cost,
            priority: ({ url }) => callOf(url.pathname).priority,
            settle: (_, { url }) => this.#settleOf(callOf(url.pathname), index),
          });
    const fetches = calls.some(({ by }) => by === 'fetch');
    return { throttle, wire, inFlight: 0, fetch: fetches ? makeFetch() : (send as typeof fetch) };
  }

  async run(): Promise<void> {
    const { calls, changes, pauses, syncs } = this.#setup;
    const clock = this.#clock;
    for (const call of calls) clock.exactly(call.at, () => void this.#make(call));
    for (const change of changes) clock.exactly(change.at, () => void this.#change(change));
    for (const pause of pauses) clock.exactly(pause.at, () => void this.#pause(pause));
    for (const sync of syncs) clock.exactly(sync.at, () => void this.#sync(sync));
    const patience = longestRun(this.#setup);
    const lastAt = Math.max(...[...calls, ...changes, ...pauses, ...syncs].map(({ at }) => at));
    this.#left = calls.length;
    while (this.#left > 0 && clock.monotonic() < patience) await clock.advance(500);
    this.log.stillWait = this.log.outcomes.flatMap(({ call, state }) => (state === 'waits' ? [call] : []));
    this.log.ranOutAt = clock.monotonic();
    while (clock.monotonic() < lastAt) await clock.advance(500);
    // What is on its way is answered and settled.
    for (let step = 0; step < 200 && (this.#settling > 0 || this.#onTheWay > 0); step++) await clock.advance(500);
    await clock.advance(this.#dice.next() * 300);
    const statuses = this.#sharers.map(async ({ throttle }) => {
      const status = await throttle.status(this.#key);
      this.log.final.push({ at: clock.monotonic(), status });
    });
    await this.#ends('status', Promise.all(statuses));
    await this.#ends('close', Promise.all(this.#sharers.map(({ throttle }) => throttle.close())));
    // Rejections that nobody handles are told a turn of the event loop later.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time go by until something is done that should not take long. */
  async #ends(what: string, work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const watch = async () => {
      try {
        await work;
      } catch (error) {
        this.log.hung.push(`${what} failed: ${error}`);
      }
      isDone = true;
    };
    void watch();
    for (let step = 0; step < 40 && !isDone; step++) await this.#clock.advance(step < 20 ? 10 : 500);
    if (!isDone) this.log.hung.push(`${what} did not end`);
  }

  /** Notes that a call leaves; resolves when its answer is there. */
  async #depart(call: CallPlan): Promise<void> {
    const clock = this.#clock;
    const sharer = this.#sharers[call.sharer] as Sharer;
    const at = clock.monotonic();
    const departure: Departure = {
      call,
      order: this.#order++,
      askedAt: call.at,
      at,
      ...sharer.wire.send(at),
      settled: [],
    };
    this.log.departures.push(departure);
    this.#departures.set(call.id, departure);
    // Only these hold a place until they are answered.
    const isSeen = call.by === 'fetch' || call.by === 'run';
    if (isSeen) sharer.inFlight++;
    this.#onTheWay++;
    await clock.sleep(departure.answeredAt - at);
    if (isSeen) sharer.inFlight--;
    this.#onTheWay--;
    sharer.wire.noteAnswer(clock.monotonic());
    if (this.#setup.margin === 'auto' && this.log.departures.length % 5 === 0) void this.#lookAtMargin(sharer);
  }

  async #lookAtMargin({ throttle }: Sharer): Promise<void> {
    const { margin } = await throttle.status(this.#key);
    this.log.margins.push({ at: this.#clock.monotonic(), margin });
  }

  async #make(call: CallPlan): Promise<void> {
    const outcome: Outcome = { call, state: 'waits' };
    this.log.outcomes.push(outcome);
    try {
      outcome.state = await this.#ways[call.by](call, this.#sharers[call.sharer] as Sharer);
    } catch (error) {
      outcome.state = error === call ? 'quit' : 'failed';
      outcome.error = error;
    } finally {
      this.#left--;
    }
  }

  readonly #ways: Readonly<Record<CallPlan['by'], (call: CallPlan, sharer: Sharer) => Promise<Outcome['state']>>> = {
    fetch: async (call, { fetch }) => {
      const signal = this.#signal(call);
      await (signal === undefined ? fetch(`${origin}/${call.id}`) : fetch(`${origin}/${call.id}`, { signal }));
      return 'left';
    },
    run: async (call, { throttle }) => {
      const { cost, priority, settle } = call;
      const task = async (grant: Grant) => {
        await this.#depart(call);
        if (settle !== undefined && settle.after > 0) void this.#settleLater(call, grant, throttle);
      };
      const atOnce = settle?.after === 0 ? settle : undefined;
      const signal = this.#signal(call);
      await throttle.run(task, {
        key: this.#key,
        cost,
        priority,
        ...(signal && { signal }),
        ...(atOnce && { settle: () => this.#noteSettled(call.id, atOnce.cost).to }),
      });
      if (atOnce) await this.#appliedSoon(call.id);
      return 'left';
    },
    wait: async (call, { throttle }) => {
      const { cost, priority } = call;
      const signal = this.#signal(call);
      const isPlain = cost === 1 && priority === 0 && signal === undefined;
      const grant = await (isPlain
        ? throttle.wait(this.#key)
        : throttle.wait(this.#key, { cost, priority, ...(signal && { signal }) }));
      await this.#depart(call);
      if (call.settle !== undefined) void this.#settleLater(call, grant, throttle);
      return 'left';
    },
    allow: async (call, { throttle }) => {
      const { allowed, wait } = await throttle.allow(this.#key, { cost: call.cost });
      if (!allowed && !(wait > 0) && this.#setup.sharers === 1)
        throw new Error(`allow said no, and to wait ${wait} ms`);
      if (allowed) await this.#depart(call);
      return allowed ? 'left' : 'refused';
    },
    reserve: async (call, { throttle }) => {
      const clock = this.#clock;
      const reservation = await throttle.reserve(this.#key, { cost: call.cost });
      const dueAt = clock.monotonic() + reservation.wait;
      const { quitsAfter } = call;
      if (quitsAfter !== undefined && clock.monotonic() + quitsAfter < dueAt) {
        await clock.sleep(quitsAfter);
        await reservation.cancel();
        return 'quit';
      }
      await clock.sleep(dueAt - clock.monotonic());
      await this.#depart(call);
      if (call.settle !== undefined) void this.#settleLater(call, reservation, throttle);
      return 'left';
    },
  };

  #signal(call: CallPlan): AbortSignal | undefined {
    if (call.quitsAfter === undefined) return undefined;
    const controller = new AbortController();
    this.#clock.exactly(call.quitsAfter, () => controller.abort(call));
    return controller.signal;
  }

  #noteSettled(id: number, to: Cost): Settled {
    const settled: Settled = { to, at: this.#clock.monotonic(), appliedAt: Infinity };
    this.#departures.get(id)?.settled.push(settled);
    return settled;
  }

  /** Where the throttle settles by itself nobody is told when it is done: in memory it is a matter of promises. */
  async #appliedSoon(id: number): Promise<void> {
    if (this.#setup.store !== 'memory') return;
    const settled = this.#departures.get(id)?.settled.at(-1);
    await this.#clock.sleep(0);
    if (settled !== undefined) settled.appliedAt = this.#clock.monotonic();
  }

  async #settleLater(call: CallPlan, grant: Grant, throttle: Throttle): Promise<void> {
    const { cost, after } = call.settle as NonNullable<CallPlan['settle']>;
    this.#settling++;
    if (after > 0) await this.#clock.sleep(after);
    await this.#watch(call, throttle, cost, async () => {
      const settled = this.#noteSettled(call.id, cost);
      await throttle.settle(grant, { cost });
      settled.appliedAt = this.#clock.monotonic();
    });
    this.#settling--;
  }

  /** What `settle` of the adapter is given: the true cost, when it is known. */
  #settleOf(call: CallPlan, index: number): Cost | undefined | Promise<Cost> {
    const { settle } = call;
    if (settle === undefined) return undefined;
    const { throttle } = this.#sharers[index] as Sharer;
    this.#settling++;
    return new Promise((resolve) => {
      const tell = async () => {
        await this.#watch(call, throttle, settle.cost, async () => {
          this.#noteSettled(call.id, settle.cost);
          resolve(settle.cost);
          await this.#clock.sleep(this.#setup.store === 'slow map' || this.#setup.store === 'redis' ? 200 : 0);
          await this.#appliedSoon(call.id);
        });
        this.#settling--;
      };
      if (settle.after > 0) this.#clock.exactly(settle.after, () => void tell());
      else void tell();
    });
  }

  /** Looks at the status before a settlement and after it, if nobody waits and nothing else is in between. */
  async #watch(call: CallPlan, throttle: Throttle, to: Cost, settle: () => Promise<void>): Promise<void> {
    const looks = this.#setup.profile === 'settling';
    const departure = this.#departures.get(call.id);
    const before = looks ? await throttle.status(this.#key) : undefined;
    const order = this.#order;
    const at = this.#clock.monotonic();
    const waiting = () => this.log.outcomes.some(({ state }) => state === 'waits');
    const isQuiet = !waiting() && this.#settling === 1;
    await settle();
    if (!isQuiet || before === undefined || departure === undefined) return;
    const after = await throttle.status(this.#key);
    if (this.#order !== order || waiting() || this.#settling !== 1) return;
    this.log.seen.push({ departure, at, from: call.cost, to, before, after });
  }

  async #change(plan: ChangePlan): Promise<void> {
    const { by, limits, sharer } = plan;
    const changed = { plan, order: this.#order++, appliedAt: Infinity };
    this.log.changes.push(changed);
    const all = this.#sharers.map(({ throttle }) => throttle);
    if (by === 'setLimits') await (all[sharer ?? 0] as Throttle).setLimits(this.#key, limits);
    else {
      const those = sharer === undefined ? all : [all[sharer] as Throttle];
      await Promise.all(those.map((throttle) => throttle.configure({ limits: limits as readonly Limit[] })));
    }
    changed.appliedAt = this.#clock.monotonic();
  }

  async #pause({ sharer, ms }: PausePlan): Promise<void> {
    const at = this.#clock.monotonic();
    const told: Told = { sharer, at, order: this.#order++, until: at + ms, appliedAt: Infinity };
    this.log.pauses.push(told);
    await (this.#sharers[sharer] as Sharer).throttle.pause(this.#key, this.#clock.now() + ms);
    told.appliedAt = this.#clock.monotonic();
  }

  async #sync({ sharer, ms, remaining }: SyncPlan): Promise<void> {
    const at = this.#clock.monotonic();
    const { throttle, inFlight } = this.#sharers[sharer] as Sharer;
    const told: ToldLeft = {
      sharer,
      at,
      order: this.#order++,
      until: at + ms,
      appliedAt: Infinity,
      remaining,
      inFlight,
    };
    this.log.syncs.push(told);
    await throttle.sync(this.#key, { remaining, resetAt: this.#clock.now() + ms });
    told.appliedAt = this.#clock.monotonic();
  }
}
