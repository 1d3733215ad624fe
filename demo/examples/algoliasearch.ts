// algoliasearch: its requester sends all of its calls, those to other hosts too, and its time-outs begin there.
import { createHttpRequester } from '@algolia/requester-node-http';
import { algoliasearch } from 'algoliasearch';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('algoliasearch', {
  answer: { hits: [{ objectID: '1' }], nbHits: 1 },
  gives: [{ objectID: '1' }],
  connect: (url, throttle) => {
    const bare = createHttpRequester();
    const algolia = algoliasearch('APP', 'none', {
      hosts: [{ url: new URL(url).host, protocol: 'http', accept: 'readWrite' }],
      timeouts: { connect: TIMEOUT, read: TIMEOUT, write: TIMEOUT },
      maxRateLimitRetries: 0,
      requester: throttle ? throttleCalls(bare, throttle, { methods: ['send'] }) : bare,
    });
    return async (index) => {
      const { hits } = await algolia.searchSingleIndex({ indexName: 'items', searchParams: { query: `${index}` } });
      return hits;
    };
  },
});
