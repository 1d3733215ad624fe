import { describe, expect, it } from 'vitest';
import {
  type ApiArrival,
  type ApiSettings,
  readPath,
  SimulatedApi,
  settingsToText,
} from '../../demo/servers/simulated-api.ts';

const settings: ApiSettings = {
  algorithm: 'sliding-window',
  limit: 3,
  interval: 60_000,
  burst: 3,
  latency: 0,
  jitter: 0,
  connect: 0,
  others: 0,
  failures: 0,
  tells: false,
};
const call = (from: string, changed: Partial<ApiSettings> = {}) =>
  ({ what: 'call', line: 'plain', from, path: 'items/7', settings: { ...settings, ...changed } }) as const;
const log = async (api: SimulatedApi, changed: Partial<ApiSettings> = {}) => {
  const asked = { what: 'log', line: 'plain', since: 0, settings: { ...settings, ...changed } } as const;
  return (await api.answer(asked)).body as ApiArrival[];
};

describe('SimulatedApi', () => {
  it('counts all callers against one quota, and refuses with Retry-After', async () => {
    const api = new SimulatedApi();
    const answers = [];
    for (const from of ['1', '2', '1', '2']) answers.push(await api.answer(call(from)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[3]?.headers['retry-after']).toBe('60');
    expect((await log(api)).map(({ from, outcome }) => `${from} ${outcome}`)).toEqual([
      '1 accepted',
      '2 accepted',
      '1 accepted',
      '2 refused',
    ]);
  });

  it('goes on counting when only the network changes, and starts afresh with other rules', async () => {
    const api = new SimulatedApi();
    for (let index = 0; index < 3; index++) await api.answer(call('1'));
    expect((await api.answer(call('1', { latency: 2 }))).status).toBe(429);
    expect((await api.answer(call('1', { limit: 4 }))).status).toBe(200);
  });

  it('lets another client use the quota while there is traffic', async () => {
    const api = new SimulatedApi();
    const changed = { others: 100, limit: 50 };
    await api.answer(call('1', changed));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const others = (await log(api, changed)).filter(({ from }) => from === 'other');
    expect(others.length).toBeGreaterThanOrEqual(4);
  });

  it('fails the configured share of accepted calls', async () => {
    expect((await new SimulatedApi().answer(call('1', { failures: 100 }))).status).toBe(503);
  });

  it('tells what is left', async () => {
    const { headers } = await new SimulatedApi().answer(call('1', { tells: true }));
    expect(headers).toEqual({ ratelimit: '"quota";r=2;t=60', 'ratelimit-policy': '"quota";q=3;w=60' });
  });

  it.each(['token-bucket', 'leaky-bucket'] as const)(
    'tells in how long a %s has as many calls as it holds',
    async (algorithm) => {
      const { headers } = await new SimulatedApi().answer(call('1', { tells: true, algorithm, limit: 6, burst: 2 }));
      expect(headers['ratelimit-policy']).toBe('"quota";q=2;w=20');
    },
  );

  it('reads what a URL carries', () => {
    const text = encodeURIComponent(settingsToText(settings));
    expect(readPath(`plain/2/${text}/items/7`)).toEqual({ ...call('2'), path: 'items/7' });
    expect(readPath(`log/plain/5/${text}`)).toEqual({ what: 'log', line: 'plain', since: 5, settings });
    expect(readPath('plain/2/none,1,2/items/7')).toBeUndefined();
    expect(readPath('main.js')).toBeUndefined();
  });
});
