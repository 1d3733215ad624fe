import { spawn } from 'node:child_process';
import { once } from 'node:events';
import axios from 'axios';
import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, throttleCalls, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { kyHooks, throttleKy } from 'sluice/ky';
import { throttleInterceptor } from 'sluice/undici';
import { Agent, request } from 'undici';
import { median, sideBySide } from './side-by-side.ts';

// What an adapter costs where nothing has to wait: 10,000 calls over loopback, bare and throttled in turn, an unlimited bucket. The
// server has a process of its own, so that the CPU time of this one is the client's.

type Send = (url: string) => Promise<unknown>;

const throttle = createThrottle({ limits: { rate: 32, interval: 1, burst: 1_000_000 } });

function instance(adapter: 'http' | 'fetch', throttled: boolean): Send {
  const instance = axios.create({ adapter });
  if (throttled) throttleAxios(instance, throttle);
  return (url) => instance.get(url);
}

const text =
  (ky: Pick<typeof ky1, 'get'>): Send =>
  (url) =>
    ky.get(url).text();

const load = async (url: string) => (await fetch(url)).text();

function dispatched(throttled: boolean): Send {
  const agent = new Agent();
  const dispatcher = throttled ? agent.compose(throttleInterceptor(throttle)) : agent;
  return async (url) => (await request(url, { dispatcher })).body.text();
}

interface Contenders {
  readonly bare: Send;
  readonly throttled: Send;
  /** The client with hooks of its own that do nothing, where the adapter is made of them. */
  readonly hooked?: Send;
}

const idle = { beforeRequest: [async () => {}], afterResponse: [async () => {}] };

const clients: Record<string, Contenders> = {
  fetch: {
    bare: async (url) => (await fetch(url)).text(),
    throttled: (
      (throttled) => async (url: string) =>
        (await throttled(url)).text()
    )(throttleFetch(throttle)),
  },
  throttleCalls: { bare: load, throttled: throttleCalls(load, throttle) },
  undici: { bare: dispatched(false), throttled: dispatched(true) },
  'axios, http': { bare: instance('http', false), throttled: instance('http', true) },
  'axios, fetch': { bare: instance('fetch', false), throttled: instance('fetch', true) },
  'ky 1': {
    bare: text(ky1),
    throttled: text(throttleKy(ky1, throttle)),
    hooked: text(ky1.extend({ hooks: idle })),
  },
  'ky 2': {
    bare: text(ky2 as never),
    throttled: text(throttleKy(ky2, throttle) as never),
    hooked: text(ky2.extend({ hooks: idle }) as never),
  },
  'kyHooks, ky 2': {
    bare: text(ky2 as never),
    throttled: text(ky2.extend({ hooks: kyHooks(throttle) }) as never),
    hooked: text(ky2.extend({ hooks: idle }) as never),
  },
};

const atOnce = 20;

/** Sends calls, some at a time. @returns the CPU time of one call, in microseconds */
async function measure(send: Send, url: string, calls: number): Promise<number> {
  const before = process.cpuUsage();
  let left = calls;
  const sendOn = async () => {
    while (left-- > 0) await send(url);
  };
  await Promise.all(Array.from({ length: atOnce }, sendOn));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

const serve = `
  const server = require('node:http').createServer((_, response) => response.end('{"ok":true}'));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.once('disconnect', () => process.exit());
`;

export async function adapters(): Promise<void> {
  const calls = Number(process.env.SLUICE_CALLS ?? 10_000);
  const rounds = 40;
  const server = spawn(process.execPath, ['-e', serve], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(server, 'message')) as [number];
  const url = `http://127.0.0.1:${port}/`;
  console.log(`adapters: ${calls} calls over loopback, ${atOnce} at a time, CPU time of the client in µs a call`);
  for (const [name, contenders] of Object.entries(clients)) {
    const times = await sideBySide({ ...contenders }, rounds, (send: Send) => measure(send, url, calls / rounds));
    const bare = times.bare as number[];
    const over = (name: string) => {
      const ratios = times[name]?.map((time, round) => time / (bare[round] as number));
      return ratios && `${((median(ratios) - 1) * 100).toFixed(1)} % on top`;
    };
    const hooked = over('hooked');
    console.log(
      `  ${name.padEnd(16)}${median(bare).toFixed(1)} bare, ${median(times.throttled as number[]).toFixed(1)} throttled   ` +
        `${over('throttled')}${hooked === undefined ? '' : ` (hooks that do nothing: ${hooked})`}`,
    );
  }
  server.disconnect();
}
