import type { Ended, Place } from './place.ts';
import type { LocalServer } from './server.ts';

/** What the parts of a run have in common. It is made for the first part that asks. */
export interface Stage {
  place(): Promise<Place>;
  readonly server: LocalServer;
}

/** How a part ended. */
export interface Outcome {
  readonly state: 'passed' | 'FAILED' | 'could not run here';
  /** What held, or what did not, or why it could not run. */
  readonly detail: string;
}

/** A row of the final table. */
export interface Part {
  /** An argument picks the parts whose names begin with it. */
  readonly name: string;
  run(stage: Stage): Promise<Outcome>;
}

export const passed = (detail: string): Outcome => ({ state: 'passed', detail });
export const failed = (detail: string): Outcome => ({ state: 'FAILED', detail });
export const impossible = (detail: string): Outcome => ({ state: 'could not run here', detail });

/** The outcome of commands that all must succeed: their last lines, or all that the first one that failed printed. */
export function outcomeOf(what: string, ...endings: readonly Ended[]): Outcome {
  const bad = endings.find(({ status }) => status !== 0);
  if (bad !== undefined) return failed(`${what}\n${bad.output.trim()}`);
  const lines = endings.map(({ output }) => output.trim().split('\n').at(-1) ?? '').filter((line) => line !== '');
  return passed([what, ...lines].join(', '));
}

/** Runs a part. What it throws is a failure of it. */
export async function outcomeOfPart({ run }: Part, stage: Stage): Promise<Outcome> {
  try {
    return await run(stage);
  } catch (error) {
    return failed(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}
