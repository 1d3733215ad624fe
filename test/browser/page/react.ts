import { createElement, StrictMode, useEffect, version } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { createThrottle, perSecond, type Throttle } from 'sluice';
import { useThrottleStatus } from 'sluice/react';

export interface ReactOptions {
  readonly isStrict: boolean;
  /** Whether the page comes rendered from the server. */
  readonly isHydrated: boolean;
}

export interface ReactReport {
  readonly version: string;
  /** What stood there before anything was known. */
  readonly first: string;
  /** The most renders of one component in a second, while a thousand calls waited and went. */
  readonly mostPerSecond: number;
  /** Renders while they waited and went, and the values that were shown. */
  readonly renders: number;
  readonly shown: number;
  /** Renders in 1.5 s while a thousand calls waited and nothing changed. */
  readonly whilePaused: number;
  /** Renders in a second while nobody waited. */
  readonly whileIdle: number;
  /** How often two components showed different things. */
  readonly tears: number;
  /** What was shown last, while a thousand waited, and after all went. */
  readonly paused: string;
  readonly last: string;
  /** Renders after the components were gone. */
  readonly afterwards: number;
  /** What React complained of. */
  readonly complaints: readonly string[];
}

const components = 20;
const calls = 1_000;

/** When the first of the components was rendered, on the page's clock. */
let renders: number[] = [];
let shown = new Set<string>();

function Waiting({ throttle, index }: { readonly throttle: Throttle; readonly index: number }) {
  const status = useThrottleStatus(throttle);
  const text = status === undefined ? 'unknown' : String(status.waiting);
  useEffect(() => {
    if (index > 0) return;
    renders.push(performance.now());
    shown.add(text);
  });
  return createElement('p', null, text);
}

function All({ throttle }: { readonly throttle: Throttle }) {
  return Array.from({ length: components }, (_, index) => createElement(Waiting, { key: index, throttle, index }));
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function countRenders(ms: number): Promise<number> {
  renders = [];
  await sleep(ms);
  return renders.length;
}

const mostInASecond = (instants: readonly number[]) =>
  Math.max(0, ...instants.map((from) => instants.filter((at) => at >= from && at < from + 1_000).length));

async function showByReact({ isStrict, isHydrated }: ReactOptions): Promise<ReactReport> {
  const complaints: string[] = [];
  const { error } = console;
  console.error = (...what: unknown[]) => void complaints.push(what.map(String).join(' '));
  console.warn = console.error;
  const throttle = createThrottle({ limits: perSecond(400) });
  const app = createElement(All, { throttle });
  const tree = isStrict ? createElement(StrictMode, null, app) : app;
  const container = document.createElement('div');
  document.body.append(container);
  const texts = () => [...container.querySelectorAll('p')].map(({ textContent }) => textContent ?? '');

  if (isHydrated) container.innerHTML = renderToString(tree);
  const onRecoverableError = (problem: unknown) => void complaints.push(String(problem));
  const root = isHydrated
    ? hydrateRoot(container, tree, { onRecoverableError })
    : createRoot(container, { onRecoverableError });
  let first = texts()[0] ?? '';
  let tears = 0;
  new MutationObserver(() => {
    const all = texts();
    first ||= all[0] ?? '';
    if (new Set(all).size > 1) tears++;
  }).observe(container, { subtree: true, childList: true, characterData: true });
  if (!isHydrated) root.render(tree);
  await sleep(200);

  await throttle.pause('default', Date.now() + 2_500);
  for (let call = 0; call < calls; call++) throttle.wait().catch(() => {});
  await sleep(500);
  const whilePaused = await countRenders(1_500);
  const paused = texts()[0] ?? '';
  shown = new Set();
  await countRenders(4_000);
  const running = renders;
  const last = texts()[0] ?? '';
  const whileIdle = await countRenders(1_000);
  root.unmount();
  for (let call = 0; call < 10; call++) throttle.wait().catch(() => {});
  const afterwards = await countRenders(300);
  await throttle.close();
  console.error = error;
  return {
    version,
    first,
    mostPerSecond: mostInASecond(running),
    renders: running.length,
    shown: shown.size,
    whilePaused,
    whileIdle,
    tears,
    paused,
    last,
    afterwards,
    complaints,
  };
}

Object.assign(globalThis, { showByReact });
