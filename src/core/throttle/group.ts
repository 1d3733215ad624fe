import type { CallGrant } from '../base/grant.ts';
import { Heap } from '../line/heap.ts';
import { type InLine, Line } from '../line/line.ts';
import type { WaitRequest } from '../line/waiting-room.ts';
import type { Spot } from './spot.ts';

/** A call that waits for several buckets. */
export interface Waiter extends InLine<Waiter> {
  readonly request: WaitRequest;
  /** When it came, on the monotonic clock. */
  readonly since: number;
  readonly arrival: number;
  readonly resolve: (grants: CallGrant[]) => void;
  /** Takes it out of the line and rejects it, if it still waits. */
  readonly reject: (error: unknown) => void;
  readonly onAbort: () => void;
  timer: unknown;
  /** The earliest instant at which it was to go, once it was the first of its group; Infinity before. */
  due: number;
}

/** The calls that wait for the same buckets. */
export interface Group {
  readonly key: string;
  readonly spots: readonly Spot[];
  readonly line: Line<Waiter>;
  /** Whether stores are being asked for its first call. */
  isAsking: boolean;
  place: number;
}

/** Whether the first call of `a` goes before that of `b`. */
function isBefore(a: Group, b: Group): boolean {
  const [one, other] = [a.line.first, b.line.first] as [Waiter, Waiter];
  const by = one.request.priority - other.request.priority;
  return by > 0 || (by === 0 && one.arrival < other.arrival);
}

/** All waiting calls, in groups. Adding and removing is O(log n) with n groups. */
export class Groups {
  /** Those with a call that may be looked at now. */
  readonly #open = new Heap<Group>(isBefore, 'place');
  /** How many calls wait, in all groups. */
  size = 0;

  /** Returns whether the call is now the first of its group. */
  add(group: Group, waiter: Waiter): boolean {
    group.line.add(waiter, waiter.request.priority);
    this.size++;
    const isFirst = group.line.first === waiter;
    if (isFirst) this.put(group);
    return isFirst;
  }

  remove(group: Group, waiter: Waiter): void {
    group.line.remove(waiter);
    this.size--;
    if (group.place >= 0) this.put(group);
  }

  /** Takes out the group whose first call comes first, until it is put back; undefined if all are out. */
  take(): Group | undefined {
    const group = this.#open.first;
    if (group !== undefined) this.#open.remove(group);
    return group;
  }

  /** Puts a group where its first call belongs, if it has one and no store is being asked for it. */
  put(group: Group): void {
    if (group.place >= 0) this.#open.remove(group);
    if (!group.isAsking && group.line.size > 0) this.#open.add(group);
  }
}

/** Makes an empty group. */
export function groupOf(key: string, spots: readonly Spot[]): Group {
  return { key, spots, line: new Line(), isAsking: false, place: -1 };
}
