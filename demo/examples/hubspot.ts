// @hubspot/api-client: its resources are named; its own limiter is off.
import { Client } from '@hubspot/api-client';
import { throttleCalls } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('@hubspot/api-client', {
  answer: {
    id: '1',
    properties: { firstname: 'Amy' },
    createdAt: '2026-01-01T00:00:00Z',
    updatedAt: '2026-01-01T00:00:00Z',
  },
  gives: 'Amy',
  connect: (url, throttle) => {
    const bare = new Client({ accessToken: 'none', basePath: url, limiterOptions: {}, numberOfApiCallRetries: 0 });
    const hubspot = throttle
      ? throttleCalls(bare, throttle, { methods: ['crm.*.basicApi.*', 'crm.*.searchApi.*'] })
      : bare;
    return async (index) => (await hubspot.crm.contacts.basicApi.getById(`${index}`)).properties.firstname;
  },
});
