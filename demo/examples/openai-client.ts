// openai: its fetch is an option.
import OpenAI from 'openai';
import { throttleFetch } from 'sluice';
import { runClientExample } from '../client-example.ts';

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
    const openai = new OpenAI({
      apiKey: 'none',
      baseURL: url,
      maxRetries: 0,
      fetch: throttle ? throttleFetch(throttle) : fetch,
    });
    return async (index) => {
      const messages = [{ role: 'user' as const, content: `What is ${index} times ${index}?` }];
      const { choices } = await openai.chat.completions.create({ model: 'small', messages });
      return choices[0]?.message.content;
    };
  },
});
