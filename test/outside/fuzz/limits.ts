import type { Cost, Limit } from 'sluice';

/** The smallest difference between instants that matters to the judge, in ms: the library reckons in steps of 1/2048 ms. */
export const instant = 0.002;

/** What a limit is to a server that keeps the same numbers. */
export interface ServerLimit {
  readonly limit: Limit;
  /** Calls per window; undefined for a bucket written by hand, which promises nothing per window. */
  readonly perWindow: number | undefined;
  /** Length of the window, in ms. */
  readonly window: number;
  /** Emission interval and burst tolerance of the bucket, in ms; of a window, its even spacing and 0. */
  readonly spacing: number;
  readonly tolerance: number;
}

/** Reads a limit as its server does: the margin is the client's business. */
export function serverLimit(limit: Limit): ServerLimit {
  const { kind = 'leaky-bucket', rate, interval: window } = limit;
  if (kind === 'sliding-window') return { limit, perWindow: rate, window, spacing: window / rate, tolerance: 0 };
  const { burst = 1 } = limit;
  const spacing = window / rate;
  const perWindow = kind === 'quota' ? rate + burst - 1 : undefined;
  return { limit, perWindow, window, spacing, tolerance: (burst - 1) * spacing };
}

/** The most calls that a limit lets through in any half-open window of `ms`. */
export function mostIn({ limit, perWindow, window, spacing, tolerance }: ServerLimit, ms: number): number {
  const byWindows = perWindow === undefined ? Infinity : perWindow * Math.ceil(ms / window - 1e-9);
  const byBucket = limit.kind === 'sliding-window' ? Infinity : Math.ceil((ms + tolerance) / spacing - 1e-9);
  return Math.min(byWindows, byBucket);
}

/** What a call counts as in one limit. */
export const costIn = ({ name }: Limit, cost: Cost): number =>
  typeof cost === 'number' ? cost : name === undefined || !Object.hasOwn(cost, name) ? 1 : (cost[name] as number);

/** A client that keeps one limit with a margin of `margin` ms, and wastes nothing: DESIGN's formulas, one by one. */
export class PerfectClient {
  readonly limit: Limit;
  readonly window: number;
  readonly spacing: number;
  readonly tolerance: number;
  readonly most: number;
  #tat = -Infinity;
  #gone: { readonly at: number; readonly calls: number }[] = [];

  constructor(limit: Limit, margin: number) {
    const { perWindow, window, spacing, tolerance } = serverLimit(limit);
    this.limit = limit;
    this.most = perWindow ?? Infinity;
    this.window = limit.kind === 'sliding-window' ? window + margin : 0;
    if (limit.kind === 'quota') {
      this.spacing = (window + margin) / limit.rate;
      this.tolerance = tolerance;
    } else {
      this.spacing = spacing + Math.max(0, margin - tolerance);
      this.tolerance = Math.max(0, tolerance - margin);
    }
  }

  /** When a call may go. */
  allowAt(calls: number): number {
    if (calls === 0) return -Infinity;
    if (this.window === 0) return this.#tat + (calls - 1) * this.spacing - this.tolerance;
    let room = this.most - calls;
    for (let index = this.#gone.length - 1; index >= 0; index--) {
      const mark = this.#gone[index] as { at: number; calls: number };
      room -= mark.calls;
      if (room < 0) return mark.at + this.window;
    }
    return -Infinity;
  }

  /** Notes a call that went, whether it should have or not. */
  note(calls: number, at: number): void {
    if (calls === 0) return;
    this.#tat = Math.max(this.#tat, at) + calls * this.spacing;
    this.#gone.push({ at, calls });
  }

  /** How many calls of cost 1 could go at `now`. */
  remaining(now: number): number {
    if (this.window > 0) {
      const used = this.#gone.reduce((sum, { at, calls }) => (at > now - this.window ? sum + calls : sum), 0);
      return Math.max(0, this.most - used);
    }
    const ahead = Math.max(0, this.#tat - now);
    return Math.max(0, (this.tolerance - ahead) / this.spacing + 1);
  }
}
