import { PassThrough, Readable } from 'node:stream';
import axios, { type AxiosInstance, type AxiosStatic } from 'axios';
import axios17 from 'axios-1-7';
import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, type Throttle, throttleCalls, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { throttleKy } from 'sluice/ky';
import { ManualClock } from 'sluice/testing';
import { throttleInterceptor } from 'sluice/undici';
import { Agent, request } from 'undici';
import { Agent as Agent6, request as request6 } from 'undici-6';
import { describe, expect, it } from 'vitest';
import { errorParts, even, pass, T, useStage } from './contract/subject.ts';
import { watch } from './fake-fetch.ts';

const stage = useStage();

type Send = (body: Readable) => Promise<unknown>;

/** Clients that send streams of Node's, by themselves and throttled. */
interface Client {
  readonly name: string;
  /** @param key of the calls */
  make(throttle?: Throttle, key?: string): Send;
}

function axiosClient(name: string, copy: AxiosStatic, config: object): Client {
  return {
    name: `${name}, ${JSON.stringify(config)}`,
    make: (throttle) => {
      const instance: AxiosInstance = copy.create(config);
      if (throttle !== undefined) throttleAxios(instance, throttle);
      return (body) => instance.post(stage.url, body);
    },
  };
}

const init = (body: Readable) => ({ method: 'POST', body, duplex: 'half' }) as unknown as RequestInit;

/** As node-fetch does it: it listens to the stream before it has a connection. */
function listeningFetch(url: string, { body, signal }: { body: Readable; signal?: AbortSignal }): Promise<Response> {
  return new Promise((resolve, reject) => {
    body.once('error', (error) => reject(new Error(`could not send: ${error.message}`, { cause: error })));
    body.once('close', () => reject(new Error('closed too soon')));
    body.once('end', () => resolve(new Response(`${url} ${signal}`)));
    body.resume();
  });
}

const clients: Client[] = [
  axiosClient('axios', axios, { adapter: 'http' }),
  axiosClient('axios', axios, { adapter: 'http', maxRedirects: 0 }),
  axiosClient('axios', axios, { adapter: 'http', maxBodyLength: 1_000_000 }),
  axiosClient('axios', axios, { adapter: 'http', onUploadProgress: () => {} }),
  axiosClient('axios', axios, { adapter: 'fetch' }),
  axiosClient('axios 1.7', axios17 as unknown as AxiosStatic, { adapter: 'http' }),
  {
    name: 'fetch',
    make: (throttle) => {
      const send = throttle === undefined ? fetch : throttleFetch(throttle);
      return (body) => send(stage.url, init(body));
    },
  },
  ...[
    { name: 'ky 1', ky: ky1 },
    { name: 'ky 2', ky: ky2 as unknown as typeof ky1 },
  ].map(
    ({ name, ky }): Client => ({
      name,
      make: (throttle) => {
        const send = throttle === undefined ? ky : throttleKy(ky, throttle);
        return (body) => send(stage.url, init(body) as object);
      },
    }),
  ),
  {
    name: 'undici 7',
    make: (throttle) => {
      const dispatcher = throttle === undefined ? new Agent() : new Agent().compose(throttleInterceptor(throttle));
      return (body) => request(stage.url, { method: 'POST', body, dispatcher });
    },
  },
  {
    name: 'undici 6',
    make: (throttle) => {
      const dispatcher = throttle === undefined ? new Agent6() : new Agent6().compose(throttleInterceptor(throttle));
      return (body) => request6(stage.url, { method: 'POST', body, dispatcher });
    },
  },
  {
    name: 'throttleCalls',
    make: (throttle, key = '') => {
      const send = throttle === undefined ? listeningFetch : throttleCalls(listeningFetch, throttle, { key });
      return (body) => send(stage.url, { body });
    },
  },
  {
    name: 'throttleFetch on a fetch of another make',
    make: (throttle) => {
      const own = listeningFetch as unknown as typeof fetch;
      const send = throttle === undefined ? own : throttleFetch(throttle, { fetch: own });
      return (body) => send(stage.url, init(body));
    },
  },
];

const failure = Object.assign(new Error('disk gone'), { code: 'EIO' });
const ways: [string, (stream: Readable) => void][] = [
  ['fails', (stream) => void stream.destroy(failure)],
  ['is destroyed', (stream) => void stream.destroy()],
];

describe.each(clients)('a stream that $name is to send', (client) => {
  function setUp(options: object = {}) {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock, ...options });
    return { clock, throttle, send: client.make(throttle, stage.origin) };
  }

  /** How the bare client's call ends when its stream does what it does while it is sent. */
  async function bareEnd(doIt: (stream: Readable) => void): Promise<unknown> {
    const stream = new PassThrough();
    const call = watch(client.make()(stream));
    doIt(stream);
    await pass();
    return [call.state, errorParts(call.value)];
  }

  it.each(ways)('and that %s while the call waits ends the call as the bare client does', async (_, doIt) => {
    const bare = await bareEnd(doIt);
    const arrivals = stage.arrivals.length;
    const { clock, throttle, send } = setUp();
    await throttle.wait(stage.origin);
    const stream = new PassThrough();
    const call = watch(send(stream));
    await pass();
    expect((await throttle.status(stage.origin)).waiting).toBe(1);
    doIt(stream);
    await pass();
    expect([call.state, errorParts(call.value)]).toEqual(bare);
    expect(stage.arrivals.length).toBe(arrivals);
    await clock.advance(T);
    const { waiting, inFlight, limits } = await throttle.status(stage.origin);
    expect([waiting, inFlight, limits[0]?.remaining]).toEqual([0, 0, 1]);
  });

  it('and that is complete is sent when the turn comes, and keeps no listener of ours', async () => {
    const { clock, throttle, send } = setUp();
    await throttle.wait(stage.origin);
    const stream = Readable.from(['one', 'two']);
    const call = watch(send(stream));
    await pass();
    await clock.advance(T);
    await pass();
    expect(call.state).toBe('fulfilled');
    const bare = Readable.from(['one', 'two']);
    await client.make()(bare);
    await pass();
    for (const event of ['error', 'close', 'newListener'])
      expect([event, stream.listenerCount(event)]).toEqual([event, bare.listenerCount(event)]);
  });

  it('may fail after the throttle has refused the call', async () => {
    const { throttle, send } = setUp({ maxQueue: 0 });
    await throttle.wait(stage.origin);
    const stream = new PassThrough();
    await expect(send(stream)).rejects.toThrow();
    stream.destroy(failure);
    await pass();
  });
});
