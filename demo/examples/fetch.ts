// Global fetch: `throttleFetch` gives one of the same type.
import { throttleFetch } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('fetch', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const send = throttle ? throttleFetch(throttle) : fetch;
    return async (index) => (await (await send(`${url}/items/${index}`)).json()).title;
  },
});
