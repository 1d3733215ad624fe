import axios from 'axios';
import { throttleAxios } from 'sluice/axios';
import { adapterContract } from './contract/contract.ts';

for (const adapter of ['http', 'fetch'] as const) {
  adapterContract({
    name: `axios, ${adapter} adapter`,
    // Its http adapter sends streams of Node's alone.
    sendsStreams: adapter === 'fetch',
    hasTimeout: true,
    make: (throttled) => {
      const instance = axios.create({ adapter, responseType: 'text', transformResponse: (data) => data ?? '' });
      if (throttled !== undefined) throttleAxios(instance, throttled.throttle, throttled.options);
      return async ({ body: data, ...config }) => {
        const answer = await instance({ ...config, ...(data !== undefined && { data }) });
        return { status: answer.status, text: answer.data };
      };
    },
  });
}
