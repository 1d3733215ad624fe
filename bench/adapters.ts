import { spawn } from 'node:child_process';
import { once } from 'node:events';
import axios from 'axios';
import ky1 from 'ky';
import ky2 from 'ky-2';
import type { Throttle } from 'sluice';
import { Agent, DecoratorHandler, type Dispatcher, request } from 'undici';
import { type Build, buildsOf } from './builds.ts';
import { median, sideBySide } from './side-by-side.ts';

// What an adapter costs where nothing has to wait: 10,000 calls over loopback to a server in a process of its own, an unlimited
// bucket. Bare and throttled take turns in rounds so short that whatever else the machine does hits both alike or stands out.

type Send = (url: string) => Promise<unknown>;

/** Makes a client wait for its turn. */
type ThrottledBy = (build: Build, throttle: Throttle) => Send;

const bareAxios = (adapter: 'http' | 'fetch') => axios.create({ adapter });

const got =
  (instance: Pick<typeof axios, 'get'>): Send =>
  (url) =>
    instance.get(url);

const throttledAxios =
  (adapter: 'http' | 'fetch'): ThrottledBy =>
  ({ throttleAxios }, throttle) => {
    const instance = bareAxios(adapter);
    throttleAxios(instance, throttle);
    return got(instance);
  };

const text =
  (ky: Pick<typeof ky1, 'get'>): Send =>
  (url) =>
    ky.get(url).text();

const load =
  (send: typeof fetch): Send =>
  async (url) =>
    (await send(url)).text();

type Interceptor = Dispatcher.DispatcherComposeInterceptor;

function dispatched(...interceptors: Interceptor[]): Send {
  const dispatcher = new Agent().compose(interceptors);
  return async (url) => (await request(url, { dispatcher })).body.text();
}

interface Client {
  readonly bare: Send;
  readonly throttled: ThrottledBy;
  /** The client with hooks of its own kind that do nothing, where the adapter is made of them. */
  readonly idle?: Send;
}

const idleHooks = { beforeRequest: [async () => {}], afterResponse: [async () => {}] };
const idleInterceptor: Interceptor = (dispatch) => (options, handler) =>
  dispatch(options, new DecoratorHandler(handler));

const clients: Record<string, Client> = {
  fetch: { bare: load(fetch), throttled: ({ throttleFetch }, throttle) => load(throttleFetch(throttle)) },
  throttleCalls: {
    bare: load(fetch),
    throttled: ({ throttleCalls }, throttle) => throttleCalls(load(fetch), throttle),
  },
  undici: {
    bare: dispatched(),
    throttled: ({ throttleInterceptor }, throttle) => dispatched(throttleInterceptor(throttle)),
    idle: dispatched(idleInterceptor),
  },
  'axios, http': { bare: got(bareAxios('http')), throttled: throttledAxios('http') },
  'axios, fetch': { bare: got(bareAxios('fetch')), throttled: throttledAxios('fetch') },
  'ky 1': {
    bare: text(ky1),
    throttled: ({ throttleKy }, throttle) => text(throttleKy(ky1, throttle)),
    idle: text(ky1.extend({ hooks: idleHooks })),
  },
  'ky 2': {
    bare: text(ky2 as never),
    throttled: ({ throttleKy }, throttle) => text(throttleKy(ky2, throttle) as never),
    idle: text(ky2.extend({ hooks: idleHooks }) as never),
  },
  'kyHooks, ky 2': {
    bare: text(ky2 as never),
    throttled: ({ kyHooks }, throttle) => text(ky2.extend({ hooks: kyHooks(throttle) }) as never),
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

/** Measures contenders. @returns the time of a bare call in µs, and what each of the others takes on top, in percent */
async function compare(contenders: Readonly<Record<string, Send>>, url: string, atOnce: number, rounds: number) {
  await sideBySide(contenders, rounds / 10, (send) => measure(send, url, atOnce));
  const { bare = [], ...others } = await sideBySide(contenders, rounds, (send) => measure(send, url, atOnce));
  const over = Object.entries(others).map(([name, times]) => {
    const ratio = median(times.map((time, round) => time / (bare[round] ?? time)));
    return [name, `${((ratio - 1) * 100).toFixed(1)} %`];
  });
  return { bare: `${median(bare).toFixed(0)} µs`, ...Object.fromEntries(over) };
}

export async function adapters(against?: string): Promise<void> {
  const calls = Number(process.env.SLUICE_CALLS ?? 10_000);
  const builds = Object.entries(await buildsOf(against)).map(([label, build]) => {
    const throttle = build.createThrottle({ limits: { rate: 32, interval: 1, burst: 1_000_000 } });
    return { column: `on top${label}`, build, throttle };
  });
  const server = spawn(process.execPath, ['-e', serve], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(server, 'message')) as [number];
  const url = `http://127.0.0.1:${port}/`;
  const hooks = 'hooks that do nothing';
  // What the bare client differs from itself is what the figures may be off.
  const itself = 'the bare client again';
  const columns = ['bare', ...builds.map(({ column }) => column), hooks, itself];
  console.log(`adapters: ${calls} calls over loopback in rounds of ${roundSize}, all at once / one after the other\n`);
  console.log(`| | ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length + 1)}`);
  for (const [name, { bare, throttled, idle }] of Object.entries(clients)) {
    const ours = builds.map(({ column, build, throttle }) => [column, throttled(build, throttle)]);
    const contenders = { bare, ...Object.fromEntries(ours), ...(idle && { [hooks]: idle }), [itself]: bare };
    const atOnce = await compare(contenders, url, roundSize, calls / roundSize);
    const inTurn = await compare(contenders, url, 1, calls / roundSize);
    const cells = columns.map((column) => (column in atOnce ? `${atOnce[column]} / ${inTurn[column]}` : '–'));
    console.log(`| ${[name, ...cells].join(' | ')} |`);
  }
  server.disconnect();
}
