import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One call as the server saw it. */
export interface Call {
  /** When it arrived, in ms since the epoch. */
  readonly at: number;
  /** Which tab it came from. */
  readonly tab: string;
  /** When it was to go, in ms since the epoch. */
  readonly slot: number;
}

/** The servers that the tabs talk to. */
export interface Site {
  /** The origin of the pages, without a slash at the end. Pages at different paths are alike but for their headers. */
  readonly pages: string;
  /** Where calls are counted. */
  readonly calls: string;
  /** Tells the calls since the last time, in order, and forgets them. */
  takeLog(): Promise<readonly Call[]>;
  /** When the server refused a call, in ms since the epoch; null if it has not since the log was taken. */
  refusedAt(): Promise<number | null>;
  close(): Promise<void>;
}

/** Starts the servers in a process of their own. It ends when this process does, however it ends. */
export async function startSite(): Promise<Site> {
  const child = fork(fileURLToPath(new URL('./site-main.ts', import.meta.url)), {
    execArgv: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const [{ pages, calls }] = (await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => Promise.reject(new Error(`The site did not start; its process ended with ${code}.`))),
  ])) as [Pick<Site, 'pages' | 'calls'>];
  return {
    pages,
    calls,
    takeLog: async () => (await fetch(`${calls}/log`, { method: 'POST' })).json() as Promise<Call[]>,
    refusedAt: async () => (await fetch(`${calls}/refused`)).json() as Promise<number | null>,
    close: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
