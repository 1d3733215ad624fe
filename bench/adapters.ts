import { spawn } from 'node:child_process';
import { once } from 'node:events';
import axios from 'axios';
import ky1 from 'ky';
import ky2 from 'ky-2';
import { createThrottle, throttleCalls, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { kyHooks, throttleKy } from 'sluice/ky';
import { throttleInterceptor } from 'sluice/undici';
import { Agent, DecoratorHandler, type Dispatcher, request } from 'undici';
import { median, sideBySide } from './side-by-side.ts';

// What an adapter costs where nothing has to wait: 10,000 calls over loopback to a server in a process of its own, an unlimited
// bucket. Bare and throttled take turns in rounds so short that whatever else the machine does hits both alike or stands out.

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

type Interceptor = Dispatcher.DispatcherComposeInterceptor;

function dispatched(...interceptors: Interceptor[]): Send {
  const dispatcher = new Agent().compose(interceptors);
  return async (url) => (await request(url, { dispatcher })).body.text();
}

interface Contenders {
  readonly bare: Send;
  readonly throttled: Send;
  /** The client with hooks of its own kind that do nothing, where the adapter is made of them. */
  readonly idle?: Send;
}

const idleHooks = { beforeRequest: [async () => {}], afterResponse: [async () => {}] };
const idleInterceptor: Interceptor = (dispatch) => (options, handler) =>
  dispatch(options, new DecoratorHandler(handler));

const clients: Record<string, Contenders> = {
  fetch: {
    bare: async (url) => (await fetch(url)).text(),
    throttled: (
      (throttled) => async (url: string) =>
        (await throttled(url)).text()
    )(throttleFetch(throttle)),
  },
  throttleCalls: { bare: load, throttled: throttleCalls(load, throttle) },
  undici: {
    bare: dispatched(),
    throttled: dispatched(throttleInterceptor(throttle)),
    idle: dispatched(idleInterceptor),
  },
  'axios, http': { bare: instance('http', false), throttled: instance('http', true) },
  'axios, fetch': { bare: instance('fetch', false), throttled: instance('fetch', true) },
  'ky 1': {
    bare: text(ky1),
    throttled: text(throttleKy(ky1, throttle)),
    idle: text(ky1.extend({ hooks: idleHooks })),
  },
  'ky 2': {
    bare: text(ky2 as never),
    throttled: text(throttleKy(ky2, throttle) as never),
    idle: text(ky2.extend({ hooks: idleHooks }) as never),
  },
  'kyHooks, ky 2': {
    bare: text(ky2 as never),
    throttled: text(ky2.extend({ hooks: kyHooks(throttle) }) as never),
    idle: text(ky2.extend({ hooks: idleHooks }) as never),
  },
};

/** Calls in a round. */
const roundSize = 20;

/** Sends a round of calls, some at a time. @returns the time of one call, in µs */
async function measure(send: Send, url: string, atOnce: number): Promise<number> {
  const started = performance.now();
  let left = roundSize;
  const sendOn = async () => {
    while (left-- > 0) await send(url);
  };
  await Promise.all(Array.from({ length: atOnce }, sendOn));
  return ((performance.now() - started) / roundSize) * 1_000;
}

const serve = `
  const server = require('node:http').createServer((_, response) => response.end('{"ok":true}'));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.once('disconnect', () => process.exit());
`;

/** Measures a client. @returns the time of a bare call in µs, and what each of the others takes on top, in percent */
async function compare(contenders: Contenders, url: string, atOnce: number, rounds: number) {
  // The bare client twice: what it differs from itself is what the figures may be off.
  const inTurn = { ...contenders, itself: contenders.bare };
  await sideBySide(inTurn, rounds / 10, (send) => measure(send, url, atOnce));
  const times = await sideBySide(inTurn, rounds, (send) => measure(send, url, atOnce));
  const bare = times.bare as number[];
  const over = (name: keyof typeof inTurn) => {
    const ratios = times[name]?.map((time, round) => time / (bare[round] as number));
    return ratios === undefined ? '–' : `${((median(ratios) - 1) * 100).toFixed(1)} %`;
  };
  return [`${median(bare).toFixed(0)} µs`, over('throttled'), over('idle'), over('itself')];
}

export async function adapters(): Promise<void> {
  const calls = Number(process.env.SLUICE_CALLS ?? 10_000);
  const server = spawn(process.execPath, ['-e', serve], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(server, 'message')) as [number];
  const url = `http://127.0.0.1:${port}/`;
  console.log(`adapters: ${calls} calls over loopback in rounds of ${roundSize}, all at once / one after the other\n`);
  console.log('| | bare | on top | hooks that do nothing | the bare client again |\n|---|---|---|---|---|');
  for (const [name, contenders] of Object.entries(clients)) {
    const atOnce = await compare(contenders, url, roundSize, calls / roundSize);
    const inTurn = await compare(contenders, url, 1, calls / roundSize);
    const cells = atOnce.map((cell, column) => (cell === '–' ? cell : `${cell} / ${inTurn[column]}`));
    console.log(`| ${[name, ...cells].join(' | ')} |`);
  }
  server.disconnect();
}
