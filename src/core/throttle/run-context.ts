import type { RunContext } from './options.ts';

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
