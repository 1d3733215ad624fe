import { wrongType } from '../base/check.ts';
import type { CallOutcome } from '../base/events.ts';
import type { CallGrant, Grant } from '../base/grant.ts';
import type { ServerSignal } from '../base/server-signal.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Clock } from '../time/clock.ts';
import type { Entrance } from './entrance.ts';
import type { Lanes } from './lanes.ts';
import type { WaitOptions } from './options.ts';
import type { Reservations } from './reservations.ts';
import type { Throttle } from './throttle.ts';
import type { CombinedThrottle } from './throttle-all.ts';

/** Options of a call's wait. Undefined counts as left out. */
export type EnterOptions = { readonly [Name in keyof WaitOptions]: WaitOptions[Name] | undefined };

/** What a throttle shows only to its adapters, which make a link of it. */
export interface Linked {
  readonly lanes: Lanes;
  readonly reservations: Reservations;
  readonly entrance: Entrance;
  /** The longest pause that a server may cause, in ms. */
  readonly maxPause: number;
  isClosed(): boolean;
  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if the call has to enter the line. */
  enterNow(key: string): CallGrant | undefined;
  enter(key: string, options: EnterOptions): CallGrant | Promise<CallGrant>;
  pause(key: string, ms: number, sentAgo?: number): Promise<void>;
  sync(key: string, said: Ceiling): Promise<number>;
  /** The link, once there is an adapter. */
  link?: unknown;
}

/** What adapters do with a throttle, or with several at once: let calls in and out, and pass on answers. */
export interface Link {
  readonly clock: Clock;
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  /** Whether servers define the limits. */
  readonly areLimitsLearned: boolean;
  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if it has to go the long way of `enter`. */
  enterNow(key: string): Grant | undefined;
  /**
   * Waits for a call's turn and takes its place, as `run` does. The grant itself if the call may go at once.
   * @throws what `wait` rejects with
   */
  enter(key: string, options: EnterOptions): Grant | Promise<Grant>;
  /**
   * Frees the place of a call that has ended.
   * @param outcome how; undefined if that was not visible
   * @param signal that of the call: one that failed after it aborted was aborted
   */
  leave(grant: Grant, outcome?: CallOutcome, signal?: AbortSignal): void;
  /** Emits a `warning` once for each subject. Without a listener it is emitted again the next time. */
  warn(about: string, key: string, message: string): void;
  /**
   * Notes that a call leaves.
   * @param tellsOfNetwork whether the time until its answer comes is that of the network
   */
  noteDeparture(grant: Grant, tellsOfNetwork?: boolean): void;
  /** Notes that the head of the answer has arrived, for a call whose departure was noted. */
  noteArrival(grant: Grant): void;
  /**
   * Acts on what an answer tells about the quota, before the place of its call is free again.
   * @param leastPause the shortest pause after a refusal without a time, in ms
   */
  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void;
}

/** What a combination of throttles shows only to its adapters: it makes its link from those of its throttles. */
export interface Joined {
  readonly lanes: Pick<Lanes, 'whenIdle'>;
  join(linkOf: (linked: Linked) => Link): Link;
  link?: unknown;
}

// A registered symbol works between two copies of the package too.
const link = Symbol.for('sluice.adapter-link');

/** Gives a throttle what its adapters need. */
export function linkAdapters(throttle: object, to: Linked | Joined): void {
  Object.defineProperty(throttle, link, { value: to });
}

/** @throws TypeError if `throttle` is not one that `createThrottle` or `throttleAll` made. */
export function linkedOf(throttle: Throttle): Linked;
export function linkedOf(throttle: Throttle | CombinedThrottle): Linked | Joined;
export function linkedOf(throttle: Throttle | CombinedThrottle): Linked | Joined {
  const found = (throttle as { [link]?: Linked } | undefined)?.[link];
  return found ?? wrongType('throttle', 'a throttle that createThrottle made', throttle);
}
