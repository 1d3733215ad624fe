// @trpc/client: the fetch of its link. A batch is one call.
import { createTRPCClient, httpBatchLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { throttleFetch } from 'sluice';
import { runClientExample } from '../client-example.ts';

const { procedure, router } = initTRPC.create();
const app = router({ title: procedure.input(Number).query(() => 'An item') });

await runClientExample('@trpc/client', {
  answer: [{ result: { data: 'An item' } }, { result: { data: 'An item' } }],
  gives: ['An item', 'An item'],
  connect: (url, throttle) => {
    const send = throttle ? throttleFetch(throttle) : fetch;
    const link = httpBatchLink({ url, maxItems: 2, fetch: (input, init) => send(input, init as RequestInit) });
    const client = createTRPCClient<typeof app>({ links: [link] });
    return (index) => Promise.all([client.title.query(index), client.title.query(-index)]);
  },
});
