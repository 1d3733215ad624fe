import { isThrottleError } from 'sluice';

/** A fetch that sends the server the caller's name, and when the call left: ms since the epoch. */
export function stamped(name: string): typeof fetch {
  return (input, init) => {
    const left = performance.timeOrigin + performance.now();
    return fetch(input, { ...init, headers: { 'x-client': `${name} ${left}` } });
  };
}

export interface TallyReport {
  readonly made: number;
  readonly answered: number;
  /** Calls that ended with an error that is theirs, by its name. */
  readonly errors: Readonly<Record<string, number>>;
  /** Errors that no caller expects. */
  readonly strange: readonly string[];
  /** Calls that have not ended. */
  readonly pending: number;
}

/** Counts how calls end. */
export class Tally {
  #made = 0;
  #answered = 0;
  #pending = 0;
  readonly #errors: Record<string, number> = {};
  readonly #strange: string[] = [];

  /** Resolves when the call has ended, however it did. */
  async count(call: Promise<unknown>): Promise<void> {
    this.#made++;
    this.#pending++;
    try {
      await call;
      this.#answered++;
    } catch (error) {
      const { name } = error as Error;
      if (isThrottleError(error) || name === 'AbortError') this.#errors[name] = (this.#errors[name] ?? 0) + 1;
      else this.#strange.push(String(error));
    } finally {
      this.#pending--;
    }
  }

  report(): TallyReport {
    const { length } = this.#strange;
    return {
      made: this.#made,
      answered: this.#answered,
      errors: { ...this.#errors },
      strange: this.#strange.slice(0, 10).concat(length > 10 ? [`and ${length - 10} more`] : []),
      pending: this.#pending,
    };
  }
}

export function sumOf(reports: readonly TallyReport[]): TallyReport {
  const errors: Record<string, number> = {};
  for (const report of reports)
    for (const [name, count] of Object.entries(report.errors)) errors[name] = (errors[name] ?? 0) + count;
  const sum = (of: (report: TallyReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  return {
    made: sum(({ made }) => made),
    answered: sum(({ answered }) => answered),
    errors,
    strange: reports.flatMap(({ strange }) => strange),
    pending: sum(({ pending }) => pending),
  };
}
