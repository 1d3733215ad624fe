import { throttleFetch } from 'sluice';
import { adapterContract } from './contract/contract.ts';

adapterContract({
  name: 'fetch',
  sendsStreams: true,
  hasTimeout: false,
  make: (throttled) => {
    const send = throttled === undefined ? fetch : throttleFetch(throttled.throttle, throttled.options);
    return async ({ url, timeout: _, ...init }) => {
      const response = await send(url, { ...init, duplex: 'half' } as RequestInit);
      return { status: response.status, text: await response.text() };
    };
  },
});
