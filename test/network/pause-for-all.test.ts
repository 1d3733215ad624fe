import { createThrottle, type KeyValueStorage, keyValueStore, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { fakeFetch } from '../adapters/fake-fetch.ts';

const T = 1_000;
const url = 'https://api.example.com/';
/** What a store takes for an answer, and its news from one tab to the other, in ms. */
const answerTakes = 2;
const newsTake = 3;

/** Storages of several tabs that share their values; each hears what another announces. */
function sharedValues(clock: ManualClock) {
  const values = new Map<string, unknown>();
  const tabs = new Set<(key?: string) => void>();
  const after = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  let turn = Promise.resolve();
  return (): KeyValueStorage => {
    let own: ((key?: string) => void) | undefined;
    return {
      name: 'shared values',
      update: (key, change) => {
        turn = turn.then(async () => {
          await after(answerTakes);
          values.set(key, change(values.get(key)));
        });
        return turn;
      },
      announce: (key) => {
        clock.setTimeout(() => {
          for (const tab of tabs) if (tab !== own) tab(key);
        }, newsTake);
      },
      watch: (listener) => {
        own = listener;
        tabs.add(listener);
        return () => tabs.delete(listener);
      },
    };
  };
}

/** Two tabs that share a quota, each with 50 calls on their way and 100 that wait, when one of the first is refused. */
async function twoTabs() {
  const clock = new ManualClock();
  const storage = sharedValues(clock);
  let refusedAt: number | undefined;
  const open = () => {
    const store = keyValueStore(storage(), { clock });
    const throttle = createThrottle({
      limits: { rate: 200, interval: T, burst: 100 },
      margin: 0,
      clock,
      store,
    });
    const server = fakeFetch(clock, async () => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 100));
      if (refusedAt !== undefined) return new Response('ok');
      refusedAt = clock.monotonic();
      return new Response(null, { status: 429, headers: { 'retry-after': '2' } });
    });
    const fetch = throttleFetch(throttle, { fetch: server.fetch });
    const answered: number[] = [];
    for (let call = 0; call < 150; call++) void fetch(url).then(({ status }) => answered.push(status));
    return { times: server.times, answered };
  };
  const tabs = [open(), open()];
  await clock.advance(0);
  while (refusedAt === undefined) await clock.advance(1);
  return { clock, tabs, refusedAt };
}

describe('a refusal with Retry-After: 2', () => {
  it('lets not one further call go for 2 seconds in its own tab, nor in another once the news is there', async () => {
    const { clock, tabs, refusedAt } = await twoTabs();
    const [own, other] = tabs.map(({ times }) => times().length) as [number, number];
    expect(own + other).toBeGreaterThanOrEqual(100);
    await clock.advance(2 * T - 1);
    expect(tabs[0]?.times()).toHaveLength(own);
    const stopped = refusedAt + 2 * answerTakes + newsTake + answerTakes;
    expect(tabs[1]?.times().filter((at) => at > stopped)).toEqual([]);
  });

  it('sends one call of each tab first after the pause, and all are answered in the end', async () => {
    const { clock, tabs } = await twoTabs();
    await clock.advance(2 * T + 50);
    for (const { times } of tabs) expect(times().filter((at) => at > 1_500)).toHaveLength(1);
    await clock.advance(3 * T);
    for (const { answered } of tabs) expect(answered).toEqual(Array(150).fill(200));
  });
});
