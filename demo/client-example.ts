import { readFileSync } from 'node:fs';
import { createThrottle, perSecond, type Throttle } from 'sluice';
import { count, measured } from './report/words.ts';
import { type RemoteQuotaServer, startServerProcess } from './servers/server-process.ts';

/** Calls that the server accepts in any second, and how many are made. */
const QUOTA = 20;
const CALLS = 30;

/** Kept in hand for calls that arrive late, in ms: the client may be one of many programs on a busy machine. */
const MARGIN = 400;

export interface ClientExample {
  /** What the server answers, as the client expects it. */
  readonly answer: object;
  /** Makes the client: throttled, or bare if there is no throttle. The client's own retries are off, so that each call counts once. */
  readonly connect: (url: string, throttle: Throttle | undefined) => (index: number) => Promise<unknown>;
  /** What each call gives. */
  readonly gives: unknown;
}

/**
 * Makes the same calls at once, with the bare client and with the throttled one, each to a local server that really has a quota, and
 * prints what came of it. The exit code is 0 if the server refused the bare client and never the throttled one, whose calls were all
 * answered.
 * @param client the package, as package.json names it, or `fetch`
 */
export async function runClientExample(client: string, example: ClientExample): Promise<void> {
  const servers = startServerProcess();
  const start = () =>
    servers.startQuotaServer({ algorithm: 'sliding-window', limit: QUOTA, interval: 1_000, answer: example.answer });
  process.stdout.write(
    `${client} ${versionOf(client)}: ${CALLS} calls at once, to a server that accepts ${QUOTA} in any second.\n\n`,
  );
  try {
    const bare = await run(await start(), example, undefined);
    report('bare', bare);
    const throttle = createThrottle({ limits: perSecond(QUOTA, { margin: MARGIN }) });
    const throttled = await run(await start(), example, throttle);
    await throttle.close();
    report('throttled', throttled);
    process.exitCode = bare.refused > 0 && throttled.refused === 0 && throttled.answered === CALLS ? 0 : 1;
  } finally {
    await servers.close();
  }
}

interface Outcome {
  /** Calls that gave what they should. */
  readonly answered: number;
  /** 429s, by the log of the server. */
  readonly refused: number;
  /** ms. */
  readonly time: number;
  /** What the first of the others came to. */
  readonly odd: unknown;
}

async function run(
  server: RemoteQuotaServer,
  { connect, gives }: ClientExample,
  throttle: Throttle | undefined,
): Promise<Outcome> {
  const call = connect(server.url, throttle);
  const started = performance.now();
  const calls = Array.from({ length: CALLS }, (_, index) => call(index));
  const ends = await Promise.allSettled(calls);
  const time = performance.now() - started;
  const { refused } = await server.stats();
  const isRight = (end: PromiseSettledResult<unknown>) =>
    end.status === 'fulfilled' && JSON.stringify(end.value) === JSON.stringify(gives);
  const odd = ends.find((end) => !isRight(end));
  return {
    answered: ends.filter(isRight).length,
    refused,
    time,
    odd: odd?.status === 'rejected' ? odd.reason : odd?.value,
  };
}

function report(name: string, { answered, refused, time, odd }: Outcome): void {
  const line = `${count(answered).padStart(2)} answered, ${count(refused).padStart(2)} × 429, in ${measured(time)}`;
  process.stdout.write(`  ${name.padEnd(9)}  ${line}\n`);
  if (answered < CALLS) process.stdout.write(`             the first that was not: ${String(odd).split('\n')[0]}\n`);
}

/** The version that is installed. */
export function versionOf(client: string): string {
  if (client === 'fetch') return `of Node ${process.versions.node}`;
  const manifest = new URL(`../node_modules/${client}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
