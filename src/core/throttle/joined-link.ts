import type { CallOutcome } from '../base/events.ts';
import type { Grant, HeldGrant } from '../base/grant.ts';
import type { ServerSignal } from '../base/server-signal.ts';
import type { Clock } from '../time/clock.ts';
import type { EnterOptions, Link } from './adapter-link.ts';

/** The link of one of several throttles. */
export interface JoinedPart {
  readonly link: Link;
  /** Whether it gets the answers of servers. */
  readonly listens: boolean;
}

/** What adapters do with several throttles at once: each throttle learns what they see of a call. */
export class JoinedLink implements Link {
  readonly #parts: readonly JoinedPart[];
  readonly #enter: (key: string, options: EnterOptions) => Promise<Grant>;
  readonly #grantsOf: (grant: Grant) => readonly Grant[];

  /** @param grantsOf returns the grants of a call, one of each throttle, for the one that the adapter got */
  constructor(
    parts: readonly JoinedPart[],
    enter: (key: string, options: EnterOptions) => Promise<Grant>,
    grantsOf: (grant: Grant) => readonly Grant[],
  ) {
    this.#parts = parts;
    this.#enter = enter;
    this.#grantsOf = grantsOf;
  }

  get clock(): Clock {
    return (this.#parts[0] as JoinedPart).link.clock;
  }

  get maxPause(): number {
    return Math.max(...this.#parts.map(({ link }) => link.maxPause));
  }

  get areLimitsLearned(): boolean {
    return this.#parts.some(({ link, listens }) => listens && link.areLimitsLearned);
  }

  enterNow(): undefined {
    return undefined;
  }

  enter(key: string, options: EnterOptions): Promise<Grant> {
    return this.#enter(key, options);
  }

  leave(grant: Grant, outcome?: CallOutcome, signal?: AbortSignal): void {
    this.#each(grant, ({ link }, own) => link.leave(own, outcome, signal));
  }

  warn(about: string, key: string, message: string): void {
    for (const { link } of this.#parts) link.warn(about, key, message);
  }

  noteDeparture(grant: Grant, tellsOfNetwork?: boolean): void {
    this.#each(grant, ({ link }, own) => link.noteDeparture(own, tellsOfNetwork));
  }

  noteArrival(grant: Grant): void {
    this.#each(grant, ({ link }, own) => link.noteArrival(own));
  }

  listen(_: string, grant: Grant, signal: ServerSignal, leastPause?: number): void {
    this.#each(grant, ({ link, listens }, own) => {
      if (listens) link.listen(own.key, own, signal, leastPause);
    });
  }

  #each(grant: Grant, act: (part: JoinedPart, grant: HeldGrant) => void): void {
    for (const [index, own] of this.#grantsOf(grant).entries()) act(this.#parts[index] as JoinedPart, own as HeldGrant);
  }
}
