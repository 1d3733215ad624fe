import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Arrival, QuotaServerOptions, QuotaServerStats } from './quota-server.ts';

export type Order =
  | { readonly id: number; readonly server: number; readonly what: 'start'; readonly options: QuotaServerOptions }
  | { readonly id: number; readonly server: number; readonly what: 'log' | 'stats' | 'close' };

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: unknown;
}

/** A quota server that runs elsewhere: the same as `QuotaServer`, asked by message. */
export interface RemoteQuotaServer {
  readonly url: string;
  log(): Promise<readonly Arrival[]>;
  stats(): Promise<QuotaServerStats>;
  close(): Promise<void>;
}

export interface ServerProcess {
  /** `random` cannot cross to another process. */
  startQuotaServer(options: Omit<QuotaServerOptions, 'random'>): Promise<RemoteQuotaServer>;
  /** Ends the process and every server in it. What was still asked of it rejects. */
  close(): Promise<void>;
}

/**
 * Starts a process for quota servers. A client that is busy with hundreds of calls would otherwise hold up the servers'
 * event loop too, and arrivals would be counted late. However this process ends, the other ends with it.
 */
export function startServerProcess(): ServerProcess {
  const child = fork(fileURLToPath(new URL('./server-process-main.ts', import.meta.url)), {
    // The parent process may run TypeScript by other means.
    execArgv: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href],
    // Carries an Error and an undefined as they are.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const asked = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  let lastId = 0;
  let lastServer = 0;

  ended
    .then(
      () => new Error('The process of the quota servers has ended.'),
      (error: unknown) => error,
    )
    .then((error) => {
      for (const { reject } of asked.values()) reject(error);
      asked.clear();
    });
  child.on('message', ({ id, value, error }: Answer) => {
    const question = asked.get(id);
    asked.delete(id);
    if (error === undefined) question?.resolve(value);
    else question?.reject(error);
  });

  const ask = <T>(order: (id: number) => Order): Promise<T> =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++lastId;
      asked.set(id, { resolve, reject });
      child.send(order(id), (error) => {
        if (error) reject(error);
      });
    }) as Promise<T>;

  return {
    startQuotaServer: async (options) => {
      const server = ++lastServer;
      const url = await ask<string>((id) => ({ id, server, what: 'start', options }));
      return {
        url,
        log: () => ask((id) => ({ id, server, what: 'log' })),
        stats: () => ask((id) => ({ id, server, what: 'stats' })),
        close: () => ask((id) => ({ id, server, what: 'close' })),
      };
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
