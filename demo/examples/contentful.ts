// contentful: its axios has an adapter, which sends all of its calls, its retries too.
import axios from 'axios';
import { createClient } from 'contentful';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('contentful', {
  answer: { sys: { id: 'entry', type: 'Entry' }, fields: { title: 'An entry' } },
  gives: 'An entry',
  connect: (url, throttle) => {
    const bare = axios.getAdapter('http');
    const contentful = createClient({
      space: 'space',
      accessToken: 'none',
      host: new URL(url).host,
      insecure: true,
      timeout: TIMEOUT,
      retryOnError: false,
      adapter: throttle ? throttleCalls(bare, throttle) : bare,
    });
    return async (index) => (await contentful.getAsset(`entry-${index}`)).fields.title;
  },
});
