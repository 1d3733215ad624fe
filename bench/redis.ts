import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { createThrottle, type Limit } from 'sluice';
import { redisStore, type ScriptRunner } from 'sluice/redis';
import { buildsOf } from './builds.ts';
import { median, sideBySide } from './side-by-side.ts';

// Decisions per second in one Redis through ioredis, beside the same script calls without the library around them. bench/peers has the
// alternatives.

/** Never full while the bench runs. */
const wide: Limit = { rate: 1_000_000, interval: 60_000, burst: 1e9 };
/** Enough for two runs to differ by a few percent at most. */
const rounds = Number(process.env.SLUICE_RUNS ?? 21);
const ms = 700;

interface Contender {
  /** Makes one decision. */
  decide(key: string): Promise<unknown>;
}

/** Lets callers ask as fast as they are answered. Returns decisions per second. */
async function rate({ decide }: Contender, callers: number, keys: readonly string[]): Promise<number> {
  let decisions = 0;
  let next = 0;
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < ms) {
      await decide(keys[next++ % keys.length] as string);
      decisions++;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (decisions / (performance.now() - start)) * 1_000;
}

/** Our script as the store calls it, for `size` calls at once: the least that anybody could do with it. */
async function bareScript(redis: Redis, size: number): Promise<Contender> {
  const requests: { hash: string; args: string[] }[] = [];
  const runner: ScriptRunner = {
    eval: (script, keys, args) => redis.eval(script, keys.length, ...keys, ...args),
    evalsha: (hash, keys, args) => {
      requests.push({ hash, args });
      return redis.evalsha(hash, keys.length, ...keys, ...args);
    },
  };
  const throttle = createThrottle({ limits: wide, store: redisStore(runner, { prefix: 'bare:' }) });
  await Promise.all(Array.from({ length: 2 * size }, () => throttle.wait('size')));
  const { hash, args } = requests.at(-1) as (typeof requests)[number];
  // The cost, how many calls, and what they do to the limit; but not what was known of another key, which comes last.
  const [operation, numbers, limits] = args as [string, string, string];
  const [[cost, , ...terms]] = JSON.parse(numbers) as [number[]];
  const request = JSON.stringify([[cost, size, ...terms.slice(0, 7)]]);
  const send = async (key: string) =>
    void JSON.parse(String(await redis.evalsha(hash, 1, `bare:${key}`, operation, request, limits)));
  if (size === 1) return { decide: send };
  // As many callers as a lane would have, who are all told by one call.
  let waiting: (() => void)[] = [];
  let isAsking = false;
  const pass = async (key: string) => {
    isAsking = true;
    while (waiting.length > 0) {
      const told = waiting;
      waiting = [];
      await send(key);
      for (const tell of told) tell();
      await undefined;
    }
    isAsking = false;
  };
  return {
    decide: (key) =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (!isAsking) void Promise.resolve().then(() => pass(key));
      }),
  };
}

async function startServer(): Promise<{ port: number; stop(): void }> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const child = spawn(process.env.SLUICE_REDIS ?? 'redis-server', ['--port', `${port}`, '--save', '']);
  for await (const chunk of child.stdout) if (String(chunk).includes('Ready to accept')) break;
  child.stdout.resume();
  return { port, stop: () => void child.kill() };
}

function report(title: string, rates: Record<string, number[]>, references: readonly string[]): void {
  console.log(`\n  ${title}`);
  const ratio = (to: string) => median((rates.sluice ?? []).map((one, round) => one / (rates[to]?.[round] ?? one)));
  for (const [name, values] of Object.entries(rates)) {
    const perSecond = Math.round(median(values)).toLocaleString('en');
    const compared = name === 'sluice' ? '' : `   sluice: ${ratio(name).toFixed(2)} x`;
    console.log(`    ${name.padEnd(24)}${perSecond.padStart(11)} per second${compared}`);
  }
  for (const name of references) if (rates[name] === undefined) throw new Error(`${name} was not measured.`);
}

export async function redis(against?: string): Promise<void> {
  const server = await startServer();
  const client = new Redis(server.port);
  const builds = Object.entries(await buildsOf(against));
  const throttles = builds.map(([label, { createThrottle, redisStore }]) => ({
    name: `sluice${label}`,
    throttle: createThrottle({ limits: wide, store: redisStore(client, { prefix: `sluice${label}:` }) }),
  }));
  const ours = Object.fromEntries(
    throttles.map(({ name, throttle }): [string, Contender] => [name, { decide: (key) => throttle.wait(key) }]),
  );
  try {
    console.log(`redis: decisions per second, ${rounds} rounds of ${ms} ms, side by side, medians`);
    for (const callers of [64, 1_000]) {
      const contenders = {
        ...ours,
        'the bare script': await bareScript(client, callers),
      };
      const rates = await sideBySide(contenders, rounds, (contender) => rate(contender, callers, ['key']));
      report(`1 key, ${callers.toLocaleString('en')} callers`, rates, Object.keys(contenders));
    }
    const keys = Array.from({ length: 1_000 }, (_, index) => `key-${index}`);
    const contenders = { ...ours, 'the bare script': await bareScript(client, 1) };
    const rates = await sideBySide(contenders, rounds, (contender) => rate(contender, 64, keys));
    report('1,000 keys, 64 callers', rates, Object.keys(contenders));
  } finally {
    for (const { throttle } of throttles) await throttle.close();
    client.disconnect();
    server.stop();
  }
}
