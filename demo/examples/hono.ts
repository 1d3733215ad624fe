// Hono: a middleware of one line. It works the same in all servers whose requests are a `Request`: Next, Bun, Deno, Workers.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { answerFor, limitRequests } from 'sluice/http';
import { runServerExample } from '../server-example.ts';

await runServerExample('hono', async ({ users, load }) => {
  const app = new Hono();
  // Stands for a user who has signed in: take no header that everybody may write.
  const userOf = (context: Context) => context.req.header('x-user') ?? '';
  const limit = limitRequests(users, { key: userOf });

  app.use(async (context, next) => (await limit(context, context.res.headers)) ?? next());
  app.get('/items', async (context) => context.text(await load(userOf(context))));
  app.onError((error, context) => answerFor(error) ?? context.text('Failed', 500));

  const server = createAdaptorServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
});
