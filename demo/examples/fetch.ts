// Global fetch: `throttleFetch` gives one of the same type. A time-out in the fetch that it calls begins when the call goes.
import { throttleFetch } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('fetch', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const timed: typeof fetch = (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(TIMEOUT) });
    const send = throttle ? throttleFetch(throttle, { fetch: timed }) : timed;
    return async (index) => (await (await send(`${url}/items/${index}`)).json()).title;
  },
});
