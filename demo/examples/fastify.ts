// Fastify: a hook. It sends a `Response` as it is.
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyRequest } from 'fastify';
import { answerFor, limitRequests } from 'sluice/http';
import { runServerExample } from '../server-example.ts';

await runServerExample('fastify', async ({ users, load }) => {
  const app = Fastify();
  // Stands for a user who has signed in: take no header that everybody may write.
  const userOf = (request: FastifyRequest) => String(request.headers['x-user']);
  const limit = limitRequests(users, { key: userOf });

  app.addHook('onRequest', async (request, reply) => {
    const refusal = await limit(request, { set: (name, value) => reply.header(name, value) });
    if (refusal !== undefined) return reply.send(refusal);
  });
  app.get('/items', (request) => load(userOf(request)));
  app.setErrorHandler((error, _request, reply) => reply.send(answerFor(error) ?? error));

  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
});
