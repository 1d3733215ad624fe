import type { Grant } from '../base/grant.ts';
import type { RunContext } from './options.ts';

/** What `run` runs. */
export type Task<T> = (grant: Grant, context: RunContext) => T | PromiseLike<T>;

/** The second argument of a task. Most tasks never use the signal. */
export class LazyContext implements RunContext {
  private given: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.given = signal;
  }

  get signal(): AbortSignal {
    // Without a caller's signal, one for this task alone: its listeners disappear with the task.
    this.given ??= new AbortController().signal;
    return this.given;
  }
}
