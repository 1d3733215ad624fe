// @anthropic-ai/sdk: the methods that send are named, since each of them is one call.
import Anthropic from '@anthropic-ai/sdk';
import { throttleCalls } from 'sluice';
import { runClientExample } from '../client-example.ts';

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
    const bare = new Anthropic({ apiKey: 'none', baseURL: url, maxRetries: 0 });
    const anthropic = throttle ? throttleCalls(bare, throttle, { methods: ['messages.create'] }) : bare;
    return async (index) => {
      const messages = [{ role: 'user' as const, content: `What is ${index} times ${index}?` }];
      const { data } = await anthropic.messages.create({ model: 'small', max_tokens: 9, messages }).withResponse();
      return data.content[0];
    };
  },
});
