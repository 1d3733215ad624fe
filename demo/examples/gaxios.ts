// gaxios: the method that sends is named.
import { Gaxios } from 'gaxios';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('gaxios', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const bare = new Gaxios({ baseURL: url, timeout: TIMEOUT });
    const api = throttle ? throttleCalls(bare, throttle, { methods: ['request'] }) : bare;
    return async (index) => (await api.request<{ title: string }>({ url: `/items/${index}` })).data.title;
  },
});
