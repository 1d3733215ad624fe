// undici: an interceptor on the dispatcher. With `setGlobalDispatcher` it holds for all that use Node's fetch.
import { throttleInterceptor } from 'sluice/undici';
import { Agent, request } from 'undici';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('undici', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const agent = new Agent({ headersTimeout: TIMEOUT, bodyTimeout: TIMEOUT });
    const dispatcher = throttle ? agent.compose(throttleInterceptor(throttle)) : agent;
    return async (index) => {
      const { body } = await request(`${url}/items/${index}`, { dispatcher });
      return ((await body.json()) as { title: string }).title;
    };
  },
});
