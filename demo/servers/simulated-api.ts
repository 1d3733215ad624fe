import type { Algorithm } from './algorithm.ts';
import { headerFields, retryAfterField } from './header-fields.ts';
import { createAlgorithm, type Rules } from './rules.ts';

// An API and the network in front of it, without either: no sockets, no Node. It runs in a service worker or behind an HTTP server.

/** What the API is like. All of it is in the URL of a call, so the server needs to remember nothing. */
export interface ApiSettings extends Rules {
  readonly burst: number;
  /** ms of a round trip; half of it lies before the call is counted. */
  readonly latency: number;
  /** ms. Each call comes later by a random 0 to `jitter`. */
  readonly jitter: number;
  /** ms that a new connection takes. One is kept until it has been idle for 5 seconds. */
  readonly connect: number;
  /** Calls per second that another client makes on the same quota, evenly, while there is traffic. */
  readonly others: number;
  /** Percent of the accepted calls that are answered with 503. */
  readonly failures: number;
  /** Whether answers tell what is left, in the RateLimit fields of the IETF. */
  readonly tells: boolean;
}

export type Outcome = 'accepted' | 'refused' | 'failed';

/** One call as the API counted it. */
export interface ApiArrival {
  /** ms since the Unix epoch with a fraction. */
  readonly at: number;
  /** Who sent it; `other` for the other client. */
  readonly from: string;
  readonly outcome: Outcome;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** What the API can be asked for; of a URL, what follows its base. */
export type ApiRequest =
  | {
      readonly what: 'call';
      readonly line: string;
      readonly from: string;
      readonly path: string;
      readonly settings: ApiSettings;
    }
  | { readonly what: 'log'; readonly line: string; readonly since: number; readonly settings: ApiSettings };

const KEPT_OPEN = 5_000;
const LONGEST_LOG = 20_000;
const algorithms = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const;

/** Writes settings as one part of a path: `sliding-window,60,3000,60,80,20,0,0,0,0`. */
export function settingsToText(s: ApiSettings): string {
  const numbers = [s.limit, s.interval, s.burst, s.latency, s.jitter, s.connect, s.others, s.failures, s.tells ? 1 : 0];
  return [s.algorithm, ...numbers].join();
}

/** Reads what `settingsToText` wrote; undefined for anything else. */
export function settingsFromText(text: string): ApiSettings | undefined {
  const [name, ...rest] = text.split(',');
  const algorithm = algorithms.find((each) => each === name);
  const numbers = rest.map(Number);
  if (algorithm === undefined || numbers.length !== 9 || !numbers.every((number) => number >= 0)) return undefined;
  const [limit = 0, interval = 0, burst = 0, latency = 0, jitter = 0, connect = 0, others = 0, failures = 0, tells] =
    numbers;
  if (limit < 1 || interval < 1 || burst < 1) return undefined;
  return { algorithm, limit, interval, burst, latency, jitter, connect, others, failures, tells: tells === 1 };
}

/** Reads a path such as `throttled/tab1/sliding-window,60,…/items/7` or `log/throttled/since/sliding-window,60,…`. */
export function readPath(path: string): ApiRequest | undefined {
  const [first = '', second = '', third = '', ...rest] = path.split('/');
  if (first === 'log') {
    const settings = settingsFromText(decodeURIComponent(rest[0] ?? ''));
    return settings && { what: 'log', line: second, since: Number(third), settings };
  }
  const settings = settingsFromText(decodeURIComponent(third));
  return settings && { what: 'call', line: first, from: second, path: rest.join('/'), settings };
}

const now = () => performance.timeOrigin + performance.now();
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One quota and the log of what it counted. */
class Quota {
  readonly settings: ApiSettings;
  readonly #algorithm: Algorithm;
  readonly log: ApiArrival[] = [];
  #othersUntil: number | undefined;
  #lastCall = Number.NEGATIVE_INFINITY;

  constructor(settings: ApiSettings) {
    this.settings = settings;
    this.#algorithm = createAlgorithm(settings);
  }

  count(at: number, from: string): { readonly outcome: Outcome; readonly retryAfter: number } {
    this.countOthers(at);
    this.#lastCall = at;
    this.#othersUntil ??= at;
    return this.#count(at, from);
  }

  /** Counts what the other client has sent by now. It sends for as long as there is traffic, and 2 seconds more. */
  countOthers(at: number): void {
    const { others } = this.settings;
    if (others <= 0 || this.#othersUntil === undefined) return;
    const end = Math.min(at, this.#lastCall + 2_000);
    let next = this.#othersUntil + 1_000 / others;
    for (; next <= end; next += 1_000 / others) {
      this.#count(next, 'other');
      this.#othersUntil = next;
    }
    // Its next traffic begins with the next call.
    if (at > end + 1_000 / others) this.#othersUntil = undefined;
  }

  #count(at: number, from: string): { readonly outcome: Outcome; readonly retryAfter: number } {
    const verdict = this.#algorithm.accept(at);
    const isFailure = verdict.accepted && from !== 'other' && Math.random() * 100 < this.settings.failures;
    const outcome: Outcome = isFailure ? 'failed' : verdict.accepted ? 'accepted' : 'refused';
    this.log.push({ at, from, outcome });
    if (this.log.length > LONGEST_LOG) this.log.splice(0, LONGEST_LOG / 2);
    return { outcome, retryAfter: verdict.accepted ? 0 : verdict.retryAfter };
  }

  fields(at: number): Record<string, string> {
    const { tells, interval } = this.settings;
    if (!tells) return {};
    const { limit, remaining, resetAfter } = this.#algorithm.standing(at);
    // What a bucket holds comes back sooner than the quota's interval ends.
    const window = (limit * interval) / this.settings.limit;
    return headerFields('draft-11', [{ name: 'quota', limit, remaining, resetAfter, window }], at);
  }
}

/** The API: one quota per line and settings, for everybody who calls. */
export class SimulatedApi {
  readonly #quotas = new Map<string, Quota>();
  /** When the connection of each sender is open, and when it was last used. */
  readonly #connections = new Map<string, { openAt: number; usedAt: number }>();

  async answer(request: ApiRequest): Promise<ApiAnswer> {
    const { line, settings } = request;
    const quota = this.#quotaOf(line, settings);
    if (request.what === 'log') {
      quota.countOthers(now());
      return { status: 200, headers: {}, body: quota.log.filter(({ at }) => at > request.since) };
    }
    const { from, path } = request;
    const half = settings.latency / 2;
    await sleep(this.#untilConnected(`${line} ${from}`, settings.connect) + half + Math.random() * settings.jitter);
    // This instant is what the quota and the log go by.
    const at = now();
    const { outcome, retryAfter } = quota.count(at, from);
    const fields = quota.fields(at);
    await sleep(half);
    if (outcome === 'failed') return { status: 503, headers: fields, body: { error: 'out of order' } };
    if (outcome === 'accepted') return { status: 200, headers: fields, body: answerTo(path) };
    const headers = { ...fields, ...retryAfterField(retryAfter) };
    return { status: 429, headers, body: { error: 'too many calls', retryAfter: Math.ceil(retryAfter) } };
  }

  #quotaOf(line: string, settings: ApiSettings): Quota {
    const { algorithm, limit, interval, burst } = settings;
    const name = [line, algorithm, limit, interval, burst, settings.others, settings.failures, settings.tells].join();
    let quota = this.#quotas.get(name);
    if (quota === undefined) {
      quota = new Quota(settings);
      this.#quotas.set(name, quota);
    }
    return quota;
  }

  /** ms until the sender has an open connection, which others of its calls may be opening already. */
  #untilConnected(sender: string, connect: number): number {
    const at = now();
    let connection = this.#connections.get(sender);
    if (connection === undefined || at - connection.usedAt > KEPT_OPEN) {
      connection = { openAt: at + connect, usedAt: at };
      this.#connections.set(sender, connection);
    }
    connection.usedAt = at;
    return Math.max(0, connection.openAt - at);
  }
}

/** An item, or what the client of a language model expects. */
function answerTo(path: string): object {
  if (!path.endsWith('chat/completions')) return { id: path.split('/').pop(), title: 'An item' };
  const message = { role: 'assistant', content: 'An answer' };
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: 'small',
    choices: [{ index: 0, finish_reason: 'stop', message }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  };
}
