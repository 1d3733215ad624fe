// @slack/web-api: its methods are one call each.
import { LogLevel, WebClient } from '@slack/web-api';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('@slack/web-api', {
  answer: { ok: true, ts: '1.0' },
  gives: '1.0',
  connect: (url, throttle) => {
    const bare = new WebClient('none', {
      slackApiUrl: `${url}/api/`,
      retryConfig: { retries: 0 },
      timeout: TIMEOUT,
      rejectRateLimitedCalls: true,
      logLevel: LogLevel.ERROR,
    });
    const slack = throttle ? throttleCalls(bare, throttle, { methods: ['chat.*', 'conversations.*'] }) : bare;
    return async (index) => (await slack.chat.postMessage({ channel: 'general', text: `Message ${index}` })).ts;
  },
});
