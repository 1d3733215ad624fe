// openai: the methods that send are named. Its time-out begins in them, before it calls its fetch.
import OpenAI from 'openai';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('openai', {
  answer: {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: 'small',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'An answer' } }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  },
  gives: 'An answer',
  connect: (url, throttle) => {
    const bare = new OpenAI({ apiKey: 'none', baseURL: url, maxRetries: 0, timeout: TIMEOUT });
    const openai = throttle
      ? throttleCalls(bare, throttle, { methods: ['chat.completions.*', 'responses.*', 'embeddings.*'] })
      : bare;
    return async (index) => {
      const messages = [{ role: 'user' as const, content: `What is ${index} times ${index}?` }];
      const { choices } = await openai.chat.completions.create({ model: 'small', messages });
      return choices[0]?.message.content;
    };
  },
});
