// ofetch: it is made of a fetch.
import { createFetch } from 'ofetch';
import { throttleFetch } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('ofetch', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const ofetch = createFetch({ fetch: throttle ? throttleFetch(throttle) : fetch, defaults: { retry: 0 } });
    return async (index) => (await ofetch<{ title: string }>(`${url}/items/${index}`)).title;
  },
});
