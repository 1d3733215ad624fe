import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutant } from './mutate.ts';

/**
 * killed: a test failed. looped: a test called for far more work than without it. stuck: a test waits for what never comes.
 * late: a test took far longer, which proves nothing. static: it acts while modules load, where it cannot be switched on.
 */
export type Outcome = 'killed' | 'looped' | 'stuck' | 'late' | 'survived' | 'uncovered' | 'static';

export interface Verdict {
  readonly id: number;
  readonly outcome: Outcome;
  readonly test?: string;
  readonly message?: string;
}

/** What one test does while no mutant is active. */
export interface Baseline {
  readonly name: string;
  readonly ms: number;
  readonly calls: number;
  /** How many turns of the event loop it takes. */
  readonly turns: number;
  /** The mutants whose place it comes by. */
  readonly reached: readonly number[];
}

export interface Coverage {
  readonly tests: Baseline[];
  readonly atLoad: readonly number[];
  /** The tests that fail without a mutant here, and why. */
  readonly leftOut: { readonly name: string; readonly message: string }[];
}

/** The folder in which the command and the process that runs the tests meet. */
export class Session {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get mutants(): readonly Mutant[] {
    return this.#read('mutants.json');
  }

  get chosen(): readonly number[] {
    return this.#read('chosen.json');
  }

  get sources(): Readonly<Record<string, string>> {
    return this.#read('sources.json');
  }

  /** What is known of test files that are as they were. */
  get known(): Coverage {
    return this.#read('known.json');
  }

  get coverage(): Coverage | undefined {
    return existsSync(join(this.folder, 'coverage.json')) ? this.#read('coverage.json') : undefined;
  }

  get verdicts(): readonly Verdict[] {
    const path = join(this.folder, 'verdicts.jsonl');
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Verdict);
  }

  /** The mutant that is being tried, or the test that is being measured. */
  get current(): number | string | undefined {
    return existsSync(join(this.folder, 'current.json')) ? this.#read('current.json') : undefined;
  }

  write(name: 'known' | 'mutants' | 'chosen' | 'sources' | 'coverage' | 'current', value: unknown): void {
    // The other process may read at any time: it finds the old or the new.
    const path = join(this.folder, `${name}.json`);
    writeFileSync(`${path}.new`, JSON.stringify(value));
    renameSync(`${path}.new`, path);
  }

  judge(verdict: Verdict): void {
    appendFileSync(join(this.folder, 'verdicts.jsonl'), `${JSON.stringify(verdict)}\n`);
  }

  #read<T>(name: string): T {
    return JSON.parse(readFileSync(join(this.folder, name), 'utf8')) as T;
  }
}
