// algoliasearch: the methods that send are named.
import { algoliasearch } from 'algoliasearch';
import { throttleCalls } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('algoliasearch', {
  answer: { hits: [{ objectID: '1' }], nbHits: 1 },
  gives: [{ objectID: '1' }],
  connect: (url, throttle) => {
    const hosts = [{ url: new URL(url).host, protocol: 'http' as const, accept: 'readWrite' as const }];
    const bare = algoliasearch('APP', 'none', { hosts });
    const algolia = throttle ? throttleCalls(bare, throttle, { methods: ['searchSingleIndex'] }) : bare;
    return async (index) => {
      const { hits } = await algolia.searchSingleIndex({ indexName: 'items', searchParams: { query: `${index}` } });
      return hits;
    };
  },
});
