import { readFileSync } from 'node:fs';
import { createThrottle, type Status, subscribe } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { expect, test } from 'vitest';

// The examples of docs/daily-work.md for Svelte, Vue and Solid, with stand-ins for what they import.

type Set = (status: Status) => void;
/** How a store of Svelte or Solid begins: what it is to call when somebody reads it, which returns how to stop. */
type Begin = (set: Set) => () => void;
const scope: (() => void)[] = [];
const standIns = {
  readable: (_: undefined, begin: Begin) => begin,
  from: (begin: Begin) => begin,
  shallowRef: () => ({ value: undefined }),
  onScopeDispose: (stop: () => void) => void scope.push(stop),
};

const page = readFileSync(new URL('../docs/daily-work.md', import.meta.url), 'utf8');
const [svelte = '', vue = '', solid = ''] = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);

function setup() {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: { rate: 1, interval: 1_000 }, clock });
  const names = { ...standIns, subscribe, throttle };
  const run = (code: string, result: string): unknown => {
    const plain = code.replace(/^import .*$/gm, '').replace(/^export /gm, '');
    return new Function(...Object.keys(names), `${plain}; return ${result};`)(...Object.values(names));
  };
  const call = () => void throttle.wait('user:amy').catch(() => {});
  return { clock, run, call };
}

test.each([
  ['Svelte', svelte],
  ['Solid', solid],
])('the example for %s follows the key and stops', async (_, code) => {
  const { clock, run, call } = setup();
  const begin = run(code, 'status') as Begin;
  const heard: number[] = [];
  const stop = begin(({ waiting }) => heard.push(waiting));
  call();
  call();
  await clock.advance(0);
  stop();
  call();
  await clock.advance(100);
  expect(heard).toEqual([1]);
});

test('the example for Vue follows the key and stops with its scope', async () => {
  const { clock, run, call } = setup();
  const useStatus = run(vue, 'useStatus') as (key: string) => { readonly value?: Status };
  const status = useStatus('user:amy');
  call();
  call();
  await clock.advance(0);
  expect(status.value?.waiting).toBe(1);
  for (const stop of scope) stop();
  call();
  await clock.advance(100);
  expect(status.value?.waiting).toBe(1);
});
