import { checkOptions } from '../core/base/check.ts';
import { shown } from '../core/base/errors.ts';
import type {
  Receipt,
  SharedStore,
  Standing,
  StoreNews,
  StoreOperations,
  TakeAnswer,
  TakeRequest,
} from '../core/base/store.ts';
import type { Ceiling } from '../core/bucket/pool.ts';
import type { Cost } from '../core/limits/cost.ts';
import type { Limit } from '../core/limits/limit.ts';
import { type Plan, planOf } from '../core/limits/plan.ts';
import { sharedStore } from '../core/sharing/shared-store.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import { canListen, checkPrefix, listenTo, type RedisClient, type Runner, runnerOf } from './redis-client.ts';
import { ReturnDelay } from './redis-delay.ts';
import { KnownBuckets } from './redis-known.ts';
import {
  fieldsText,
  limitsText,
  planOfText,
  planText,
  readAnswer,
  receiptText,
  runText,
  standingOf,
  type Told,
  takeAnswerOf,
  takeFields,
} from './redis-message.ts';
import { redisScript, redisScriptHash } from './redis-script.ts';
import { RunsTogether } from './redis-together.ts';

export type { RedisClient, ScriptRunner } from './redis-client.ts';

/** Options of `redisStore`. */
export interface RedisStoreOptions {
  /**
   * The beginning of the names of all keys. Throttles with the same prefix share their buckets.
   * @default 'sluice:'
   */
  readonly prefix?: string;
}

/**
 * Makes a store that keeps its buckets in Redis or Valkey, shared by all processes and machines that use the same
 * server and prefix. Each operation is one call of one script, on the server's clock: the clocks of the callers do not
 * matter.
 *
 * A bucket is one key, with braces encoded (`%7B`, `%7D`, `%25`), because they have a meaning in a cluster. It expires
 * a minute after it is at rest, unless it has limits of its own. A server that lost it (flushed, restarted, failed
 * over) never makes it emptier than this process knows it is. While the client reports that it is not connected,
 * operations fail at once, and the throttle follows its `onStoreError` option.
 *
 * Pauses, resets and limits of single keys are published over a connection made with `client.duplicate()`, if the
 * client has that; it is closed with the throttle or the client. Without it, others see them when they next look into
 * the store.
 * @param client ioredis, node-redis, iovalkey, a cluster of one of them, or a `ScriptRunner`. The caller connects and
 * closes it, and handles its `error` event.
 * @throws TypeError for a wrong client or option
 * @see docs/scaling.md
 * @example
 * import { Redis } from 'ioredis';
 * import { redisStore } from 'sluice/redis';
 *
 * const throttle = createThrottle({ limits: perSecond(200), store: redisStore(new Redis()) });
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): SharedStore {
  checkOptions('options', options);
  const { prefix = 'sluice:' } = options;
  checkPrefix(prefix);
  return sharedStore(new RedisStore(client, prefix));
}

/** The subject of an operation: the limits of the request, or the receipt of the call. */
interface Terms {
  readonly plan?: Plan;
  readonly receipt?: Receipt;
  /** The other fields of the request. */
  readonly fields?: string;
  /** Whether others have to be notified. */
  readonly tells?: boolean;
  /** Whether to notify them only of a change: slots have moved, or calls are held back. */
  readonly isQuiet?: boolean;
}

/** An answer that takes longer than this is slow, in ms. */
const slowAnswer = 10;

class RedisStore implements StoreOperations {
  readonly name = 'redis';
  readonly shared = true;
  readonly hears: boolean;
  readonly #client: RedisClient;
  readonly #runner: Runner;
  readonly #prefix: string;
  readonly #known = new KnownBuckets();
  readonly #runs: RunsTogether;
  readonly #listeners = new Set<(news: StoreNews) => void>();
  /** Distinguishes our own messages from those of others. */
  readonly #sender = Math.random().toString(36).slice(2);
  readonly #delay = new ReturnDelay();
  #stopListening: (() => void) | undefined;
  #clock: Clock = systemClock;

  constructor(client: RedisClient, prefix: string) {
    this.#client = client;
    this.hears = canListen(client);
    this.#runner = runnerOf(client);
    this.#runs = new RunsTogether((keys, args) => this.#call(keys, args), this.#runner.takesSeveralKeys);
    this.#prefix = prefix;
  }

  useClock(clock: Clock): void {
    this.#clock = clock;
  }

  watch(listener: (news: StoreNews) => void): () => void {
    this.#listeners.add(listener);
    this.#stopListening ??= listenTo(this.#client, this.#channel, (message) => this.#hear(message));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stopListening?.();
      this.#stopListening = undefined;
    };
  }

  async take(key: string, request: TakeRequest): Promise<TakeAnswer> {
    const { plan, instead } = request;
    const askedAt = this.#clock.monotonic();
    const isFirst = !this.#delay.isKnown;
    const told =
      (await this.#run(key, request)) ??
      (await this.#do('take', key, { plan, fields: takeFields(request), tells: instead !== undefined, isQuiet: true }));
    const held = planIn(told as Told, plan);
    const answer = takeAnswerOf(told as Told, held, request);
    const { granted, reserved } = answer;
    this.#learn(key, told as Told, held, reserved === undefined ? granted : [...granted, reserved]);
    if (reserved === undefined) return answer;
    // Nothing shows how much of a slow first answer was the way back. A second one does.
    if (isFirst && this.#clock.monotonic() - askedAt > slowAnswer) await this.peek(key, plan).catch(() => {});
    const now = this.#clock.monotonic();
    const sooner = Math.min(this.#delay.since(answer.now, now), now - askedAt);
    return { ...answer, wait: answer.wait - sooner };
  }

  /**
   * Runs a `take` in the short form. Undefined if that is not possible, or if the server has lost what we know about
   * the key.
   */
  async #run(key: string, request: TakeRequest): Promise<Told | undefined> {
    const run = runText(request, this.#known.mark(key), this.#ageOf(request.plan));
    if (run === undefined) return undefined;
    const told = this.#read(key, await this.#runs.ask(key, run));
    return typeof told === 'object' ? told : undefined;
  }

  async giveBack(key: string, receipt: Receipt): Promise<void> {
    await this.#do('giveBack', key, { receipt });
  }

  async settle(key: string, receipt: Receipt, cost: Cost): Promise<void> {
    await this.#do('settle', key, { receipt, fields: `"cost":${JSON.stringify(cost)}` });
  }

  async postpone(key: string, receipt: Receipt, ms: number): Promise<void> {
    await this.#do('postpone', key, { receipt, fields: `"ms":${ms}`, tells: true, isQuiet: true });
  }

  async pause(key: string, ms: number, plan: Plan, sentAgo?: number): Promise<void> {
    const fields = `"plan":${planText(plan)},${fieldsText({ ms, sentAgo })}`;
    await this.#do('pause', key, { plan, fields, tells: true });
  }

  async sync(key: string, said: Ceiling, plan: Plan): Promise<number> {
    const fields = `"plan":${planText(plan)},${fieldsText(said)}`;
    const { rest } = (await this.#do('sync', key, { plan, fields, tells: said.remaining < 1, isQuiet: true })) as Told;
    return rest[0] as number;
  }

  async peek(key: string, plan: Plan, without?: Receipt): Promise<Standing> {
    const slot = without === undefined ? '' : `,"without":${receiptText(without)}`;
    const told = (await this.#do('peek', key, { plan, fields: `"plan":${planText(plan)}${slot}` })) as Told;
    return standingOf(told, planIn(told, plan));
  }

  async override(key: string, limits: readonly Limit[] | undefined, plan: Plan): Promise<void> {
    const own = limits === undefined ? undefined : planOf(limits, plan.margin).limits;
    const given = own === undefined ? '' : `,"own":${JSON.stringify(limitsText(own))}`;
    await this.#do('override', key, { plan, fields: `"plan":${planText(plan)}${given}`, tells: true });
  }

  async reset(key: string): Promise<void> {
    await this.#do('reset', key, { tells: true });
  }

  /** Runs one operation in one call of the script; in two, if the server has lost what we know about the key. */
  async #do(operation: string, key: string, terms: Terms): Promise<Told | undefined> {
    const { plan, receipt, fields = '', tells, isQuiet } = terms;
    const about = receipt === undefined ? '' : `"receipt":${receiptText(receipt)}`;
    const mark = this.#known.mark(key);
    const known = mark === '' ? '' : `"known":[${mark}]`;
    const age = plan && this.#ageOf(plan);
    const changed = age === undefined ? '' : `"age":${age}`;
    const quiet = isQuiet ? '"quiet":true' : '';
    const request = [fields, about, known, changed, quiet].filter(Boolean).join(',');
    const news = tells ? [this.#channel, `${this.#sender} ${key}`] : [];
    let told = await this.#send(key, [operation, `{${request}}`, ...news]);
    if (typeof told === 'number') {
      const lost = this.#known.record(key, told, this.#clock.monotonic());
      told = await this.#send(key, [operation, `{${request},"lost":${lost}}`, ...news]);
    }
    if (typeof told !== 'object') return undefined;
    const asked = plan ?? receipt?.plan;
    if (asked !== undefined && operation !== 'take') this.#learn(key, told, planIn(told, asked));
    return told;
  }

  /** How long ago limits replaced others, in ms; undefined if they never did. */
  #ageOf({ since }: Plan): number | undefined {
    return since === undefined ? undefined : this.#clock.monotonic() - since;
  }

  async #send(key: string, args: string[]): Promise<Told | number | undefined> {
    return this.#read(key, await this.#call([key], args));
  }

  /** Calls the script. */
  async #call(keys: string[], args: string[]): Promise<unknown> {
    const { away } = this.#runner;
    if (away !== undefined) throw new Error(`The client is not connected: ${away}.`);
    const names = keys.map((key) => `${this.#prefix}${withoutBraces(key)}`);
    try {
      return await this.#runner.runKnown(redisScriptHash, names, args);
    } catch (error) {
      if (!String(error).includes('NOSCRIPT')) throw error;
      return this.#runner.run(redisScript, names, args);
    }
  }

  #read(key: string, answer: unknown): Told | number | undefined {
    const now = this.#clock.monotonic();
    this.#known.forget(now);
    const told = readAnswer(answer);
    if (typeof told === 'object') this.#delay.note(told.now, now);
    if (typeof told === 'object' && told.wasForeign) this.#tellForeign(key);
    return told;
  }

  #learn(key: string, told: Told, plan: Plan, granted?: readonly Receipt[]): void {
    this.#known.learn(key, told, plan, this.#clock.monotonic(), granted);
  }

  get #channel(): string {
    return `${this.#prefix}news`;
  }

  #hear(message: string): void {
    const end = message.indexOf(' ');
    if (message.slice(0, end) === this.#sender) return;
    const key = message.slice(end + 1);
    for (const listener of this.#listeners) listener({ key });
  }

  #tellForeign(key: string): void {
    const trouble = new Error(`The value at key ${shown(key)} is not a bucket of this version; it is ignored.`);
    for (const listener of this.#listeners) listener({ key, trouble });
  }
}

/** Clusters and their clients disagree on which node has a key with several braces. */
const withoutBraces = (key: string): string => (/[{}%]/.test(key) ? key.replace(/[{}%]/g, encodeURIComponent) : key);

/** The limits that a key keeps. */
function planIn({ limits }: Told, asked: Plan): Plan {
  return limits === undefined ? asked : planOfText(limits, asked.margin);
}
