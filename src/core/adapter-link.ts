import { wrongType } from './check.ts';
import type { Clock } from './clock.ts';
import type { Grant } from './grant.ts';
import type { ServerSignal } from './server-signal.ts';
import type { Throttle } from './throttle.ts';

/** What adapters need of a throttle beyond its public methods. */
export interface AdapterLink {
  readonly clock: Clock;
  /** Says that calls go over a network from now on: a margin of `'auto'` is no longer 0. */
  attach(): void;
  /** The longest that a server may stop a key, in ms. */
  readonly maxPause: number;
  /**
   * Acts on what an answer said about the quota, before the place of its call is free again.
   * @param leastPause how long to pause at least where the server refused and named no time, in ms
   */
  listen(key: string, grant: Grant, signal: ServerSignal, leastPause?: number): void;
  /** Tells that a call has left; what is returned tells that the first of its answer has come. */
  noteDeparture(grant: Grant): () => void;
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
