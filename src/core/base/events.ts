import type { Cost } from '../limits/cost.ts';
import { checkOneOf, wrongType } from './check.ts';
import type { ServerSignal } from './server-signal.ts';

/**
 * How a call ended. `'ok'`: its task returned, or its client got an answer it does not reject with. `'refused'`: the server refused it
 * for its quota; the adapter may send it again, which is another call. `'aborted'`: it failed after its signal had aborted.
 * `'error'`: it failed otherwise.
 */
export type CallOutcome = 'ok' | 'refused' | 'aborted' | 'error';

/** The events of a throttle. Instants are ms since the epoch, durations ms. */
export interface ThrottleEvents {
  /** A call has to wait. `waiting` counts it too. */
  queued: { readonly key: string; readonly cost: Cost; readonly priority: number; readonly waiting: number };
  /** A call may go. `wait` is how long it waited. */
  granted: { readonly key: string; readonly cost: Cost; readonly wait: number };
  /**
   * A call of `run` or of an adapter that was granted is over. `wait` is how long it waited for its slot, `duration`
   * the time from there to its end, both in ms; `cost` is the one it was granted with. Calls of `wait` and of `kyHooks`
   * have no such event, because their end is not visible.
   */
  ended: {
    readonly key: string;
    readonly cost: Cost;
    readonly wait: number;
    readonly duration: number;
    readonly outcome: CallOutcome;
  };
  /** A call was not sent, and will not be: `error` is what its caller got, an abort's reason included. `wait` is how long it waited. */
  rejected: { readonly key: string; readonly cost: Cost; readonly wait: number; readonly error: unknown };
  /** The key is paused, by a server or by `pause`. */
  paused: { readonly key: string; readonly until: number };
  /** The first call after a pause is about to go. */
  resumed: { readonly key: string };
  /** An adapter has read an answer of the server. */
  signal: { readonly key: string; readonly signal: ServerSignal };
  /** The store failed; `fallback` is true if a local bucket took over. */
  'store-error': { readonly key: string; readonly error: unknown; readonly fallback: boolean };
  /**
   * Something cannot be used in full, such as an answer that only a preset can read. Each is reported once per
   * throttle.
   */
  warning: { readonly key: string; readonly message: string };
  /** The wall clock was set by `by` ms, forward or back. */
  'clock-jump': { readonly by: number };
}

/** The name of an event. */
export type ThrottleEvent = keyof ThrottleEvents;
/** What `on` calls at each event of a name. */
export type ThrottleListener<Name extends ThrottleEvent> = (event: ThrottleEvents[Name]) => void;

/** All events there are. */
export const eventNames: readonly ThrottleEvent[] = [
  'queued',
  'granted',
  'ended',
  'rejected',
  'paused',
  'resumed',
  'signal',
  'store-error',
  'warning',
  'clock-jump',
];

/** The listeners of one throttle. */
export class Events {
  // Empty sets are removed, so that a look into the map shows whether there are listeners.
  readonly #listeners = new Map<ThrottleEvent, ReadonlySet<(event: never) => void>>();

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends ThrottleEvent>(name: Name, listener: ThrottleListener<Name>): () => void {
    checkOneOf('event', name, eventNames);
    if (typeof listener !== 'function') wrongType('listener', 'a function', listener);
    // Each subscription wraps the listener, so that one listener can be added twice and removed once.
    const own = (event: ThrottleEvents[Name]) => listener(event);
    this.#listeners.set(name, new Set([...(this.#listeners.get(name) ?? []), own]));
    return () => {
      const left = [...(this.#listeners.get(name) ?? [])].filter((other) => other !== own);
      if (left.length === 0) this.#listeners.delete(name);
      else this.#listeners.set(name, new Set(left));
    };
  }

  /** Whether `name` has listeners: only then is an event worth creating. */
  wants(name: ThrottleEvent): boolean {
    return this.#listeners.size > 0 && this.#listeners.has(name);
  }

  /** Calls the listeners. A listener that throws affects neither the others nor the throttle. */
  emit<Name extends ThrottleEvent>(name: Name, event: ThrottleEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as ThrottleListener<Name>)(event);
      } catch (error) {
        report(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** Reports an error that no caller can catch: by the platform's `reportError`, or in the console if there is none. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
  else console.error('A function that was given to a sluice throttle threw:', error);
}
