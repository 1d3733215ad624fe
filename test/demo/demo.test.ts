import { afterEach, describe, expect, it, vi } from 'vitest';
import { type DemoOptions, type Run, runDemo, shortcomings } from '../../demo/demo.ts';
import type { Scenario } from '../../demo/scenarios.ts';
import { type QuotaServer, startQuotaServer } from '../../demo/servers/quota-server.ts';

// A client of our own stands in for the library: these tests are about what the demo sees, not about who keeps the quota.

const running: QuotaServer[] = [];

const startServer: DemoOptions['startServer'] = async (options) => {
  const server = await startQuotaServer(options);
  running.push(server);
  return { url: server.url, log: async () => server.log, stats: async () => server.stats(), close: server.close };
};

/** Lets the first `burst` calls go at once and then one every `spacing` ms. */
function spacedClient(spacing: number, burst: number): ReturnType<DemoOptions['openThrottled']> {
  let calls = 0;
  return {
    fetch: async (...call) => {
      const wait = Math.max(0, calls++ - burst + 1) * spacing;
      await new Promise((resolve) => setTimeout(resolve, wait));
      return fetch(...call);
    },
    close: async () => {},
  };
}

const SCENARIO: Scenario = {
  server: { algorithm: 'leaky-bucket', limit: 20, interval: 1000, burst: 5 },
  client: { kind: 'bucket', rate: 20, interval: 1000, burst: 5 },
};

function run(options: Partial<DemoOptions>): Promise<Run[]> {
  return runDemo({
    scenarios: [SCENARIO],
    calls: 12,
    startServer,
    openThrottled: () => spacedClient(60, 4),
    apart: 50,
    patience: 10_000,
    ...options,
  });
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

describe('runDemo', () => {
  it('counts plain calls as refused and throttled ones as answered, and closes every server', async () => {
    const events: string[] = [];
    const runs = await run({
      scenarios: [SCENARIO, SCENARIO],
      watcher: {
        started: (client, calls) => events.push(`${client} ${calls}`),
        settled: (client, outcome) => events.push(`${client} ${outcome}`),
        finished: (finished) => events.push(`${finished.client} finished`),
      },
    });
    expect(runs.map((one) => one.client)).toEqual(['plain', 'sluice', 'plain', 'sluice']);
    for (const plain of runs.filter((one) => one.client === 'plain')) {
      expect(plain).toMatchObject({ calls: 12, arrivals: 12, failed: 0, settings: undefined });
      expect(plain.refused).toBeGreaterThan(0);
      expect(plain.answered + plain.refused).toBe(12);
    }
    for (const throttled of runs.filter((one) => one.client === 'sluice')) {
      expect(throttled).toMatchObject({ answered: 12, refused: 0, arrivals: 12, failed: 0, mostAllowed: 24 });
      expect(throttled.allowed).toBeCloseTo((throttled.time * 20) / 1000 + 5);
      expect(throttled.share).toBeCloseTo(12 / throttled.allowed);
    }
    expect(events.filter((event) => event === 'sluice answered')).toHaveLength(24);
    expect(events.filter((event) => event.endsWith('finished'))).toHaveLength(4);
    expect(events[0]).toBe('plain 24');
    expect(running).toHaveLength(4);
    for (const server of running) await expect(fetch(server.url)).rejects.toThrow();
  });

  it('takes the number of 429s from the server, whatever the client makes of them', async () => {
    let first = true;
    const [, throttled] = await run({
      scenarios: [{ ...SCENARIO, server: { ...SCENARIO.server, burst: 1 } }],
      calls: 2,
      openThrottled: () => ({
        // Answers like a client that waits out a refusal and tries again.
        fetch: async (...call) => {
          if (first) first = false;
          else await new Promise((resolve) => setTimeout(resolve, 20));
          const response = await fetch(...call);
          if (response.status !== 429) return response;
          await new Promise((resolve) => setTimeout(resolve, 200));
          return fetch(...call);
        },
        close: async () => {},
      }),
    });
    expect(throttled).toMatchObject({ answered: 2, refused: 1, arrivals: 3 });
    expect(shortcomings(throttled as Run)).toContain('1 refused');
  });

  it('leaves no timer behind', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    const cleared = vi.spyOn(globalThis, 'clearTimeout');
    await run({ calls: 1, patience: 123_456 });
    const handles = set.mock.results.filter((_, index) => set.mock.calls[index]?.[1] === 123_456);
    expect(handles).toHaveLength(2);
    for (const { value } of handles) expect(cleared).toHaveBeenCalledWith(value);
    vi.restoreAllMocks();
  });

  it('gives up on calls that are never answered', async () => {
    const [, throttled] = await run({
      calls: 3,
      patience: 200,
      openThrottled: () => ({ fetch: () => new Promise(() => {}), close: async () => {} }),
    });
    expect(throttled).toMatchObject({ answered: 0, failed: 3, failure: 'no answer within 0.2 s', time: 0 });
    expect(shortcomings(throttled as Run)).toContain('3 of 3 calls not answered');
  });

  it('reports what a client throws, with its cause', async () => {
    const [, throttled] = await run({
      calls: 1,
      openThrottled: () => ({
        fetch: () => Promise.reject(new TypeError('fetch failed', { cause: new Error('no route') })),
        close: async () => {},
      }),
    });
    expect(throttled).toMatchObject({ failed: 1, failure: 'fetch failed: no route' });
  });
});

describe('shortcomings', () => {
  const passed: Run = {
    server: SCENARIO.server,
    client: 'sluice',
    settings: SCENARIO.client,
    calls: 300,
    answered: 300,
    failed: 0,
    failure: undefined,
    arrivals: 300,
    refused: 0,
    time: 14_800,
    allowed: 301,
    share: 300 / 301,
    mostInAnyWindow: 24,
    mostAllowed: 24,
    log: [],
  };

  it('finds nothing wrong with a run that passed', () => {
    expect(shortcomings(passed)).toEqual([]);
  });

  it.each<[Partial<Run>, string]>([
    [{ refused: 2, arrivals: 302 }, '2 refused'],
    [{ answered: 299 }, '1 of 300 calls not answered'],
    [{ arrivals: 301 }, '301 arrivals for 300 calls'],
    [{ mostInAnyWindow: 25 }, '25 calls in a window that may hold 24'],
    [{ share: 0.9499 }, '94.99% of the quota used, less than 95%'],
    [{ share: Number.NaN }, 'less than 95%'],
  ])('names %o', (change, words) => {
    const found = shortcomings({ ...passed, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(words);
  });
});
