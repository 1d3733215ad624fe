import {
  type CallOptions,
  createThrottle,
  type FetchCall,
  perSecond,
  type ThrottleFetchOptions,
  throttleFetch,
} from 'sluice';
import { describe, expectTypeOf, it } from 'vitest';

const throttle = createThrottle({ limits: perSecond(1) });

describe('throttleFetch', () => {
  it('gives a fetch', () => {
    expectTypeOf(throttleFetch(throttle)).toEqualTypeOf<typeof fetch>();
    globalThis.fetch = throttleFetch(throttle);
  });

  it('takes each option as a value or as a function of the call', () => {
    throttleFetch(throttle, { key: 'one', cost: 2, priority: 1, maxWait: 1000, retry: 0, fetch });
    throttleFetch(throttle, { cost: { tokens: 100 } });
    throttleFetch(throttle, {
      key: ({ url }) => url.host,
      cost: ({ init }) => ({ tokens: String(init?.body).length }),
      priority: ({ method }) => (method === 'GET' ? 1 : 0),
      match: ({ url }) => url.pathname.startsWith('/api'),
      maxWait: ({ url }) => (url.search === '' ? 1000 : Number.POSITIVE_INFINITY),
    });
    expectTypeOf<ThrottleFetchOptions>().toExtend<CallOptions<FetchCall, Response>>();
  });

  it('refuses other values', () => {
    // @ts-expect-error
    throttleFetch(throttle, { key: 5 });
    // @ts-expect-error
    throttleFetch(throttle, { match: true });
    // @ts-expect-error
    throttleFetch(throttle, { keys: 'misspelled' });
    // @ts-expect-error
    throttleFetch({});
  });
});
