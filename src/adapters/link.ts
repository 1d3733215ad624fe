import type { CallOutcome } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import { ServerEar } from '../core/listening/ear.ts';
import { type EnterOptions, type Linked, linkedOf } from '../core/throttle/adapter-link.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { Clock } from '../core/time/clock.ts';

/**
 * What adapters see of a throttle beyond its public methods: they let calls in and out, and what they hear is acted on.
 *
 * Invariant: a throttle has one link, whatever the number of its adapters. From then on its calls go over a network.
 */
export class AdapterLink extends ServerEar {
  declare protected readonly host: Linked;
  /** What the listeners of `warning` were told about. */
  readonly #warnedAbout = new Set<string>();

  get clock(): Clock {
    return this.host.lanes.clock;
  }

  get maxPause(): number {
    return this.host.maxPause;
  }

  /** Whether the limits are left to servers. */
  get areLimitsLearned(): boolean {
    return this.host.lanes.plans.areLearned;
  }

  /** Grants a call of cost 1 that may go at once, and takes its place; undefined if it has to go the long way of `enter`. */
  enterNow(key: string): Grant | undefined {
    return this.host.enterNow(key);
  }

  /**
   * Waits for a call's turn and takes its place, as `run` does. The grant itself if the call may go at once.
   * @throws what `wait` rejects with
   */
  enter(key: string, options: EnterOptions): Grant | Promise<Grant> {
    return this.host.enter(key, options);
  }

  /**
   * Frees the place of a call that has ended.
   * @param outcome how; undefined if nobody saw it
   * @param signal that of the call: one that failed after it aborted was aborted
   */
  leave(grant: Grant, outcome?: CallOutcome, signal?: AbortSignal): void {
    this.host.lanes.leave(grant, outcome, signal);
  }

  /** Tells the listeners of `warning`, once about each thing. What nobody listened to is told again. */
  warn(about: string, key: string, message: string): void {
    const { events } = this.host.lanes;
    if (this.#warnedAbout.has(about) || !events.wants('warning')) return;
    this.#warnedAbout.add(about);
    events.emit('warning', { key, message });
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
