import axios from 'axios';
import ky from 'ky';
import { throttleAll, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { throttleKy } from 'sluice/ky';
import { adapterContract, clientContract } from './contract/contract.ts';
import { respondingSubject, type Throttled } from './contract/subject.ts';

/** The throttle of the contract as the only one of several. */
const joined = ({ throttle }: Throttled) => throttleAll([throttle]);

adapterContract(
  respondingSubject(
    'fetch with throttleAll',
    (throttled, own = fetch) =>
      throttled === undefined ? own : throttleFetch(joined(throttled), { ...throttled.options, fetch: own }),
    { hasTimeout: false },
  ),
);

adapterContract({
  name: 'axios with throttleAll',
  hasTimeout: true,
  make: (throttled) => {
    const instance = axios.create({ responseType: 'text', transformResponse: (data) => data ?? '' });
    if (throttled !== undefined) throttleAxios(instance, joined(throttled), throttled.options);
    return async ({ body, ...config }) => {
      const { status, data } = await instance({ ...config, ...(body !== undefined && { data: body }) });
      return { status, text: data };
    };
  },
});

clientContract(
  respondingSubject(
    'ky with throttleAll',
    (throttled, own = fetch) => {
      const plain = ky.create({ fetch: own, throwHttpErrors: false, retry: 2, timeout: false });
      if (throttled === undefined) return plain as unknown as typeof fetch;
      return throttleKy(plain, joined(throttled), throttled.options) as unknown as typeof fetch;
    },
    { hasTimeout: false },
  ),
);
