import type { Events } from '../base/events.ts';
import type { CallGrant } from '../base/grant.ts';
import type { Clock } from '../time/clock.ts';

/** What a gate needs of its throttle. */
export interface GateHost {
  readonly clock: Clock;
  readonly events: Events;
}

/**
 * What may hold calls of one key back, besides limits and the line. The line asks when and how many calls may go, and
 * reports those that went. This plain gate knows only pauses; others extend it.
 *
 * Invariant: a question changes nothing that others see. A pause ends with `resume`, just before the first call goes.
 */
export class Gate {
  readonly key: string;
  protected readonly host: GateHost;
  /** Until when the key is paused, on the monotonic clock; -Infinity if it is not. */
  pausedUntil: number = -Infinity;

  /** @param before the gate that this one replaces */
  constructor(key: string, host: GateHost, before?: Gate) {
    this.key = key;
    this.host = host;
    if (before !== undefined) this.pausedUntil = before.pausedUntil;
  }

  /**
   * When the next call may go with `inFlight` calls in flight, on the monotonic clock: `now` or earlier if it may go
   * now.
   */
  opensAt(_now: number, _inFlight: number): number {
    return this.pausedUntil;
  }

  /** How many calls may go together with `inFlight` calls in flight. */
  most(_now: number, _inFlight: number): number {
    return Infinity;
  }

  /** Whether calls may go now without asking the gate, because it holds none of them back. */
  isClear(now: number, inFlight: number): boolean {
    return this.opensAt(now, inFlight) === -Infinity && this.most(now, inFlight) === Infinity;
  }

  /**
   * Counts a call that goes.
   * @param isSeen whether `end` will be called when it has ended
   */
  pass(_grant: CallGrant, _isSeen: boolean, _now: number): void {}

  /** Counts a call that has ended. */
  end(_grant: CallGrant): void {}

  /** Whether nothing is lost if the gate is created again. */
  isIdle(now: number): boolean {
    return this.pausedUntil <= now;
  }

  /** Pauses the key for `ms`. It can lengthen a current pause, never shorten it. */
  pause(ms: number): void {
    const { clock, events } = this.host;
    const until = clock.monotonic() + ms;
    if (until <= this.pausedUntil) return;
    this.pausedUntil = until;
    if (events.wants('paused')) events.emit('paused', { key: this.key, until: clock.now() + ms });
  }

  /** Ends a pause that is over at `now`, and emits an event for it: its listeners may change everything. */
  resume(now: number): boolean {
    if (this.pausedUntil === -Infinity || this.pausedUntil > now) return false;
    this.pausedUntil = -Infinity;
    const { events } = this.host;
    if (events.wants('resumed')) events.emit('resumed', { key: this.key });
    return true;
  }

  /** Whether a granted call may go: the gate may have closed in the meantime. Ends a pause that is over. */
  open(now: number, inFlight: number): boolean {
    this.resume(now);
    return this.opensAt(now, inFlight) <= now;
  }

  /** Forgets all but limits: the key was reset. */
  reset(): void {
    this.resume(Infinity);
  }
}

/** Any kind of gate. */
export type GateClass = new (key: string, host: GateHost, before?: Gate) => Gate;

/** The number of gates from which on those that no longer matter are dropped. */
const gatesKept = 1_000;

/** The gates of the keys that need one. */
export class Gates {
  readonly #gates = new Map<string, Gate>();
  readonly #host: GateHost;
  #kind: GateClass = Gate;
  #most = gatesKept;

  constructor(host: GateHost) {
    this.#host = host;
  }

  /** Makes gates that know more from now on, and replaces the existing ones. */
  upgrade(kind: GateClass): void {
    this.#kind = kind;
    for (const [key, gate] of this.#gates) this.#gates.set(key, new kind(key, this.#host, gate));
  }

  /** The gate of a key, if it has one. */
  find(key: string): Gate | undefined {
    // Most throttles have none, and each call asks.
    return this.#gates.size === 0 ? undefined : this.#gates.get(key);
  }

  /** The gate of a key. */
  of(key: string): Gate {
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      if (this.#gates.size >= this.#most) this.#dropIdle();
      gate = new this.#kind(key, this.#host);
      this.#gates.set(key, gate);
    }
    return gate;
  }

  /** Until when a key is paused, as known in this process, on the monotonic clock; -Infinity if it is not. */
  pausedUntil(key: string): number {
    return this.find(key)?.pausedUntil ?? -Infinity;
  }

  /** Pauses a key. For keys whose pause is over and that had no call since, it emits that they go on. */
  pause(key: string, ms: number): void {
    const now = this.#host.clock.monotonic();
    for (const gate of this.#gates.values()) gate.resume(now);
    this.of(key).pause(ms);
  }

  clear(): void {
    this.#gates.clear();
  }

  #dropIdle(): void {
    const now = this.#host.clock.monotonic();
    for (const [key, gate] of this.#gates) {
      if (!gate.isIdle(now)) continue;
      gate.resume(now);
      this.#gates.delete(key);
    }
    this.#most = Math.max(gatesKept, 2 * this.#gates.size);
  }
}
