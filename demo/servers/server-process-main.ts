import { type QuotaServer, startQuotaServer } from './quota-server.ts';
import type { Answer, Order } from './server-process.ts';

// The far side of server-process.ts.

if (!process.send) throw new Error('This file runs as a child process; start it through server-process.ts.');

const servers = new Map<number, QuotaServer>();

// A Ctrl-C in a terminal goes to the whole process group; our parent process closes us when it is done.
process.on('SIGINT', () => {});
// Fires too when the other process was killed and could not say goodbye.
process.on('disconnect', () => process.exit());

process.on('message', (order: Order) => {
  carryOut(order).then(
    (value) => answer({ id: order.id, value }),
    (error: unknown) => answer({ id: order.id, error }),
  );
});

function answer(message: Answer): void {
  // The asking process may be gone by now, which 'disconnect' handles; without a callback the failed write would be thrown.
  process.send?.(message, undefined, undefined, () => {});
}

async function carryOut(order: Order): Promise<unknown> {
  if (order.what === 'start') {
    const server = await startQuotaServer(order.options);
    servers.set(order.server, server);
    return server.url;
  }
  const server = servers.get(order.server);
  if (!server) throw new Error(`There is no server ${order.server}.`);
  switch (order.what) {
    case 'log':
      return server.log;
    case 'stats':
      return server.stats();
    case 'close':
      return server.close();
  }
}
