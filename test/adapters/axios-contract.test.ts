import { Readable } from 'node:stream';
import axios from 'axios';
import axiosRetry from 'axios-retry';
import { throttleAxios } from 'sluice/axios';
import { adapterContract } from './contract/contract.ts';
import type { Call, Chunks, Throttled } from './contract/subject.ts';

for (const adapter of ['http', 'fetch'] as const) {
  const create = (throttled?: Throttled, responseType: 'text' | 'stream' = 'text') => {
    const instance = axios.create({ adapter, responseType, transformResponse: (data) => data ?? '' });
    if (throttled !== undefined) throttleAxios(instance, throttled.throttle, throttled.options);
    return instance;
  };
  /** A body as the adapter takes it: that for http sends streams of Node's alone. */
  const dataOf = (body: BodyInit | undefined): unknown =>
    adapter === 'http' && body instanceof ReadableStream ? Readable.fromWeb(body as never) : body;
  const callBy =
    (instance: ReturnType<typeof create>): Call =>
    async ({ body, ...config }) => {
      const answer = await instance({ ...config, ...(body !== undefined && { data: dataOf(body) }) });
      return { status: answer.status, text: answer.data };
    };
  adapterContract({
    name: `axios, ${adapter} adapter`,
    hasTimeout: true,
    make: (throttled) => callBy(create(throttled)),
    stream: (throttled) => {
      const instance = create(throttled, 'stream');
      return async (url, body) => (await instance.post(url, dataOf(body))).data as Chunks;
    },
    retrying: (delay, throttled) => {
      const instance = create(throttled);
      axiosRetry(instance, { retries: 1, retryDelay: () => delay });
      return callBy(instance);
    },
  });
}
