import {
  type BucketStore,
  createThrottle,
  keyValueStore,
  type Limit,
  memoryStore,
  perMinute,
  slidingWindow,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';
import { mostInWindow } from '../time/odd-clock.ts';

const url = 'http://example.test/';

const map = (): BucketStore => {
  const values = new Map<string, unknown>();
  return keyValueStore({ name: 'map', update: (key, change) => void values.set(key, change(values.get(key))) });
};

/** A throttled fetch over one connection, which takes `opening` ms to open after 3 s of quiet, and when its calls arrived. */
function client(clock: ManualClock, limits: Limit, store: BucketStore, opening: number, answerAfter: number) {
  const arrivals: number[] = [];
  const throttle = createThrottle({ limits, clock, store });
  let opensAt = 0;
  let answeredAt = -Infinity;
  const fetch = throttleFetch(throttle, {
    fetch: async () => {
      const now = clock.monotonic();
      if (now - answeredAt > 3_000 && now > opensAt) opensAt = now + opening;
      const arrivesAt = Math.max(now, opensAt) + 0.3;
      arrivals.push(arrivesAt);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, arrivesAt + answerAfter - now));
      answeredAt = clock.monotonic();
      return new Response('');
    },
  });
  return {
    throttle,
    arrivals,
    send: (calls: number) => Array.from({ length: calls }, () => outcomeOf(fetch(url), clock)),
  };
}

describe('calls over connections that have to open', () => {
  test.each([
    [2, 60.4],
    [4, 120.7],
  ])('are counted late by all of %i sharers before they go on', async (sharers, opening) => {
    const clock = new ManualClock();
    const store = map();
    const limits = slidingWindow({ limit: 40, interval: 1_000 });
    const clients = Array.from({ length: sharers }, (_, index) =>
      client(clock, limits, store, index % 2 === 0 ? opening : opening / 2, 5.3),
    );
    for (const { send } of clients) {
      send(60);
      await clock.advance(3.7);
    }
    await clock.advance(20_000);
    const arrivals = clients.flatMap((one) => one.arrivals).sort((a, b) => a - b);
    expect(arrivals).toHaveLength(60 * sharers);
    expect(mostInWindow(arrivals, 1_000)).toBeLessThanOrEqual(40);
  });

  test.each([
    [6, 4_000.2],
    [6, 9_000.2],
    [15, 3_900.2],
  ])('are no slow answers: %i per minute with answers after %d ms use 92 percent', async (limit, answerAfter) => {
    const clock = new ManualClock();
    const { throttle, arrivals, send } = client(clock, perMinute(limit), memoryStore(), 0, answerAfter);
    send(20);
    await clock.advance(20 * 60_000);
    const { margin } = await throttle.status();
    expect(arrivals).toHaveLength(20);
    const even = (60_000 + margin) / limit;
    expect(((arrivals.at(-1) as number) - (arrivals[0] as number)) * 0.92).toBeLessThanOrEqual(19 * even);
  });

  test.each([0, 60.3, 150.7, 300])('of %d ms get no call refused by a server that counts arrivals', async (opening) => {
    const clock = new ManualClock();
    const { arrivals, send } = client(clock, perMinute(6), memoryStore(), opening, 4_000);
    send(20);
    await clock.advance(20 * 60_000);
    expect(mostInWindow(arrivals, 60_000)).toBeLessThanOrEqual(6);
  });

  test.each(['the memory store', 'a key-value store'])('settle what they cost, on %s', async (name) => {
    const clock = new ManualClock();
    const store = name === 'the memory store' ? memoryStore() : map();
    const limits = slidingWindow({ name: 'tokens', limit: 1_000, interval: 60_000 });
    const throttle = createThrottle({ limits, clock, store });
    const answer = async () => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 100.1));
      return new Response('');
    };
    const fetch = throttleFetch(throttle, {
      fetch: answer,
      key: 'default',
      cost: () => ({ tokens: 800 }),
      settle: () => ({ tokens: 100 }),
    });
    const call = outcomeOf(fetch(url), clock);
    await clock.advance(1_000);
    expect(call.state).toBe('fulfilled');
    expect((await throttle.status()).limits[0]?.remaining).toBe(900);
  });
});
