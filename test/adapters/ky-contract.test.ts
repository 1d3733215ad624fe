import ky1 from 'ky';
import ky2 from 'ky-2';
import { throttleKy } from 'sluice/ky';
import { adapterContract } from './contract/contract.ts';
import type { Subject } from './contract/subject.ts';

const subject = (name: string, ky: typeof ky1): Subject => ({
  name,
  sendsStreams: true,
  hasTimeout: true,
  make: (throttled) => {
    const send = throttled === undefined ? ky : throttleKy(ky, throttled.throttle, throttled.options);
    return async ({ url, ...options }) => {
      const response = await send(url, options);
      return { status: response.status, text: await response.text() };
    };
  },
});

adapterContract(subject('ky 1', ky1));
adapterContract(subject('ky 2', ky2 as unknown as typeof ky1));
