// @notionhq/client: the methods that send are named, by patterns.
import { Client } from '@notionhq/client';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('@notionhq/client', {
  answer: { object: 'page', id: 'page-1' },
  gives: 'page-1',
  connect: (url, throttle) => {
    const bare = new Client({ auth: 'none', baseUrl: url, retry: false, timeoutMs: TIMEOUT, logger: () => {} });
    const notion = throttle ? throttleCalls(bare, throttle, { methods: ['pages.*', 'databases.*', 'search'] }) : bare;
    return async () => (await notion.pages.retrieve({ page_id: '11111111-1111-4111-8111-111111111111' })).id;
  },
});
