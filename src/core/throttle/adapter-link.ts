import { wrongType } from '../base/check.ts';
import type { CallGrant } from '../base/grant.ts';
import type { Ceiling } from '../bucket/pool.ts';
import type { Entrance } from './entrance.ts';
import type { Lanes } from './lanes.ts';
import type { WaitOptions } from './options.ts';
import type { Reservations } from './reservations.ts';
import type { Throttle } from './throttle.ts';

/** What a call may say about its wait. What is undefined counts as left out. */
export type EnterOptions = { readonly [Name in keyof WaitOptions]: WaitOptions[Name] | undefined };

/** What a throttle shows its adapters: they make a link of it. */
export interface Linked {
  readonly lanes: Lanes;
  readonly reservations: Reservations;
  readonly entrance: Entrance;
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  isClosed(): boolean;
  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if it has to go the long way. */
  enterNow(key: string): CallGrant | undefined;
  enter(key: string, options: EnterOptions): CallGrant | Promise<CallGrant>;
  pause(key: string, ms: number, sentAgo?: number): Promise<void>;
  sync(key: string, said: Ceiling): Promise<number>;
  /** The link, once there is an adapter. */
  link?: unknown;
}

// A registered symbol works between two copies of the package too.
const link = Symbol.for('sluice.adapter-link');

/** Gives a throttle what its adapters need. */
export function linkAdapters(throttle: Throttle, to: Linked): void {
  Object.defineProperty(throttle, link, { value: to });
}

/** @throws TypeError if `throttle` is not one that `createThrottle` made. */
export function linkedOf(throttle: Throttle): Linked {
  const found = (throttle as { [link]?: Linked } | undefined)?.[link];
  return found ?? wrongType('throttle', 'a throttle that createThrottle made', throttle);
}
