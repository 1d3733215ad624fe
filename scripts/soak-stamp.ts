import type { Throttle } from 'sluice';
import { linkOf } from '../src/adapters/link.ts';
import type { CallGrant } from '../src/core/base/grant.ts';
import type { Receipt, StoreOperations } from '../src/core/base/store.ts';

// What a call tells the server about itself. All instants are ms since the epoch.

export interface Stamp {
  readonly client: string;
  /** Tells the departures of a client apart. */
  readonly serial: number;
  /** When its slot came, on the clock of the store. */
  readonly slot: number;
  readonly left: number;
  /** For how long its process did not run between the two, in ms. */
  readonly stalled: number;
  /** When the store was asked for the slot; 0 if nobody noted it. */
  readonly asked: number;
  /** When it answered; 0 likewise. */
  readonly answered: number;
  /** Whether a local bucket granted it, in place of the store. */
  readonly standIn: boolean;
}

export const wall = (): number => performance.timeOrigin + performance.now();

/** How often a process notes that it runs, in ms, and how long a pause between two notes is one in which it did not. */
const beat = 5;
const stall = 15;
let seen = wall();
const stalls: [from: number, to: number][] = [];

function note(): void {
  const now = wall();
  if (now - seen > stall) stalls.push([seen, now]);
  while (stalls.length > 0 && (stalls[0] as [number, number])[1] < now - 60_000) stalls.shift();
  seen = now;
}
setInterval(note, beat).unref();

/** For how long this process did not run between two instants, the second of which is now, in ms. */
function stalledBetween(from: number, to: number): number {
  const all = to - seen > stall ? [...stalls, [seen, to] as const] : stalls;
  return all.reduce((sum, [start, end]) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)), 0);
}

type Asked = Receipt & { asked?: number; answered?: number };

/** Has each slot tell when the store was asked for it. */
export function noteAsked<Store extends StoreOperations>(store: Store): Store {
  const take = store.take.bind(store);
  store.take = async (key, request) => {
    const asked = wall();
    const answer = await take(key, request);
    const answered = wall();
    for (const receipt of [...answer.granted, answer.reserved])
      if (receipt) Object.assign(receipt, { asked, answered });
    return answer;
  };
  return store;
}

/** A fetch of calls that a throttle lets go, each with its stamp. `isLocal` says that slots are judged by the clock of this process. */
export function stamped(client: string, throttle: Throttle, isLocal: boolean): typeof fetch {
  const link = linkOf(throttle);
  const noteDeparture = link.noteDeparture.bind(link);
  let departing: CallGrant | undefined;
  link.noteDeparture = (grant, ...rest) => {
    departing = grant as CallGrant;
    noteDeparture(grant, ...rest);
  };
  let serial = 0;
  return (input, init) => {
    const grant = departing;
    departing = undefined;
    // Without a grant it was aborted, and does not leave.
    if (grant === undefined) return fetch(input, init);
    const left = wall();
    const receipt = grant.receipt as Asked;
    const { standIn = false, asked = 0, answered = 0 } = receipt;
    const slot = isLocal || standIn ? performance.timeOrigin + grant.monotonic : receipt.slot;
    const stamp: Stamp = {
      client,
      serial: serial++,
      slot,
      left,
      stalled: stalledBetween(slot, left),
      asked,
      answered,
      standIn,
    };
    return fetch(input, { ...init, headers: { 'x-client': JSON.stringify(stamp) } });
  };
}
