import type { CallOutcome } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import { ServerEar } from '../core/listening/ear.ts';
import { type EnterOptions, type Link, type Linked, linkedOf } from '../core/throttle/adapter-link.ts';
import type { Throttle } from '../core/throttle/throttle.ts';
import type { CombinedThrottle } from '../core/throttle/throttle-all.ts';
import type { Clock } from '../core/time/clock.ts';

export type { Link };

/**
 * The part of a throttle that only adapters see.
 *
 * Invariant: a throttle has one link for all its adapters. From then on its calls go over a network.
 */
class AdapterLink extends ServerEar implements Link {
  declare protected readonly host: Linked;
  /** The subjects of earlier warnings. */
  readonly #warnedAbout = new Set<string>();

  get clock(): Clock {
    return this.host.lanes.clock;
  }

  get maxPause(): number {
    return this.host.maxPause;
  }

  get areLimitsLearned(): boolean {
    return this.host.lanes.plans.areLearned;
  }

  enterNow(key: string): Grant | undefined {
    return this.host.enterNow(key);
  }

  enter(key: string, options: EnterOptions): Grant | Promise<Grant> {
    return this.host.enter(key, options);
  }

  leave(grant: Grant, outcome?: CallOutcome, signal?: AbortSignal): void {
    this.host.lanes.leave(grant, outcome, signal);
  }

  warn(about: string, key: string, message: string): void {
    const { events } = this.host.lanes;
    if (this.#warnedAbout.has(about) || !events.wants('warning')) return;
    this.#warnedAbout.add(about);
    events.emit('warning', { key, message });
  }
}

/**
 * The link of a throttle, or of several at once, the same for all adapters.
 * @throws TypeError if `throttle` is not one that `createThrottle` or `throttleAll` made
 */
export function linkOf(throttle: Throttle | CombinedThrottle): Link {
  const linked = linkedOf(throttle);
  linked.link ??= 'join' in linked ? linked.join(linkOfOne) : linkOfOne(linked);
  return linked.link as Link;
}

function linkOfOne(linked: Linked): Link {
  linked.link ??= new AdapterLink(linked);
  return linked.link as Link;
}
