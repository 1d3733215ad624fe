import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type QuotaServer, type QuotaServerOptions, startQuotaServer } from '../../demo/servers/quota-server.ts';

const open: QuotaServer[] = [];

async function start(options: QuotaServerOptions): Promise<QuotaServer> {
  const server = await startQuotaServer(options);
  open.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

describe('startQuotaServer', () => {
  it.each([
    [{ algorithm: 'sliding-window', limit: 3, interval: 60_000 }, 3],
    [{ algorithm: 'token-bucket', limit: 3, interval: 60_000 }, 3],
    [{ algorithm: 'token-bucket', limit: 3, interval: 60_000, burst: 2 }, 2],
    [{ algorithm: 'leaky-bucket', limit: 3, interval: 60_000 }, 1],
    [{ algorithm: 'leaky-bucket', limit: 3, interval: 60_000, burst: 2 }, 2],
  ] as const)('accepts what %o allows and refuses the rest', async (options, expected) => {
    const server = await start(options);
    const statuses: number[] = [];
    for (let call = 0; call < 6; call++) statuses.push((await fetch(server.url)).status);
    expect(statuses).toEqual(Array.from({ length: 6 }, (_, call) => (call < expected ? 200 : 429)));
    expect(server.stats()).toEqual({ arrivals: 6, accepted: expected, refused: 6 - expected });
  });

  it('enforces a fixed window', async () => {
    const server = await start({ algorithm: 'fixed-window', limit: 2, interval: 3_600_000 });
    for (let call = 0; call < 6; call++) await (await fetch(server.url)).arrayBuffer();
    // Four, if the hour strikes between two of these calls.
    expect(server.stats().accepted).toBeLessThanOrEqual(4);
    expect(server.stats().accepted).toBeGreaterThanOrEqual(2);
  });

  it('says in whole seconds, rounded up, and in ms when to call again', async () => {
    const server = await start({ algorithm: 'leaky-bucket', limit: 2, interval: 3000 });
    await fetch(server.url);
    const response = await fetch(server.url);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('2');
    const body = (await response.json()) as { retryAfter: number };
    expect(body).toMatchObject({ error: 'too many calls', limit: 2, interval: 3000 });
    expect(body.retryAfter).toBeGreaterThan(1000);
    expect(body.retryAfter).toBeLessThanOrEqual(1500);
  });

  it('takes any path, method and body, and answers the next call on the same connection', async () => {
    const server = await start({ algorithm: 'sliding-window', limit: 10, interval: 60_000 });
    for (let call = 0; call < 3; call++) {
      const response = await fetch(`${server.url}/a/b?c=${call}`, { method: 'POST', body: 'x'.repeat(100_000) });
      expect(await response.json()).toEqual({ accepted: true });
    }
  });

  it('logs every arrival in order, with its verdict, connection and client', async () => {
    const server = await start({ algorithm: 'sliding-window', limit: 2, interval: 60_000 });
    const before = Date.now();
    for (const client of ['a', 'b']) await (await fetch(server.url, { headers: { 'x-client': client } })).text();
    await (await fetch(server.url)).text();
    expect(server.log.map((arrival) => [arrival.accepted, arrival.client])).toEqual([
      [true, 'a'],
      [true, 'b'],
      [false, undefined],
    ]);
    const times = server.log.map((arrival) => arrival.at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.some((at) => at % 1 !== 0)).toBe(true);
    // The monotonic clock and the wall clock part ways slowly; a tenth of a second is far more than they do here.
    expect(times[0]).toBeGreaterThan(before - 100);
    expect(times[0]).toBeLessThan(Date.now() + 100);
    expect(server.log.every((arrival) => arrival.port > 0)).toBe(true);
  });

  it('lets refused calls count if told to', async () => {
    const server = await start({ algorithm: 'leaky-bucket', limit: 1, interval: 150, countRejected: true });
    await fetch(server.url);
    let accepted = 0;
    // Every call comes sooner than the bucket can leak what the one before has filled up.
    for (let call = 0; call < 10; call++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      if ((await fetch(server.url)).ok) accepted++;
    }
    const gaps = server.log.slice(1).map((arrival, index) => arrival.at - (server.log[index]?.at ?? 0));
    expect(accepted).toBe(gaps.filter((gap) => gap >= 150).length);
  });

  it('holds a call back by the jitter before it counts it', async () => {
    const draws = [0.9, 0.1];
    const server = await start({
      algorithm: 'sliding-window',
      limit: 1,
      interval: 60_000,
      jitter: 1000,
      random: () => draws.shift() ?? 0,
    });
    const started = performance.now();
    const first = fetch(server.url, { headers: { 'x-client': 'first' } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = fetch(server.url, { headers: { 'x-client': 'second' } });
    expect((await second).status).toBe(200);
    expect((await first).status).toBe(429);
    expect(performance.now() - started).toBeGreaterThan(890);
    expect(server.log.map((arrival) => arrival.client)).toEqual(['second', 'first']);
  });

  it('closes at once with idle, busy and half-open connections', async () => {
    const server = await start({
      algorithm: 'sliding-window',
      limit: 10,
      interval: 60_000,
      jitter: 60_000,
      random: () => 1,
    });
    const agent = new Agent({ keepAlive: true });
    const busy = new Promise<string | undefined>((resolve) => {
      get(server.url, { agent }, () => resolve('answered')).on('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code),
      );
    });
    const silent = connect(Number(new URL(server.url).port), '127.0.0.1');
    silent.on('error', () => {});
    await new Promise((resolve) => silent.once('connect', resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));

    const started = performance.now();
    await Promise.all([server.close(), server.close()]);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await busy).toBe('ECONNRESET');
    await expect(fetch(server.url)).rejects.toThrow();
    agent.destroy();
    silent.destroy();
  });

  it('counts no call that was still held back when it closed', async () => {
    const server = await start({
      algorithm: 'sliding-window',
      limit: 10,
      interval: 60_000,
      jitter: 200,
      random: () => 0.5,
    });
    const call = fetch(server.url).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    await server.close();
    await call;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(server.log).toEqual([]);
  });

  it('rejects an unknown algorithm and a port that is taken', async () => {
    const options = { algorithm: 'sliding-window', limit: 1, interval: 1000 } as const;
    await expect(startQuotaServer({ ...options, algorithm: 'guesswork' as never })).rejects.toThrow(
      /algorithm.*guesswork/,
    );
    const server = await start(options);
    await expect(startQuotaServer({ ...options, port: Number(new URL(server.url).port) })).rejects.toThrow(
      'EADDRINUSE',
    );
  });
});
