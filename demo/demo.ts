import { allowedCalls, bucketWindowBound, mostInAnyWindow, timeTaken } from './analysis.ts';
import { type ClientLimit, LEAST_SHARE, type Scenario, type ServerSettings } from './scenarios.ts';
import type { Arrival, QuotaServerOptions } from './servers/quota-server.ts';
import type { RemoteQuotaServer } from './servers/server-process.ts';

export type ClientName = 'plain' | 'sluice';

/** What came of one client's calls to one server. Everything but the three counts of calls is read off the server's log. */
export interface Run {
  readonly server: ServerSettings;
  readonly client: ClientName;
  /** What the client was set to; plain fetch has no settings. */
  readonly settings: ClientLimit | undefined;
  readonly calls: number;
  /** Calls whose last answer was a success. */
  readonly answered: number;
  /** Calls that ended in an error or in no answer at all. */
  readonly failed: number;
  /** Message of the first error, if there was one. */
  readonly failure: string | undefined;
  readonly arrivals: number;
  /** Answered with 429, among them those that the client sent again afterwards. */
  readonly refused: number;
  /** ms from the first arrival to the last. */
  readonly time: number;
  /** Calls that the quota allows in that time. */
  readonly allowed: number;
  /** Accepted calls as a share of `allowed`. */
  readonly share: number;
  /** Most accepted calls in any `server.interval`, and the most there may be. */
  readonly mostInAnyWindow: number;
  readonly mostAllowed: number;
  readonly log: readonly Arrival[];
}

export interface DemoOptions {
  readonly scenarios: readonly Scenario[];
  /** To each server by each client. */
  readonly calls: number;
  readonly startServer: (options: QuotaServerOptions) => Promise<RemoteQuotaServer>;
  /** Opens the client that is put to the test. */
  readonly openThrottled: (limit: ClientLimit) => { readonly fetch: typeof fetch; close(): Promise<void> };
  /** ms between the starts of two throttled clients, which then run side by side. */
  readonly apart: number;
  /** ms after which calls without an answer are given up as failed. */
  readonly patience: number;
  readonly watcher?: Watcher;
}

/** Told what happens while it does. */
export interface Watcher {
  started?(client: ClientName, calls: number): void;
  settled?(client: ClientName, outcome: Outcome): void;
  finished?(run: Run): void;
}

export type Outcome = 'answered' | 'refused' | 'failed';

/** Sends all calls to all servers, first plain, then throttled. */
export async function runDemo(options: DemoOptions): Promise<Run[]> {
  const { scenarios, calls, watcher } = options;
  const total = calls * scenarios.length;

  // One flood after the other, each over before the next, so that none takes another's processor time or the
  // 300 connections that it opens.
  watcher?.started?.('plain', total);
  const plain: Run[] = [];
  for (const scenario of scenarios) {
    plain.push(await runOne(scenario.server, 'plain', undefined, { fetch, close: async () => {} }, options));
  }

  watcher?.started?.('sluice', total);
  const throttled = await Promise.all(
    scenarios.map(async ({ server, client }, index) => {
      // They share a thread, as clients in real life do not: started at the same instant, the first call of each would
      // wait until all calls of the others are in line.
      await new Promise((resolve) => setTimeout(resolve, (index + 1) * options.apart));
      return runOne(server, 'sluice', client, options.openThrottled(client), options);
    }),
  );
  return scenarios.flatMap((_, index) => [plain[index] as Run, throttled[index] as Run]);
}

/** @returns what keeps a throttled run from having passed, in words; nothing if it has. */
export function shortcomings(run: Run): string[] {
  const found: string[] = [];
  if (run.refused > 0) found.push(`${run.refused} refused`);
  if (run.answered < run.calls) found.push(`${run.calls - run.answered} of ${run.calls} calls not answered`);
  if (run.failure !== undefined) found.push(run.failure);
  if (run.refused === 0 && run.arrivals > run.calls) found.push(`${run.arrivals} arrivals for ${run.calls} calls`);
  if (run.mostInAnyWindow > run.mostAllowed) {
    found.push(`${run.mostInAnyWindow} calls in a window that may hold ${run.mostAllowed}`);
  }
  // Written so that a share that is no number fails too.
  if (!(run.share >= LEAST_SHARE)) {
    found.push(`${(run.share * 100).toFixed(2)}% of the quota used, less than ${LEAST_SHARE * 100}%`);
  }
  return found;
}

async function runOne(
  server: ServerSettings,
  client: ClientName,
  settings: ClientLimit | undefined,
  opened: { readonly fetch: typeof fetch; close(): Promise<void> },
  { calls, startServer, patience, watcher }: DemoOptions,
): Promise<Run> {
  const { algorithm, limit, interval, burst } = server;
  const remote = await startServer({ algorithm, limit, interval, burst });
  const counts = await sendCalls(opened.fetch, remote.url, calls, patience, (outcome) =>
    watcher?.settled?.(client, outcome),
  );
  const log = await remote.log();
  await opened.close();
  await remote.close();

  const time = timeTaken(log);
  const accepted = log.filter((arrival) => arrival.accepted).length;
  // Plain fetch is set to no burst: it gets the credit of the most that the server lets go at once.
  const allowed = allowedCalls({ limit, interval, burst: settings?.burst ?? burst }, time);
  const isWindow = algorithm === 'fixed-window' || algorithm === 'sliding-window';
  const run: Run = {
    server,
    client,
    settings,
    calls,
    answered: counts.answered,
    failed: counts.failed,
    failure: counts.failure,
    arrivals: log.length,
    refused: log.length - accepted,
    time,
    allowed,
    share: accepted / allowed,
    mostInAnyWindow: mostInAnyWindow(log, interval),
    mostAllowed: isWindow ? limit : bucketWindowBound(server, interval),
    log,
  };
  watcher?.finished?.(run);
  return run;
}

/** Sends all calls at once and leaves it to `send` when they go. */
async function sendCalls(
  send: typeof fetch,
  url: string,
  calls: number,
  patience: number,
  settled: (outcome: Outcome) => void,
): Promise<{ answered: number; failed: number; failure: string | undefined }> {
  const counts = { answered: 0, refused: 0, failed: 0 };
  let failure: string | undefined;
  let givenUp = false;

  const sendOne = async (index: number): Promise<void> => {
    let outcome: Outcome = 'failed';
    try {
      const response = await send(`${url}/calls/${index}`);
      // A body that nobody reads keeps its connection busy.
      await response.arrayBuffer();
      if (response.ok) outcome = 'answered';
      else if (response.status === 429) outcome = 'refused';
      else failure ??= `status ${response.status}`;
    } catch (error) {
      failure ??= describe(error);
    }
    if (givenUp) return;
    counts[outcome]++;
    settled(outcome);
  };

  let timer: NodeJS.Timeout | undefined;
  const outOfPatience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  await Promise.race([Promise.all(Array.from({ length: calls }, (_, index) => sendOne(index))), outOfPatience]);
  clearTimeout(timer);
  givenUp = true;

  const unanswered = calls - counts.answered - counts.refused - counts.failed;
  if (unanswered > 0) failure ??= `no answer within ${patience / 1000} s`;
  return { answered: counts.answered, failed: counts.failed + unanswered, failure };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node's fetch says "fetch failed" and keeps the reason in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
