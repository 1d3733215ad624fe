import type { CallGrant } from '../base/grant.ts';
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
export function isBefore(a: Group, b: Group): boolean {
  const [one, other] = [a.line.first, b.line.first];
  if (one === undefined || other === undefined) return one !== undefined;
  const by = one.request.priority - other.request.priority;
  return by > 0 || (by === 0 && one.arrival < other.arrival);
}

/** Makes an empty group. */
export function groupOf(key: string, spots: readonly Spot[]): Group {
  return { key, spots, line: new Line(), isAsking: false, place: -1 };
}
