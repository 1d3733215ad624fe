// superagent: a request is sent when it is awaited, so the wait is there.
import { throttleCalls } from 'sluice';
import superagent from 'superagent';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('superagent', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    // A request of superagent is sent once, however often it is awaited.
    const options = { lazy: ['get', 'post', 'put', 'patch', 'delete'], retry: 0 };
    const agent = throttle ? throttleCalls(superagent, throttle, options) : superagent;
    return async (index) => (await agent.get(`${url}/items/${index}`).timeout(TIMEOUT)).body.title;
  },
});
