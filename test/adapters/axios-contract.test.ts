import { Readable } from 'node:stream';
import axios, { type AxiosStatic } from 'axios';
import axios17 from 'axios-1-7';
import axiosRetry from 'axios-retry';
import { throttleAxios } from 'sluice/axios';
import { adapterContract } from './contract/contract.ts';
import type { Call, Chunks, Throttled } from './contract/subject.ts';

const clients: [string, AxiosStatic, 'http' | 'fetch'][] = [
  ['axios', axios, 'http'],
  ['axios', axios, 'fetch'],
  // Beside another one, as a copy that a dependency brings.
  ['axios 1.7', axios17 as unknown as AxiosStatic, 'http'],
];

for (const [name, copy, adapter] of clients) {
  const create = (throttled?: Throttled, responseType: 'text' | 'stream' = 'text') => {
    const instance = copy.create({ adapter, responseType, transformResponse: (data) => data ?? '' });
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
    name: `${name}, ${adapter} adapter`,
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
