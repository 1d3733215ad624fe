import type { Events } from '../base/events.ts';
import type { CallGrant, Grant } from '../base/grant.ts';
import { HeldGrant } from '../base/grant.ts';
import type { ServerSignal } from '../base/server-signal.ts';
import type { Receipt, StoreOperations } from '../base/store.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { hear, slowDown } from '../bucket/explained.ts';
import { goneLater, postpone } from '../bucket/moves.ts';
import type { Ceiling } from '../bucket/pool.ts';
import { plainReceipt } from '../bucket/receipts.ts';
import type { Limit } from '../limits/limit.ts';
import type { Plan } from '../limits/plan.ts';
import type { Gates } from '../line/gate.ts';
import { type Clock, wholeTicks } from '../time/clock.ts';
import { EarGate } from './ear-gate.ts';
import { LearnedLimits } from './learned-limits.ts';
import type { Statement } from './remaining.ts';
import { Spread } from './spread.ts';

/** The lanes that the ear acts on. */
export interface EarLanes {
  readonly clock: Clock;
  readonly events: Events;
  readonly gates: Gates;
  readonly store: StoreOperations;
  readonly plans: {
    /** Whether servers define the limits. */
    readonly areLearned: boolean;
    /** Sets the margin of limits without their own from now on, unless the user set one. */
    follow(margin: number): void;
    /** Sets the source of limits that servers define. */
    learnFrom(limitsOf: (key: string) => readonly Limit[] | undefined): void;
  };
  /** Calls of this process that are in flight. */
  inFlight(key: string): number;
  /** The bucket of a key, if the store hands its buckets out. */
  bucketIn(key: string, now: number): Bucket | undefined;
  /** Runs a change of a bucket; the calls that wait for it ask again afterwards. */
  move(key: string, move: () => undefined): Promise<void>;
  find(key: string): { advance(): void; look(): void } | undefined;
}

/** What the ear needs of its throttle. */
export interface EarHost {
  readonly lanes: EarLanes;
  readonly reservations: {
    receiptOf(grant: Grant): Receipt | undefined;
    /** Notes that a grant now counts differently than when it was granted. */
    correct(grant: Grant, receipt: Receipt): void;
  };
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  /** A closed throttle ignores answers. */
  isClosed(): boolean;
  /** Pauses a key for all sharers. `sentAgo`: how long ago the refused call left, if calls should go slower. */
  pause(key: string, ms: number, sentAgo?: number): Promise<void>;
  /**
   * Lets no more go than the server reports as left, if our own calls do not explain it; returns for how many ms, as
   * the store's `sync`.
   */
  sync(key: string, said: Ceiling): Promise<number>;
}

/** Connections that were idle for longer than this are likely closed, in ms: Node's fetch keeps them for 4 seconds. */
const connectionsLast = 3_000;

/** A new connection takes no longer than this, in ms; the rest of a slow answer is the server's work. */
const longestOpening = 300;

/** How long others wait for the answer to a call that went alone, in ms: after a refusal, and to find out what is left. */
const refusedPatience = 10_000;
const learningPatience = 1_000;

/**
 * Acts on the answers of servers. Adapters add it to a throttle.
 *
 * Invariant: a refusal pauses the key for all sharers, what is left becomes a ceiling, and no answer lets more go than
 * the limits do.
 */
export class ServerEar {
  protected readonly host: EarHost;
  readonly #spread = new Spread();
  readonly #learned = new LearnedLimits();
  /** When the latest answer came, on the monotonic clock. */
  #answeredAt = -Infinity;

  constructor(host: EarHost) {
    this.host = host;
    const { gates, plans } = host.lanes;
    gates.upgrade(EarGate);
    plans.follow(this.#spread.margin);
    plans.learnFrom((key) => this.#learned.of(key));
  }

  get #lanes(): EarLanes {
    return this.host.lanes;
  }

  /**
   * Acts on what an answer tells about the quota, before the place of its call is free again.
   * @param leastPause the shortest pause after a refusal without a time, in ms
   */
  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void {
    if (this.host.isClosed()) return;
    const { events, clock, gates } = this.#lanes;
    if (events.wants('signal')) events.emit('signal', { key, signal });
    const { remaining, retryAt, throttled } = signal;
    const saysNothing = !throttled && remaining === undefined;
    const gate = (saysNothing ? gates.find(key) : gates.of(key)) as EarGate | undefined;
    const now = clock.monotonic();
    const { departedAt: left = now } = grant as HeldGrant;
    const wait = retryAt === undefined ? undefined : retryAt - clock.now();
    if (throttled) gate?.noteRefusal(left, now, (grant as CallGrant).plan);
    else gate?.noteAnswer(left);
    // If the server also reports what is left, the rate need not fall.
    const sentAgo = gate?.remaining.explains(signal) ? undefined : now - left;
    if (gate !== undefined && throttled) this.#stop(gate, wait ?? gate.backOff(leastPause), refusedPatience, sentAgo);
    this.#learn(key, signal);
    if (gate === undefined) return;
    this.#noteRemaining(gate, grant as CallGrant, left, now, signal);
    if (throttled) return;
    gate.end(grant as CallGrant);
    this.#lanes.find(key)?.advance();
  }

  /** Pauses a key for all sharers. One call goes first afterwards; the others wait `patience` ms for its answer. */
  #stop(gate: EarGate, ms: number, patience: number, sentAgo?: number): void {
    const pause = Math.min(ms, this.host.maxPause);
    if (pause <= 0) return;
    gate.goAlone(patience);
    void quietly(async () => {
      const now = this.#lanes.clock.monotonic();
      const bucket = sentAgo === undefined ? undefined : this.#lanes.bucketIn(gate.key, now);
      if (bucket !== undefined) slowDown(bucket, sentAgo as number, pause, wholeTicks(now));
      await this.host.pause(gate.key, pause, sentAgo);
    });
  }

  /** Takes the limits in an answer as those of the key, if the server defines them. */
  #learn(key: string, signal: ServerSignal): void {
    const { plans } = this.#lanes;
    // Used calls stay used. A waiting line asks again under the new limits.
    if (plans.areLearned && this.#learned.learn(key, signal))
      void quietly(() => this.#lanes.move(key, () => undefined));
  }

  #noteRemaining(gate: EarGate, { plan }: CallGrant, left: number, now: number, signal: ServerSignal): void {
    const { key } = gate;
    const { maxPause } = this.host;
    const inFlight = Math.max(0, this.#lanes.inFlight(key) - 1);
    const heard = { signal, left, now, wall: this.#lanes.clock.now(), inFlight, plan, maxPause };
    const statements = gate.remaining.statements(heard);
    if (statements.length > 0) void quietly(() => this.#tell(gate, statements, now, plan));
  }

  /**
   * Lets the store judge the statements of one answer at `now`: only what the calls of all sharers do not explain slows
   * calls down.
   */
  async #tell(gate: EarGate, statements: readonly Statement[], now: number, plan: Plan): Promise<void> {
    const { key, remaining } = gate;
    const bucket = this.#lanes.bucketIn(key, now);
    /** The lowest statement that holds calls back, and for how long, in ms. */
    let news: readonly [said: Statement, ms: number] | undefined;
    let isCounted = false;
    for (const said of statements) {
      const ms = bucket === undefined ? await this.host.sync(key, said) : hear(bucket, said, wholeTicks(now));
      if (said.told.unit !== undefined) {
        this.#stop(gate, ms, learningPatience);
        continue;
      }
      isCounted = true;
      if (ms !== 0 && said.remaining < (news?.[0].remaining ?? Infinity)) news = [said, ms];
    }
    if (news !== undefined) remaining.noteNews(...news, now, plan);
    else if (isCounted && statements[0]?.isNewest) remaining.forget();
    this.#lanes.find(key)?.look();
  }

  /**
   * Notes that a call leaves.
   * @param tellsOfNetwork whether the time until its answer comes is that of the network
   */
  noteDeparture(grant: Grant, tellsOfNetwork: boolean = true): void {
    if (!(grant instanceof HeldGrant)) return;
    const left = this.#lanes.clock.monotonic();
    // Refusals of calls that were in flight together count once.
    grant.departedAt = left;
    if (!tellsOfNetwork) return;
    // The time to open a new connection is not known.
    grant.isCold = left - this.#answeredAt > connectionsLast;
    const bucket = grant.isCold ? this.#lanes.bucketIn(grant.key, left) : undefined;
    if (bucket !== undefined) this.host.reservations.correct(grant, { ...grant.receipt, moved: bucket.extras.moved });
  }

  /** Notes that the head of the answer has arrived, for a call whose departure was noted. */
  noteArrival(grant: Grant): void {
    if (this.host.isClosed()) return;
    this.#answeredAt = this.#lanes.clock.monotonic();
    if (!(grant instanceof HeldGrant)) return;
    // Measured from its slot: a call that left late collides with later ones just as one with a slow connection.
    const { monotonic, departedAt = monotonic, isCold } = grant;
    if (isCold) this.#countLater(grant, wholeTicks(Math.min(this.#answeredAt - monotonic, longestOpening)));
    else {
      // The time that a user's hook takes before the call leaves is not the network's.
      const since = Math.max(monotonic, departedAt - grant.plan.lateness);
      this.#lanes.plans.follow(this.#spread.note(this.#answeredAt - since));
    }
  }

  /**
   * Counts a call `ms` later, the latest time at which it reached the server. Sharers with slots built on it are
   * notified.
   */
  #countLater(grant: Grant, ms: number): void {
    const { store, clock } = this.#lanes;
    const { key } = grant;
    const receipt = this.host.reservations.receiptOf(grant);
    if (ms <= 0 || receipt === undefined) return;
    this.host.reservations.correct(grant, goneLater(plainReceipt(receipt), ms));
    void quietly(async () => {
      const now = clock.monotonic();
      const bucket = this.#lanes.bucketIn(key, now);
      if (bucket === undefined) await store.postpone?.(key, receipt, ms);
      else postpone(bucket, receipt, ms, wholeTicks(now));
      this.#lanes.find(key)?.look();
    });
  }
}

/** Runs a background operation; failures of the store reach `store-error`. */
async function quietly(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch {
    // As above.
  }
}
