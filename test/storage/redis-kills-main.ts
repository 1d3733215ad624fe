// Run as a process of its own: kills a Redis again and again while throttles on all clients use it, and prints, one a line, what
// nobody handled, what was rejected with an error that no caller expects, and what never settled.
//
// `tsx test/storage/redis-kills-main.ts [kills] [seed] [clients|clusters]`
import { Redis } from 'ioredis';
import { createThrottle, isThrottleError, perSecond, slidingWindow, type Throttle } from 'sluice';
import { redisStore } from 'sluice/redis';
import { clients, clusterClients, type OpenClient } from './redis-clients.ts';
import { startProxy } from './redis-proxy.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const kills = Number(process.argv[2] ?? 500);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
const areClusters = process.argv[4] === 'clusters';

/** How long a call may take to settle once its throttle is closed, in ms: a store operation has 5 seconds. */
const patience = 15_000;
const keys = ['a', 'b', 'c'];
const aborted = new Error('aborted');

let kill = 0;
const tell = (what: string, error: unknown) =>
  console.log(
    `kill ${kill}: ${what}: ${(error instanceof Error && error.stack) || String(error)}`.replaceAll('\n', ' '),
  );
process.on('unhandledRejection', (error) => tell('nobody handled', error));
process.on('uncaughtException', (error) => tell('nobody caught', error));

/** Mulberry32. */
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (most: number) => Math.floor(random() * most);
const oneOf = <T>(items: readonly T[]): T => items[below(items.length)] as T;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A client, and what throttles on it were asked for. */
class User {
  readonly name: string;
  readonly #client: OpenClient;
  throttle: Throttle;
  #asked: Promise<unknown>[] = [];

  constructor(name: string, client: OpenClient) {
    this.name = name;
    this.#client = client;
    this.throttle = this.#newThrottle();
  }

  /** Asks for all that a throttle does. */
  ask(): void {
    const { throttle } = this;
    const controller = new AbortController();
    setTimeout(() => controller.abort(aborted), below(1_000));
    for (let call = 0; call < 5; call++) this.#follow(throttle.wait(oneOf(keys)));
    this.#follow(throttle.wait(oneOf(keys), { signal: controller.signal, priority: 1 }));
    this.#follow(throttle.wait(oneOf(keys), { maxWait: below(500) }));
    this.#follow(throttle.run(() => sleep(below(50)), { key: oneOf(keys), settle: () => below(2) }));
    this.#follow(throttle.allow(oneOf(keys)).then(({ allowed }) => allowed));
    this.#follow(throttle.reserve(oneOf(keys)).then(async (slot) => sleep(below(100)).then(() => slot.cancel())));
    this.#follow(throttle.status(oneOf(keys)));
    const rarely: (() => Promise<unknown>)[] = [
      () => throttle.pause(oneOf(keys), Date.now() + below(300)),
      () => throttle.sync(oneOf(keys), { remaining: below(5), resetAt: Date.now() + below(500) }),
      () => throttle.setLimits(oneOf(keys), random() < 0.5 ? undefined : perSecond(50)),
      () => throttle.reset(oneOf(keys)),
      () => throttle.configure({ limits: limits() }),
    ];
    this.#follow(oneOf(rarely)());
  }

  /** Closes the throttle and starts another. */
  renew(): void {
    this.#follow(this.throttle.close());
    this.throttle = this.#newThrottle();
  }

  /** Closes everything. Resolves when all that was asked for has settled. */
  async end(): Promise<void> {
    this.#follow(this.throttle.close());
    if (random() < 0.5) await sleep(below(20));
    this.#follow(Promise.resolve(this.#client.close()).catch(() => {}));
    const settled = Promise.all(this.#asked).then(() => true);
    if (!(await Promise.race([settled, sleep(patience)]))) tell(this.name, 'a call never settled');
  }

  #newThrottle(): Throttle {
    const onStoreError = random() < 0.5 ? 'memory' : 'reject';
    return createThrottle({ limits: limits(), store: redisStore(this.#client.client), onStoreError });
  }

  #follow(call: Promise<unknown>): void {
    const followed = call.catch((error) => {
      if (!isThrottleError(error) && error !== aborted) tell(`${this.name} was rejected`, error);
    });
    this.#asked.push(followed);
  }
}

const limits = () =>
  oneOf([perSecond(100), slidingWindow({ limit: 20, interval: 200 }), { rate: 1, interval: 10, burst: 5 }]);

async function start(): Promise<RedisServer> {
  const settings = ['--appendonly', 'yes', '--appendfsync', 'always'];
  if (!areClusters) return startRedis(settings);
  const server = await startRedis([...settings, '--cluster-enabled', 'yes']);
  await makeCluster(server.port);
  return server;
}

/** Gives all slots to one node. */
async function makeCluster(port: number): Promise<void> {
  const admin = new Redis(port);
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await admin.config('SET', 'cluster-announce-ip', '127.0.0.1');
  while (!(await admin.cluster('INFO')).includes('cluster_state:ok')) await sleep(20);
  admin.disconnect();
}

console.error(`seed ${seed}`);
const server = await start();
// Where answers are slow, more breaks or is closed between a command and its answer. The nodes of a cluster tell their own ports.
const way = await startProxy(server.port);
const port = () => (areClusters || random() < 0.5 ? server.port : way.port);
const makes = Object.entries(areClusters ? clusterClients : clients);
const users: User[] = [];
for (const [name, open] of makes) users.push(new User(name, await open(port())));
const ending: Promise<void>[] = [];

for (kill = 1; kill <= kills; kill++) {
  way.delay = below(50);
  for (const user of users) user.ask();
  await sleep(below(150));
  for (const user of users) if (random() < 0.2) user.renew();
  await server.kill(random() < 0.5 ? 'SIGKILL' : 'SIGTERM');
  const outage = random() < 0.3 ? 0 : below(2_000);
  const restart = sleep(outage).then(async () => {
    if (random() < 0.5 && !areClusters) server.erase();
    await server.start();
  });
  for (const user of users) {
    user.ask();
    setTimeout(() => user.ask(), below(outage));
    if (random() < 0.3) setTimeout(() => user.renew(), below(outage));
  }
  await restart;
  // Connections come back within the next 100 ms, and are used again after one or two answers.
  const soon = users.map(async (user, index) => {
    await sleep(below(100) + below(3) * way.delay);
    if (random() < 0.3) user.ask();
    if (random() < 0.5) user.renew();
    if (random() > 0.3) return;
    ending.push(user.end());
    const [name, open] = makes[index] as (typeof makes)[number];
    users[index] = new User(name, await open(port()));
  });
  await Promise.all(soon);
  if (kill % 10 === 0) console.error(`${kill} kills`);
}
ending.push(...users.map((user) => user.end()));
await Promise.all(ending);
const admin = new Redis(server.port);
const listening = async () => String(await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).trim();
for (let look = 0; look < 100 && (await listening()) !== ''; look++) await sleep(50);
if ((await listening()) !== '') tell('still connected', await listening());
admin.disconnect();
await way.close();
await server.close();
// What nobody handled is told by now.
await sleep(300);
console.log('end');
process.exit();
