import { throttleFetch } from 'sluice';
import { adapterContract } from './contract/contract.ts';
import { respondingSubject } from './contract/subject.ts';

adapterContract(
  respondingSubject(
    'fetch',
    (throttled, own = fetch) =>
      throttled === undefined ? own : throttleFetch(throttled.throttle, { ...throttled.options, fetch: own }),
    { hasTimeout: false },
  ),
);
