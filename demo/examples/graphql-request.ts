// graphql-request: its fetch is an option.
import { GraphQLClient } from 'graphql-request';
import { throttleFetch } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('graphql-request', {
  answer: { data: { viewer: { login: 'amy' } } },
  gives: { viewer: { login: 'amy' } },
  connect: (url, throttle) => {
    const client = new GraphQLClient(url, { fetch: throttle ? throttleFetch(throttle) : fetch });
    return () => client.request('{ viewer { login } }');
  },
});
