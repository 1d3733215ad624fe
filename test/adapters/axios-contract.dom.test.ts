import axios from 'axios';
import { throttleAxios } from 'sluice/axios';
import { adapterContract } from './contract/contract.ts';

const { happyDOM } = globalThis as unknown as { happyDOM: { setURL(url: string): void } };

adapterContract({
  name: 'axios, xhr adapter',
  sendsStreams: false,
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
