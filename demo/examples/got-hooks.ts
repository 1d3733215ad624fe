// got, by its own hooks: every attempt waits, its retries and redirects too, and got's time-outs begin afterwards.
import got from 'got';
import { readServerSignal } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('got', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const bare = got.extend({ prefixUrl: url, retry: { limit: 0 }, timeout: { request: TIMEOUT } });
    const api = throttle
      ? bare.extend({
          hooks: {
            beforeRequest: [
              async () => {
                await throttle.wait('items');
              },
            ],
            afterResponse: [
              async (response) => {
                const { statusCode: status, headers } = response;
                const { throttled, retryAt } = readServerSignal({ status, headers, now: Date.now() });
                if (throttled) await throttle.pause('items', retryAt ?? Date.now() + 1_000);
                return response;
              },
            ],
          },
        })
      : bare;
    return async (index) => (await api(`items/${index}`).json<{ title: string }>()).title;
  },
});
