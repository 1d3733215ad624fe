import { Cluster, Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import { Redis as Valkey } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import { createClient as createClient4, createCluster as createCluster4 } from 'redis-4';
import { createClient as createClient5 } from 'redis-5';
import type { RedisClient } from 'sluice/redis';

/** A client of any make, ready to use. */
export interface OpenClient {
  readonly client: RedisClient;
  close(): Promise<unknown> | unknown;
}

type Open = (port: number) => Promise<OpenClient>;

const flat = <Client extends RedisClient & { on(event: 'error', listener: () => void): unknown; disconnect(): void }>(
  client: Client,
): OpenClient => {
  client.on('error', () => {});
  return { client, close: () => client.disconnect() };
};

const withObjects = async <
  Client extends RedisClient & {
    on(event: 'error', listener: () => void): unknown;
    connect(): Promise<unknown>;
    disconnect(): Promise<unknown> | unknown;
  },
>(
  client: Client,
): Promise<OpenClient> => {
  client.on('error', () => {});
  await client.connect();
  return { client, close: () => client.disconnect() };
};

/** A client that reconnects soon. */
const reconnecting = { retryStrategy: () => 100 };
const socket = (port: number) => ({ socket: { host: '127.0.0.1', port, reconnectStrategy: () => 100 } });

export const clients: Readonly<Record<string, Open>> = {
  'ioredis 6': async (port) => flat(new Redis(port, reconnecting)),
  'ioredis 5': async (port) => flat(new Redis5(port, reconnecting)),
  iovalkey: async (port) => flat(new Valkey(port, reconnecting)),
  'node-redis 6': (port) => withObjects(createClient(socket(port))),
  'node-redis 5': (port) => withObjects(createClient5(socket(port))),
  'node-redis 4': (port) => withObjects(createClient4(socket(port))),
};

export const clusterClients: Readonly<Record<string, Open>> = {
  'ioredis 6': async (port) => flat(new Cluster([{ host: '127.0.0.1', port }])),
  'node-redis 6': (port) => withObjects(createCluster({ rootNodes: [socket(port)] })),
  'node-redis 4': (port) => withObjects(createCluster4({ rootNodes: [socket(port)] })),
};
