// Express: what `limitRequests` answers is a `Response`, sent in one line.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Request } from 'express';
import { answerFor, limitRequests } from 'sluice/http';
import { runServerExample } from '../server-example.ts';

await runServerExample('express', async ({ users, load }) => {
  const app = express();
  // Stands for a user who has signed in: take no header that everybody may write.
  const userOf = (request: Request) => request.get('x-user') ?? '';
  const limit = limitRequests(users, { key: userOf });

  app.use(async (request, response, next) => {
    const refusal = await limit(request, response);
    if (refusal === undefined) next();
    else
      response
        .status(refusal.status)
        .type('text')
        .send(await refusal.text());
  });
  app.get('/items', async (request, response) => {
    response.send(await load(userOf(request)));
  });
  const answerError: ErrorRequestHandler = async (error, _request, response, next) => {
    const answer = answerFor(error);
    if (answer === undefined) next(error);
    else
      response
        .status(answer.status)
        .setHeaders(answer.headers)
        .send(await answer.text());
  };
  app.use(answerError);

  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
});
