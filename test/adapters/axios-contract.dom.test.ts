import axios, { type AxiosProgressEvent } from 'axios';
import { createThrottle } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { expect, it } from 'vitest';
import { adapterContract } from './contract/contract.ts';
import { startServer } from './test-server.ts';

const { happyDOM } = globalThis as unknown as { happyDOM: { setURL(url: string): void } };

adapterContract({
  name: 'axios, xhr adapter',
  // The XMLHttpRequest of happy-dom knows no timeout.
  hasTimeout: false,
  make: (throttled) => {
    const instance = axios.create({ adapter: 'xhr', responseType: 'text', transformResponse: (data) => data ?? '' });
    if (throttled !== undefined) throttleAxios(instance, throttled.throttle, throttled.options);
    return async ({ body: data, ...config }) => {
      happyDOM.setURL(config.url);
      const answer = await instance({ ...config, ...(data !== undefined && { data }) });
      return { status: answer.status, text: answer.data };
    };
  },
});

it('the xhr adapter tells the progress, and sends credentials, as without a throttle', async () => {
  const server = await startServer();
  happyDOM.setURL(server.url);
  async function seen(isThrottled: boolean) {
    const steps: unknown[] = [];
    const instance = axios.create({ adapter: 'xhr', withCredentials: true });
    const throttle = createThrottle({ limits: { rate: 1, interval: 1, burst: 9 } });
    if (isThrottled) throttleAxios(instance, throttle);
    const note = ({ loaded, total, download, upload }: AxiosProgressEvent) =>
      steps.push([loaded, total, download, upload]);
    const { request } = await instance.post(`${server.url}/echo`, 'x'.repeat(100_000), {
      onDownloadProgress: note,
      onUploadProgress: note,
    });
    return [steps.at(-1), request.withCredentials];
  }
  expect(await seen(true)).toEqual(await seen(false));
  await server.close();
});
