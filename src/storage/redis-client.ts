import { checkMethods, wrongType } from '../core/base/check.ts';

/** ioredis, iovalkey and their clusters: keys and arguments one after the other. */
interface FlatClient {
  readonly status?: string;
  readonly isCluster?: boolean;
  defineCommand(...args: never[]): unknown;
  evalsha(hash: string, keyCount: number, ...rest: string[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...rest: string[]): Promise<unknown>;
}

/** node-redis and its cluster: keys and arguments in an object. */
interface ObjectClient {
  readonly isReady?: boolean;
  evalSha(hash: string, options: ScriptOptions): Promise<unknown>;
  eval(script: string, options: ScriptOptions): Promise<unknown>;
}

/** The cluster of node-redis. Version 4 sends scripts to any node, unless it is told the key. */
interface ObjectCluster extends ObjectClient {
  readonly masters: unknown;
  sendCommand(key: string | undefined, isReadOnly: boolean, args: string[]): Promise<unknown>;
}

interface ScriptOptions {
  keys: string[];
  arguments: string[];
}

/** Any other client that can run a script: keys and arguments as two lists. */
export interface ScriptRunner {
  /** Runs a Lua script and returns its result. */
  eval(script: string, keys: string[], args: string[]): Promise<unknown>;
  /**
   * Runs a script that the server has already, by its SHA-1. Otherwise rejects with an error that contains `NOSCRIPT`.
   */
  evalsha?(hash: string, keys: string[], args: string[]): Promise<unknown>;
}

/** A client for `redisStore`: ioredis, node-redis, iovalkey, a cluster of them, or a `ScriptRunner`. */
export type RedisClient = ScriptRunner | { eval(...args: never): Promise<unknown> };

/** What the store needs of any client. */
export interface Runner {
  /** Why a command would wait now; undefined if it would be sent. */
  readonly away: string | undefined;
  /**
   * Whether one call may have keys in several slots: not in a cluster, and not with a `ScriptRunner`, whose server is
   * unknown.
   */
  readonly takesSeveralKeys: boolean;
  run(script: string, keys: string[], args: string[]): Promise<unknown>;
  runKnown(hash: string, keys: string[], args: string[]): Promise<unknown>;
}

/** Finds out how a client runs scripts. */
export function runnerOf(client: RedisClient): Runner {
  checkMethods('client', client, ['eval']);
  if (has(client, 'defineCommand')) return flatRunner(client as unknown as FlatClient);
  if (has(client, 'evalSha') && 'masters' in client) return clusterRunner(client as unknown as ObjectCluster);
  if (has(client, 'evalSha')) return objectRunner(client as unknown as ObjectClient);
  const runner = client as unknown as ScriptRunner;
  return {
    away: undefined,
    takesSeveralKeys: false,
    run: (script, keys, args) => runner.eval(script, keys, args),
    runKnown: (hash, keys, args) =>
      has(client, 'evalsha')
        ? (runner as Required<ScriptRunner>).evalsha(hash, keys, args)
        : Promise.reject(new Error('NOSCRIPT')),
  };
}

function flatRunner(client: FlatClient): Runner {
  return {
    // Before the first connection, commands wait in the client; after a lost one they would wait for an unknown time.
    get away() {
      const { status = '' } = client;
      return ['reconnecting', 'close', 'end', 'disconnecting'].includes(status) ? status : undefined;
    },
    takesSeveralKeys: client.isCluster === false,
    run: (script, keys, args) => client.eval(script, keys.length, ...keys, ...args),
    runKnown: (hash, keys, args) => client.evalsha(hash, keys.length, ...keys, ...args),
  };
}

function objectRunner(client: ObjectClient): Runner {
  let wasReady = false;
  return {
    get away() {
      wasReady ||= client.isReady === true;
      return wasReady && client.isReady === false ? 'not ready' : undefined;
    },
    takesSeveralKeys: true,
    run: (script, keys, args) => client.eval(script, { keys, arguments: args }),
    runKnown: (hash, keys, args) => client.evalSha(hash, { keys, arguments: args }),
  };
}

function clusterRunner(client: ObjectCluster): Runner {
  const send = (command: string, script: string, keys: string[], args: string[]) =>
    client.sendCommand(keys[0], false, [command, script, `${keys.length}`, ...keys, ...args]);
  return {
    away: undefined,
    takesSeveralKeys: false,
    run: (script, keys, args) => send('EVAL', script, keys, args),
    runKnown: (hash, keys, args) => send('EVALSHA', hash, keys, args),
  };
}

/** The common part of the two kinds of clients that can subscribe. */
interface Subscriber {
  readonly status?: string;
  readonly isCluster?: boolean;
  readonly isOpen?: boolean;
  readonly isReady?: boolean;
  readonly stream?: { unref?(): void };
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  connect?(): Promise<unknown>;
  unref?(): void;
  subscribe(channel: string, listener?: (message: unknown) => void): Promise<unknown>;
  disconnect(): unknown;
  destroy?(): unknown;
}

/** Whether a client can make a connection that listens. */
export function canListen(client: RedisClient): boolean {
  return has(client, 'duplicate') && has(client, 'on') && has(client, 'off');
}

/**
 * Listens to a channel over its own connection, if the client can be duplicated; it ends with the client. Its errors
 * are ignored, because lanes that wait for long also look into the store.
 * @returns a function that stops it
 */
export function listenTo(client: RedisClient, channel: string, hear: (message: string) => void): () => void {
  if (!canListen(client)) return () => {};
  const isFlat = has(client, 'defineCommand');
  const owner = client as unknown as Subscriber & { duplicate(options?: object): Subscriber };
  // ioredis drops the promise when it subscribes again by itself. Its clusters do not, and take other arguments.
  const subscriber = isFlat && !owner.isCluster ? owner.duplicate({ autoResubscribe: false }) : owner.duplicate();
  let isOpen = true;
  const stop = () => {
    if (!isOpen) return;
    isOpen = false;
    forgetEnd();
    // node-redis completes a connection that it has started, and keeps it open.
    if (subscriber.isOpen && subscriber.isReady === false)
      for (const event of ['ready', 'error']) subscriber.on(event, () => end(subscriber));
    else end(subscriber);
  };
  const forgetEnd = onEnd(owner, stop);
  subscriber.on('error', () => {});
  const open = isFlat ? subscribeFlat : subscribeObject;
  const opened = () => {
    if (!isOpen) end(subscriber);
  };
  open(subscriber, channel, (message) => isOpen && hear(String(message))).then(opened, opened);
  return stop;
}

/** Callbacks for the end of a client. */
const endings = new WeakMap<Subscriber, Set<() => void>>();

/** Calls `stop` when a client ends. All stores of a client share one listener, because Node warns of more than ten. */
function onEnd(client: Subscriber, stop: () => void): () => void {
  const stops = endings.get(client) ?? new Set();
  const isFirst = !endings.has(client);
  endings.set(client, stops.add(stop));
  if (isFirst) client.on('end', () => stops.forEach((each) => void each()));
  return () => void stops.delete(stop);
}

async function subscribeFlat(subscriber: Subscriber, channel: string, hear: (message: unknown) => void): Promise<void> {
  // A connection that only listens keeps no process alive.
  subscriber.on('connect', () => subscriber.stream?.unref?.());
  subscriber.on('message', (_, message) => hear(message));
  // With each new connection, because some clients neither keep a command for later nor repeat it.
  subscriber.on('ready', () => void subscriber.subscribe(channel).catch(() => {}));
  if (subscriber.status === 'wait') await subscriber.connect?.();
}

async function subscribeObject(
  subscriber: Subscriber,
  channel: string,
  hear: (message: unknown) => void,
): Promise<void> {
  await subscriber.connect?.();
  subscriber.unref?.();
  await subscriber.subscribe(channel, hear);
}

function end(subscriber: Subscriber): void {
  try {
    // node-redis from version 5 on has `destroy` in place of `disconnect`.
    const done = subscriber.destroy === undefined ? subscriber.disconnect() : subscriber.destroy();
    Promise.resolve(done).catch(() => {});
  } catch {
    // It was closed already.
  }
}

function has(client: object, method: string): boolean {
  return typeof (client as Record<string, unknown>)[method] === 'function';
}

/** @throws TypeError if a prefix is not a text. */
export function checkPrefix(prefix: unknown): void {
  if (typeof prefix !== 'string') wrongType('prefix', 'a string', prefix);
}
