import axios, { type AxiosResponse } from 'axios';
import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, type Throttle, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { throttleKy } from 'sluice/ky';
import { completeDialect } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { watch } from './fake-fetch.ts';

const T = 1000;
const url = 'https://a.example/';
const key = 'https://a.example';
const unreadable = {
  get(): never {
    throw new RangeError('no status');
  },
};

/** What a fetch or an adapter of the user's own may give that is no answer. */
const odd: [string, () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 5],
  ['an object without headers', () => ({ status: 200 })],
  ['an object whose headers are undefined', () => ({ status: 429, headers: undefined })],
  ['an object whose status throws', () => Object.defineProperty({}, 'status', unreadable)],
  ['an object whose headers throw', () => Object.defineProperty({ status: 200 }, 'headers', unreadable)],
  ['a refusal of a kind that is no Response', () => ({ status: 429, headers: {}, type: 'cors', url: '' })],
];

/** What ky, too, takes for an answer. */
const oddResponses: typeof odd = [
  ['a Response whose status throws', () => Object.defineProperty(new Response('ok'), 'status', unreadable)],
];

type Client = (
  own: (...args: unknown[]) => Promise<unknown>,
  throttle?: Throttle,
  options?: object,
) => Promise<unknown>;
const clients: [string, typeof odd, Client][] = [
  [
    'fetch',
    [...odd, ...oddResponses],
    (own, throttle, options) => {
      const fetch = own as typeof globalThis.fetch;
      const send = throttle === undefined ? fetch : throttleFetch(throttle, { ...options, fetch });
      return send(url);
    },
  ],
  [
    'an adapter of axios',
    odd,
    (own, throttle, options) => {
      const instance = axios.create({ adapter: own as () => Promise<AxiosResponse> });
      if (throttle !== undefined) throttleAxios(instance, throttle, options);
      return instance.get(url);
    },
  ],
  ...[ky1, ky2 as unknown as typeof ky1].map((ky, index): [string, typeof odd, Client] => [
    `the fetch of ky ${index + 1}`,
    oddResponses,
    async (own, throttle, options) => {
      const api = ky.create({ fetch: own as typeof fetch, retry: 0 });
      return (throttle === undefined ? api : throttleKy(api, throttle, options))(url);
    },
  ]),
];

describe.each(clients)('%s', (_, values, client) => {
  async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
    return call.then(
      // Not the objects themselves: to compare them is to read them.
      (value) => ({ value: Object.prototype.toString.call(value) }),
      (error: Error) => ({ error: [error?.name, error?.message] }),
    );
  }

  it.each(values)('that returns %s works as without a throttle, and blocks no other call', async (__, give) => {
    for (const options of [{ retry: 0 }, { retry: 0, dialect: completeDialect({ body: { remaining: 'left' } }) }]) {
      const clock = new ManualClock();
      const throttle = createThrottle({ limits: { rate: 1, interval: T, burst: 9 }, margin: 0, clock, concurrency: 1 });
      const call = outcomeOf(client(async () => give(), throttle, options));
      expect(await call).toEqual(await outcomeOf(client(async () => give())));
      const next = watch(client(async () => new Response('ok'), throttle, options));
      await clock.advance(60 * T);
      expect(next.state).not.toBe('pending');
      expect((await throttle.status(key)).inFlight).toBe(0);
    }
  });
});
