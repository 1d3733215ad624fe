import type { RunContext } from './options.ts';

/** What a task gets besides the grant. Most tasks never ask for the signal. */
export class LazyContext implements RunContext {
  private given: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.given = signal;
  }

  get signal(): AbortSignal {
    // One of its own where none was given: what listens to it goes when the task does.
    this.given ??= new AbortController().signal;
    return this.given;
  }
}
