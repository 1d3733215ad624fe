import { Redis } from 'ioredis';
import { createThrottle } from 'sluice';
import { redisStore } from 'sluice/redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterClients } from './redis-clients.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const slots = 16_384;
const keys = Array.from({ length: 30 }, (_, index) => `user ${index} {${index % 4}} }{`);

let nodes: RedisServer[];
let admins: Redis[];

beforeAll(async () => {
  nodes = await Promise.all([1, 2, 3].map(() => startRedis(['--cluster-enabled', 'yes'])));
  admins = nodes.map(({ port }) => new Redis(port));
  const [first] = nodes as [RedisServer];
  for (const [index, admin] of admins.entries()) {
    const from = Math.ceil((index * slots) / admins.length);
    const to = Math.ceil(((index + 1) * slots) / admins.length);
    await admin.cluster('ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => from + slot));
    await admin.config('SET', 'cluster-announce-ip', '127.0.0.1');
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    if (index > 0) await admin.cluster('MEET', '127.0.0.1', first.port);
  }
  for (const admin of admins) {
    while (!(await admin.cluster('INFO')).includes('cluster_state:ok')) await sleep(50);
    while (!(await admin.cluster('INFO')).includes('cluster_known_nodes:3')) await sleep(50);
  }
  for (const admin of admins) await hearsAll(admin);
}, 30_000);

/** Waits until news from every node reach this one: some links are made later than the nodes know each other. */
async function hearsAll(node: Redis): Promise<void> {
  const listener = node.duplicate();
  const heard = new Set<string>();
  listener.on('message', (_, from) => heard.add(from));
  await listener.subscribe('ready');
  while (heard.size < admins.length) {
    for (const [from, admin] of admins.entries()) await admin.publish('ready', `${from}`);
    await sleep(20);
  }
  listener.disconnect();
}

afterAll(async () => {
  for (const admin of admins) admin.disconnect();
  for (const node of nodes) await node.close();
});

/** How many clients the nodes have. */
async function connections(): Promise<number> {
  const lists = await Promise.all(admins.map((admin) => admin.call('CLIENT', 'LIST', 'TYPE', 'normal')));
  const listening = await Promise.all(admins.map((admin) => admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub')));
  return [...lists, ...listening].join('').trim().split('\n').length;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe.each(Object.entries(clusterClients))('a cluster of three nodes with %s', (name, open) => {
  test('keeps buckets on all nodes, whatever is in their keys, and shares them', async () => {
    const [one, other] = [await open((nodes[0] as RedisServer).port), await open((nodes[1] as RedisServer).port)];
    const throttles = [one, other].map(({ client }) =>
      createThrottle({
        limits: { rate: 1, interval: 3_600_000, burst: 4 },
        store: redisStore(client, { prefix: `${name}:` }),
        onStoreError: 'reject',
      }),
    );
    for (const remaining of [3, 2, 1, 0]) {
      const throttle = throttles[remaining % 2];
      const decisions = await Promise.all(keys.map((key) => throttle?.allow(key)));
      expect(decisions.map((decision) => decision?.limits[0]?.remaining)).toEqual(keys.map(() => remaining));
      // The scripts are forgotten on every node.
      for (const admin of admins) await admin.script('FLUSH');
    }
    for (const admin of admins) expect(await admin.keys(`${name}:*`)).not.toEqual([]);
    for (const throttle of throttles) await throttle.close();
    for (const { close } of [one, other]) await close();
  });

  test('leaves no connection open when a throttle is closed while it connects', async () => {
    const { client, close } = await open((nodes[0] as RedisServer).port);
    const throttleOn = (prefix: string) =>
      createThrottle({ limits: { rate: 1, interval: 10 }, store: redisStore(client, { prefix }) });
    for (let turns = 0; turns < 5; turns++) {
      const throttle = throttleOn(`${name} ${turns}:`);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await throttle.close();
    }
    await close();
    for (let look = 0; look < 50 && (await connections()) > admins.length; look++) await sleep(20);
    expect(await connections()).toBe(admins.length);
  });

  test('delivers a pause on one node to waiting calls, whichever node they listen to', async () => {
    const [one, other] = [await open((nodes[0] as RedisServer).port), await open((nodes[2] as RedisServer).port)];
    const [pauses, waits] = [one, other].map(({ client }) =>
      createThrottle({ limits: { rate: 1, interval: 700 }, store: redisStore(client, { prefix: `pause ${name}:` }) }),
    );
    for (const key of keys.slice(0, 5)) await waits?.wait(key);
    // They listen by now.
    await sleep(300);
    const gone: string[] = [];
    const waiting = keys.slice(0, 5).map((key) => waits?.wait(key).then(() => gone.push(key)));
    await sleep(100);
    for (const key of keys.slice(0, 5)) await pauses?.pause(key, Date.now() + 1_200);
    await sleep(800);
    expect(gone).toEqual([]);
    await Promise.all(waiting);
    await pauses?.close();
    await waits?.close();
    for (const { close } of [one, other]) await close();
  });
});
