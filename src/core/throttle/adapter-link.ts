import { wrongType } from '../base/check.ts';
import type { Grant } from '../base/grant.ts';
import type { ServerSignal } from '../base/server-signal.ts';
import type { Clock } from '../time/clock.ts';
import type { Throttle, WaitOptions } from './throttle.ts';

/** What a call may say about its wait. What is undefined counts as left out. */
export type EnterOptions = { readonly [Name in keyof WaitOptions]: WaitOptions[Name] | undefined };

/** What adapters need of a throttle beyond its public methods. */
export interface AdapterLink {
  readonly clock: Clock;
  /** Says that calls go over a network from now on: a margin of `'auto'` is no longer 0. */
  attach(): void;
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  /**
   * Waits for a call's turn and takes its place, as `run` does. The grant itself if the call may go at once.
   * @throws what `wait` rejects with
   */
  enter(key: string, options: EnterOptions): Grant | Promise<Grant>;
  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if it has to go the long way of `enter`. */
  enterNow(key: string): Grant | undefined;
  /** Frees the place of a call that has ended. */
  leave(grant: Grant): void;
  /** Notes that a call leaves. */
  noteDeparture(grant: Grant): void;
  /** Notes that the first of the answer to a call that was seen to leave has come. */
  noteArrival(grant: Grant): void;
  /**
   * Acts on what an answer said about the quota, before the place of its call is free again.
   * @param leastPause how long to pause at least where the server refused and named no time, in ms
   */
  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void;
  /** Tells the listeners of `warning`. */
  warn(key: string, message: string): void;
}

// A registered symbol works between two copies of the package too.
const link = Symbol.for('sluice.adapter-link');

/** Gives a throttle its link. */
export function linkAdapters(throttle: Throttle, to: AdapterLink): void {
  Object.defineProperty(throttle, link, { value: to });
}

/** @throws TypeError if `throttle` is not one that `createThrottle` made. */
export function linkOf(throttle: Throttle): AdapterLink {
  const found = (throttle as { [link]?: AdapterLink } | undefined)?.[link];
  return found ?? wrongType('throttle', 'a throttle that createThrottle made', throttle);
}
