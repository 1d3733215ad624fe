// got: a function, whose promise has methods of its own.
import got from 'got';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('got', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const bare = got.extend({ prefixUrl: url, retry: { limit: 0 }, timeout: { request: TIMEOUT } });
    const api = throttle ? throttleCalls(bare, throttle) : bare;
    return async (index) => (await api(`items/${index}`).json<{ title: string }>()).title;
  },
});
