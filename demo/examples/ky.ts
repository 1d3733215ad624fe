// ky: an instance of its own, whose hooks wait.
import ky from 'ky';
import { throttleKy } from 'sluice/ky';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('ky', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const bare = ky.create({ prefixUrl: url, retry: 0, timeout: TIMEOUT });
    const api = throttle ? throttleKy(bare, throttle) : bare;
    return async (index) => (await api.get(`items/${index}`).json<{ title: string }>()).title;
  },
});
