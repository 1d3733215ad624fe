import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import { createThrottle, perSecond } from 'sluice';
import { type AxiosCall, type AxiosThrottleOptions, type ThrottleAxiosOptions, throttleAxios } from 'sluice/axios';
import { describe, expectTypeOf, it } from 'vitest';

const throttle = createThrottle({ limits: perSecond(1) });
const instance: AxiosInstance = axios.create();

describe('throttleAxios', () => {
  it('takes axios or an instance and gives what takes it off', () => {
    expectTypeOf(throttleAxios(axios, throttle)).toEqualTypeOf<{ eject(): void }>();
    throttleAxios(instance, throttle, { key: 'one', cost: { tokens: 1 }, priority: 1, maxWait: 1000, retry: 0 });
  });

  it('gives functions the URL, the method and the config', () => {
    throttleAxios(instance, throttle, {
      key: ({ url, config }) => `${url.host} ${config.auth?.username}`,
      match: ({ method }) => method === 'GET',
      settle: ({ data }) => data.usage,
    });
    expectTypeOf<NonNullable<ThrottleAxiosOptions['settle']>>().parameters.toEqualTypeOf<[AxiosResponse, AxiosCall]>();
  });

  it('adds options to each call', () => {
    void instance.get('/', { throttle: { priority: 1, cost: ({ method }) => (method === 'GET' ? 1 : 2) } });
    void instance({ url: '/', throttle: false });
    axios.create({ throttle: { key: 'own' } });
    expectTypeOf<AxiosThrottleOptions>().not.toHaveProperty('match');
    // @ts-expect-error
    void instance.get('/', { throttle: true });
    // @ts-expect-error
    void instance.get('/', { throttle: { keys: 'misspelled' } });
  });

  it('refuses other values', () => {
    // @ts-expect-error
    throttleAxios({}, throttle);
    // @ts-expect-error
    throttleAxios(instance, {});
    // @ts-expect-error
    throttleAxios(instance, throttle, { match: true });
  });
});
