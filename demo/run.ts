import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createThrottle, quota, throttleFetch } from 'sluice';
import { runDemo, shortcomings } from './demo.ts';
import { jsonReport } from './report/json.ts';
import { showProgress } from './report/progress.ts';
import { introduction, report } from './report/report.ts';
import { terminalOf } from './report/style.ts';
import { timelineSvg } from './report/svg.ts';
import { CALLS, type ClientLimit, SCENARIOS } from './scenarios.ts';
import { startServerProcess } from './servers/server-process.ts';

const USAGE = `Usage: npm run demo -- [options]

Starts four local API servers that enforce a quota, one per algorithm, and sends ${CALLS} calls to each:
with plain fetch, and with a fetch that sluice throttles. Takes about 20 seconds.

Options:
  --page        serve a page instead, to try the same in a browser, until you interrupt it
  --json        print only one JSON document
  --svg <file>  also draw the timeline to a file
  --help        print this

Exit code: 0 if the throttled calls met no 429, were all answered and used at least 95% of what the
quotas allow; 1 if not; 2 for a wrong option; 130 if interrupted.
`;

/** ms. */
const APART = 250;

/** ms. Past this the demo says what is missing instead of waiting on. */
const PATIENCE = 50_000;

// Ends when the reader has gone away (`| head`).
process.stdout.on('error', () => process.exit(1));

const options = readOptions();
if (options === undefined) process.exitCode = 2;
else if (options.help) process.stdout.write(USAGE);
else if (options.page) await showPage();
else await main(options);

async function main({ json, svg }: { json: boolean; svg: string | undefined }): Promise<void> {
  // With --json the document has standard output for itself.
  const screen = json ? process.stderr : process.stdout;
  const terminal = () => terminalOf(screen, process.env);
  const quiet = json && !terminal().live;
  const interruption = new AbortController();
  const write = (text: string): void => {
    if (!quiet && !interruption.signal.aborted) screen.write(text);
  };

  const servers = startServerProcess();
  const clients = new Set<{ close(): Promise<void> }>();
  const progress = showProgress(write, terminal, () => performance.now());

  const cleanUp = async (): Promise<void> => {
    progress.stop();
    await Promise.allSettled([...clients].map((client) => client.close()));
    await servers.close();
  };
  onInterrupt(async () => {
    // First, while it may still write.
    progress.stop();
    interruption.abort();
    await cleanUp();
  });

  write(`${introduction(SCENARIOS, CALLS, terminal())}\n`);
  try {
    const runs = await runDemo({
      scenarios: SCENARIOS,
      calls: CALLS,
      startServer: servers.startQuotaServer,
      openThrottled: (limit) => {
        const client = openThrottled(limit);
        clients.add(client);
        return client;
      },
      apart: APART,
      patience: PATIENCE,
      watcher: progress,
    });
    if (interruption.signal.aborted) return;
    progress.stop();
    process.stdout.write(json ? jsonReport(runs) : report(runs, terminal()));
    if (svg !== undefined) await writeFile(svg, timelineSvg(runs));
    write('\nnpm run demo -- --page shows the same in a browser.\n');
    const passed = runs.every((run) => run.client === 'plain' || shortcomings(run).length === 0);
    process.exitCode = passed ? 0 : 1;
  } catch (error) {
    // Closing servers and clients makes pending calls fail; these errors are not reported.
    if (!interruption.signal.aborted) throw error;
  } finally {
    await cleanUp();
  }
}

/** Serves the page, with a real server for it, until this process is interrupted. */
async function showPage(): Promise<void> {
  // The bundler is large: the terminal run does without.
  const [{ buildPage }, { servePage }] = await Promise.all([import('./page/build.ts'), import('./page/serve.ts')]);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
  await buildPage(folder);
  const page = await servePage(folder);
  process.stdout.write(`Open ${page.url} in a browser. Ctrl-C ends it.\n`);
  onInterrupt(async () => {
    await page.close();
    rmSync(folder, { recursive: true, force: true });
  });
}

function openThrottled(limit: ClientLimit): { fetch: typeof fetch; close(): Promise<void> } {
  const throttle = createThrottle({
    limits:
      limit.kind === 'quota'
        ? quota({ limit: limit.limit, interval: limit.interval, burst: limit.burst })
        : { rate: limit.rate, interval: limit.interval, burst: limit.burst },
  });
  return { fetch: throttleFetch(throttle), close: () => throttle.close() };
}

function onInterrupt(cleanUp: () => Promise<void>): void {
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // `on`, not `once`: npm and tsx pass on a Ctrl-C that the terminal has sent us as well, and the second one would kill
    // us in the middle of it.
    process.on(signal, () => {
      if (interrupted) return;
      interrupted = true;
      process.exitCode = 130;
      const leave = (): never => process.exit(130);
      setTimeout(leave, 1000);
      cleanUp().then(leave, leave);
    });
  }
}

function readOptions(): { json: boolean; page: boolean; svg: string | undefined; help: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        page: { type: 'boolean', default: false },
        svg: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const { json = false, page = false, svg, help = false } = values;
    return { json, page, svg, help };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return undefined;
  }
}
