import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createThrottle, perSecond, slidingWindow, type Throttle, throttleFetch } from 'sluice';
import { Agent } from 'undici';
import { mostInAnyWindow } from './analysis.ts';
import { versionOf } from './client-example.ts';
import { count, duration, measured } from './report/words.ts';
import { startServerProcess } from './servers/server-process.ts';

/** The requests that each user may make in any window of `WINDOW` ms. */
const LIMIT = 5;
const WINDOW = 3_000;

/** What the API that the server calls accepts in any second. */
const QUOTA = 300;

/** The longest that a call to it may wait, in ms. */
const PATIENCE = 100;

/** How far the times that are noted around a decision may be from it, in ms, on a busy machine. */
const TOLERANCE = 20;

/** What the server of an example has to keep, and what it has to call for each request that may go on. */
export interface ServerParts {
  /** Keeps each user to the limit. */
  readonly users: Throttle;
  /**
   * Asks somebody else's API, whose quota all users share.
   * @throws WaitTooLongError if that would take too long
   */
  readonly load: (user: string) => Promise<string>;
}

/** A server that listens, on a free port of 127.0.0.1. */
export interface ListeningServer {
  readonly port: number;
  close(): unknown;
}

/** The result of one request, with times in ms. */
interface Outcome {
  readonly sent: number;
  readonly answered: number;
  readonly status: number;
  readonly retryAfter: number | undefined;
  /** Whether it told what is left. */
  readonly isTold: boolean;
}

/**
 * Sends requests of many users to the server of an example, far more than they may, and prints what came of it. Half of the users send
 * as fast as they can, the others come back when Retry-After says. The exit code is 0 if no user got more than the limit, the API behind
 * was never asked for more than its quota, and every Retry-After was right to a second.
 * @param framework the package, as package.json names it
 * @param start starts the server. A request says in `x-user` whose it is.
 */
export async function runServerExample(
  framework: string,
  start: (parts: ServerParts) => Promise<ListeningServer>,
): Promise<void> {
  const { values } = parseArgs({
    options: { requests: { type: 'string', default: '2000' }, users: { type: 'string', default: '200' } },
  });
  const requests = Number(values.requests);
  const names = Array.from({ length: Number(values.users) }, (_, index) => `user-${index}`);
  process.stdout.write(
    `${framework} ${versionOf(framework)}: ${count(requests)} requests of ${count(names.length)} users, each with ${LIMIT} in any ${duration(WINDOW)}, in front of an API with ${QUOTA} a second.\n\n`,
  );

  const elsewhere = startServerProcess();
  const api = await elsewhere.startQuotaServer({ algorithm: 'sliding-window', limit: QUOTA, interval: 1_000 });
  const users = createThrottle({ limits: slidingWindow({ limit: LIMIT, interval: WINDOW }), margin: 0 });
  // The margin is large, as the client may be one of many programs on a busy machine.
  const apiThrottle = createThrottle({ limits: perSecond(QUOTA, { margin: 200 }) });
  const fetch = throttleFetch(apiThrottle, { maxWait: PATIENCE });
  /** When requests of each user went on. */
  const served = new Map(names.map((name) => [name, [] as number[]]));
  const load = async (user: string) => {
    served.get(user)?.push(performance.now());
    return (await fetch(api.url)).text();
  };
  const server = await start({ users, load });
  const url = `http://127.0.0.1:${server.port}/items`;
  const agent = new Agent({ connections: 100 });
  const send = async (user: string): Promise<Outcome> => {
    const sent = performance.now();
    const answer = await globalThis.fetch(url, { headers: { 'x-user': user }, dispatcher: agent } as RequestInit);
    const answered = performance.now();
    await answer.text();
    const { status, headers } = answer;
    const retryAfter = headers.get('retry-after');
    const isTold = headers.has('ratelimit') && headers.has('ratelimit-policy');
    return { sent, answered, status, retryAfter: retryAfter === null ? undefined : Number(retryAfter), isTold };
  };

  const each = Math.ceil(requests / names.length);
  const started = performance.now();
  try {
    const ends = await Promise.all(
      names.map((name, index) =>
        index % 2 === 0 ? inHaste(() => send(name), each) : inPatience(() => send(name), each),
      ),
    );
    const took = performance.now() - started;
    const outcomes = ends.flatMap((end) => end.outcomes);
    const ofStatus = (status: number) => outcomes.filter((outcome) => outcome.status === status).length;
    const most = Math.max(...[...served.values()].map(mostAtOnce));
    const off = Math.max(...names.map((name, index) => mostOff(ends[index]?.outcomes ?? [], served.get(name) ?? [])));
    const { refused } = await api.stats();
    const returns = ends.reduce((sum, end) => sum + end.returns, 0);
    const refusedAgain = ends.reduce((sum, end) => sum + end.refusedAgain, 0);
    const line = (what: string, text: string) => process.stdout.write(`  ${what.padEnd(22)}${text}\n`);
    line('answered', `${count(ofStatus(200))} × 200, ${count(ofStatus(429))} × 429, ${count(ofStatus(503))} × 503`);
    line('in', `${measured(took)}, ${count(Math.round((outcomes.length * 1_000) / took))} a second`);
    line('most for one user', `${most} in any ${duration(WINDOW)}`);
    line('refused by the API', `${refused}`);
    line(
      'Retry-After',
      `off by ${measured(off)} beyond its second; ${count(returns)} came back then, ${refusedAgain} of them too early`,
    );
    const isAnswered = outcomes.every(({ status, isTold }) => [200, 429, 503].includes(status) && isTold);
    const isRight = most === LIMIT && refused === 0 && off <= TOLERANCE && returns > 0 && refusedAgain === 0;
    process.exitCode = isAnswered && isRight && ofStatus(200) > 0 && ofStatus(429) > 0 ? 0 : 1;
  } finally {
    await agent.close();
    await server.close();
    await users.close();
    await apiThrottle.close();
    await elsewhere.close();
  }
}

interface End {
  readonly outcomes: readonly Outcome[];
  /** How often a user came back at the stated time, and how often that request was refused. */
  readonly returns: number;
  readonly refusedAgain: number;
}

/** Sends ten at a time, whatever the answers are. */
async function inHaste(send: () => Promise<Outcome>, requests: number): Promise<End> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < requests) {
    const few = Math.min(10, requests - outcomes.length);
    outcomes.push(...(await Promise.all(Array.from({ length: few }, send))));
    await sleep(100);
  }
  return { outcomes, returns: 0, refusedAgain: 0 };
}

/** Sends one after the other, and after a refusal waits as long as it says. */
async function inPatience(send: () => Promise<Outcome>, requests: number): Promise<End> {
  const outcomes: Outcome[] = [];
  let returns = 0;
  let refusedAgain = 0;
  let isBack = false;
  while (outcomes.length < requests) {
    const outcome = await send();
    outcomes.push(outcome);
    if (isBack) returns++;
    if (isBack && outcome.status === 429) refusedAgain++;
    isBack = outcome.status === 429;
    // Timers of Node may be a millisecond early.
    if (outcome.retryAfter !== undefined) await sleep(outcome.retryAfter * 1_000 + 2);
  }
  return { outcomes, returns, refusedAgain };
}

/** The most requests of a user that went on in any window. */
const mostAtOnce = (times: readonly number[]): number =>
  mostInAnyWindow(
    times.map((at) => ({ at, accepted: true })),
    WINDOW - TOLERANCE,
  );

/**
 * How far Retry-After was from the truth, in ms, once its rounding to a second is taken off. The truth is when the oldest of the last
 * requests that went on is as old as the window. It is not seen when a request was refused, so it may be any instant between
 * sending and answer.
 */
function mostOff(outcomes: readonly Outcome[], served: readonly number[]): number {
  const offs = outcomes.map(({ status, sent, answered, retryAfter = 0 }) => {
    if (status !== 429) return 0;
    const told = retryAfter * 1_000;
    const before = (instant: number) => served.filter((at) => at <= instant).length;
    let least = Infinity;
    for (let known = Math.max(LIMIT, before(sent)); known <= before(answered + TOLERANCE); known++) {
      const opensAt = (served[known - LIMIT] as number) + WINDOW;
      least = Math.min(least, Math.max(0, opensAt - answered - told, told - 1_000 - (opensAt - sent)));
    }
    return least;
  });
  return Math.max(0, ...offs);
}
