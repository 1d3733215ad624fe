// @anthropic-ai/sdk: a middleware. Every attempt waits, and its time-out begins afterwards.
import Anthropic, { type Middleware } from '@anthropic-ai/sdk';
import { type Throttle, throttleFetch } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('@anthropic-ai/sdk', {
  answer: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'small',
    content: [{ type: 'text', text: 'An answer' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 2 },
  },
  gives: { type: 'text', text: 'An answer' },
  connect: (url, throttle) => {
    const inTurn = (throttle: Throttle): Middleware => {
      return (request, next) => throttleFetch(throttle, { fetch: () => next(request) })(request.url, request);
    };
    const anthropic = new Anthropic({
      apiKey: 'none',
      baseURL: url,
      maxRetries: 0,
      timeout: TIMEOUT,
      middleware: throttle ? [inTurn(throttle)] : [],
    });
    return async (index) => {
      const messages = [{ role: 'user' as const, content: `What is ${index} times ${index}?` }];
      const { data } = await anthropic.messages.create({ model: 'small', max_tokens: 9, messages }).withResponse();
      return data.content[0];
    };
  },
});
