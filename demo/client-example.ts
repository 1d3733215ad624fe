import { readFileSync } from 'node:fs';
import { createThrottle, type Throttle } from 'sluice';
import { exampleLimits, QUOTA } from './example-limits.ts';
import { count, measured } from './report/words.ts';
import { startServerProcess } from './servers/server-process.ts';

/** Calls that are made. */
export const CALLS = 30;

/** How long the clients wait for an answer, in ms: where they have a time-out. The last calls wait longer than that for their turn. */
export const TIMEOUT = 1_000;

export interface ClientExample {
  /** What the server answers, as the client expects it. */
  readonly answer: object;
  /** Makes the client: throttled, or bare if there is no throttle. The client's own retries are off, so that each call counts once. */
  readonly connect: (url: string, throttle: Throttle | undefined) => (index: number) => Promise<unknown>;
  /** What each call gives. */
  readonly gives: unknown;
}

/** What came of the calls to one server. */
export interface CallsMade {
  /** Calls that gave what they should. */
  readonly answered: number;
  /** ms. */
  readonly time: number;
  /** What the first of the others came to. */
  readonly odd?: unknown;
}

/**
 * Makes the same calls at once, with the bare client and with the throttled one, each to a local server that really has a quota, and
 * prints what came of it. The exit code is 0 if the server refused the bare client and never the throttled one, whose calls were all
 * answered.
 * @param client the package, as package.json names it, or `fetch`
 */
export async function runClientExample(client: string, { answer, gives, connect }: ClientExample): Promise<void> {
  await compareCalls(`${client} ${versionOf(client)}`, answer, async (url, isThrottled) => {
    const throttle = isThrottled ? createThrottle({ limits: exampleLimits }) : undefined;
    const call = connect(url, throttle);
    const started = performance.now();
    const ends = await Promise.allSettled(Array.from({ length: CALLS }, (_, index) => call(index)));
    const time = performance.now() - started;
    await throttle?.close();
    const isRight = (end: PromiseSettledResult<unknown>) =>
      end.status === 'fulfilled' && JSON.stringify(end.value) === JSON.stringify(gives);
    const odd = ends.find((end) => !isRight(end));
    return { answered: ends.filter(isRight).length, time, odd: odd?.status === 'rejected' ? odd.reason : odd?.value };
  });
}

/**
 * The same for any way to make the calls.
 * @param title who makes them
 * @param answer what the servers answer
 * @param makeCalls makes CALLS calls at once to a server, bare or throttled by `exampleLimits`
 */
export async function compareCalls(
  title: string,
  answer: object,
  makeCalls: (url: string, isThrottled: boolean) => Promise<CallsMade>,
): Promise<void> {
  const servers = startServerProcess();
  process.stdout.write(`${title}: ${CALLS} calls at once, to a server that accepts ${QUOTA} in any second.\n\n`);
  const run = async (isThrottled: boolean) => {
    const server = await servers.startQuotaServer({
      algorithm: 'sliding-window',
      limit: QUOTA,
      interval: 1_000,
      answer,
    });
    const made = await makeCalls(server.url, isThrottled);
    const { refused } = await server.stats();
    report(isThrottled ? 'throttled' : 'bare', refused, made);
    return { ...made, refused };
  };
  try {
    const bare = await run(false);
    const throttled = await run(true);
    process.exitCode = bare.refused > 0 && throttled.refused === 0 && throttled.answered === CALLS ? 0 : 1;
  } finally {
    await servers.close();
  }
}

/** @param refused 429s, by the log of the server */
function report(name: string, refused: number, { answered, time, odd }: CallsMade): void {
  const line = `${count(answered).padStart(2)} answered, ${count(refused).padStart(2)} × 429, in ${measured(time)}`;
  process.stdout.write(`  ${name.padEnd(9)}  ${line}\n`);
  if (answered < CALLS) process.stdout.write(`             the first failure: ${String(odd).split('\n')[0]}\n`);
}

/** The version that is installed. */
export function versionOf(client: string): string {
  if (client === 'fetch') return `of Node ${process.versions.node}`;
  const manifest = new URL(`../node_modules/${client}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
