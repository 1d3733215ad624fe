// ky, where you need no more than hooks: with `kyHooks` they wait and listen.
import ky from 'ky';
import { kyHooks } from 'sluice/ky';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('ky', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const api = ky.create({
      prefixUrl: url,
      retry: 0,
      timeout: TIMEOUT,
      ...(throttle && { hooks: kyHooks(throttle) }),
    });
    return async (index) => (await api.get(`items/${index}`).json<{ title: string }>()).title;
  },
});
