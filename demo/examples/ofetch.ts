// ofetch: a function. Its time-out begins in it, before it calls its fetch.
import { ofetch } from 'ofetch';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('ofetch', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const bare = ofetch.create({ retry: 0, timeout: TIMEOUT });
    const api = throttle ? throttleCalls(bare, throttle) : bare;
    return async (index) => (await api<{ title: string }>(`${url}/items/${index}`)).title;
  },
});
