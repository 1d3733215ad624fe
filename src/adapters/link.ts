import type { Grant } from '../core/base/grant.ts';
import type { ServerSignal } from '../core/base/server-signal.ts';
import { ServerEar } from '../core/listening/ear.ts';
import { type EnterOptions, type Linked, linkedOf } from '../core/throttle/adapter-link.ts';
import type { Lanes } from '../core/throttle/lanes.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { Clock } from '../core/time/clock.ts';

/**
 * What adapters see of a throttle beyond its public methods.
 *
 * Invariant: without an ear nothing that a server says is acted on, and a closed throttle hears nothing.
 */
export class AdapterLink {
  readonly #throttle: Linked;
  #ear: ServerEar | undefined;

  constructor(throttle: Linked) {
    this.#throttle = throttle;
  }

  get #lanes(): Lanes {
    return this.#throttle.lanes;
  }

  get clock(): Clock {
    return this.#lanes.clock;
  }

  get maxPause(): number {
    return this.#throttle.maxPause;
  }

  /** Brings the ear: calls go over a network from now on, and what servers say is acted on. */
  attach(): void {
    this.#ear ??= new ServerEar(this.#throttle);
  }

  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if it has to go the long way of `enter`. */
  enterNow(key: string): Grant | undefined {
    return this.#throttle.isClosed() ? undefined : this.#lanes.grantNow(key, true);
  }

  /**
   * Waits for a call's turn and takes its place, as `run` does. The grant itself if the call may go at once.
   * @throws what `wait` rejects with
   */
  enter(key: string, options: EnterOptions): Grant | Promise<Grant> {
    return this.#throttle.enter(key, options);
  }

  /** Frees the place of a call that has ended. */
  leave(grant: Grant): void {
    this.#lanes.leave(grant);
  }

  /** Notes that a call leaves. */
  noteDeparture(grant: Grant): void {
    this.#ear?.noteDeparture(grant);
  }

  /** Notes that the first of the answer to a call that was seen to leave has come. */
  noteArrival(grant: Grant): void {
    if (!this.#throttle.isClosed()) this.#ear?.noteArrival(grant);
  }

  /**
   * Acts on what an answer said about the quota, before the place of its call is free again.
   * @param leastPause how long to pause at least where the server refused and named no time, in ms
   */
  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void {
    if (!this.#throttle.isClosed()) this.#ear?.listen(key, grant, signal, leastPause);
  }

  /** Tells the listeners of `warning`. */
  warn(key: string, message: string): void {
    this.#lanes.events.emit('warning', { key, message });
  }
}

/**
 * The link of a throttle, the same for all its adapters.
 * @throws TypeError if `throttle` is not one that `createThrottle` made
 */
export function linkOf(throttle: Throttle): AdapterLink {
  const linked = linkedOf(throttle);
  linked.link ??= new AdapterLink(linked);
  return linked.link as AdapterLink;
}
