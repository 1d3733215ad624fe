import { createThrottle, type Limit, type ThrottleCallsOptions, throttleCalls } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { watch } from './fake-fetch.ts';
import { countListeners } from './listeners.ts';

const T = 1000;
const even: Limit = { rate: 1, interval: T };
const reason = new Error('changed my mind');

/** A promise as SDKs make them: what is read of it decides what it reads of the answer. */
class AnswerPromise extends Promise<string> {
  reads: string[] = [];

  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  override then<A = string, B = never>(
    done?: ((value: string) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.reads.push('body');
    return super.then(done, failed);
  }

  async withResponse(): Promise<{ data: string; response: string }> {
    this.reads.push('response');
    return { data: 'parsed', response: 'raw' };
  }

  async size(): Promise<number> {
    return 6;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    yield `${await super.then((value) => value)} 1`;
    yield 'item 2';
  }
}

/** A client as SDKs have them. */
class Client {
  static readonly version = 3;
  #token = 'secret';
  readonly sent: unknown[] = [];
  readonly listeners: (() => void)[] = [];
  readonly made: AnswerPromise[] = [];
  readonly settings = { retries: 0 };
  readonly born = new Date(0);
  readonly chat: { completions: Completions; readonly list: (...args: unknown[]) => Promise<unknown> };

  constructor(readonly name = 'client') {
    this.chat = { completions: new Completions(this), list: async (...args) => this.note('list', args) };
  }

  get token(): string {
    return this.#token;
  }

  set token(token: string) {
    this.#token = token;
  }

  note(method: string, args: unknown[]): string {
    this.sent.push([method, ...args, this.#token]);
    return 'ok';
  }

  async get(id: number): Promise<string> {
    return this.note('get', [id]);
  }

  async getAll(...ids: number[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.get(id)));
  }

  signature(text: string): string {
    return `${text}:${this.#token}`;
  }

  on(_: string, listener: () => void): this {
    this.listeners.push(listener);
    return this;
  }

  withName(name: string): Client {
    return new Client(name);
  }

  create(_options?: { readonly signal?: AbortSignal }): AnswerPromise {
    this.note('create', []);
    const made = new AnswerPromise((resolve) => resolve('answer'));
    this.made.push(made);
    return made;
  }
}

class Completions {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async create(body: object): Promise<string> {
    return this.#client.note('create', [body]);
  }

  count(): number {
    return this.#client.sent.length;
  }
}

function setUp(options: ThrottleCallsOptions<Client>) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: even, margin: 0, clock });
  const plain = new Client();
  return { clock, throttle, plain, client: throttleCalls(plain, throttle, options) };
}

describe('the methods of an object', () => {
  it('wait for their turn if they are named, at any depth, and the others do not', async () => {
    const { clock, client, plain } = setUp({ methods: ['get', 'chat.completions.create'] });
    void client.get(1);
    void client.chat.completions.create({ model: 'm' });
    void client.chat.list();
    await clock.advance(0);
    expect(plain.sent).toEqual([
      ['list', 'secret'],
      ['get', 1, 'secret'],
    ]);
    await clock.advance(T);
    expect(plain.sent[2]).toEqual(['create', { model: 'm' }, 'secret']);
    expect(client.chat.completions.count()).toBe(3);
  });

  it.each<[string, ThrottleCallsOptions['methods'] & object, string[]]>([
    ['one name', ['get'], ['get']],
    ['an asterisk for one name', ['chat.*'], ['chat.list']],
    ['two asterisks for any number', ['chat.**'], ['chat.list', 'chat.completions.create']],
    ['two asterisks before a name', ['**.create'], ['create', 'chat.completions.create']],
    ['a function', (path) => path.endsWith('t') && path !== 'signature', ['get', 'chat.list']],
  ])('are named by %s', async (_, methods, expected) => {
    const held: string[] = [];
    const { client, clock } = setUp({
      methods,
      cost: ({ method }) => {
        held.push(method);
        return 0;
      },
    });
    const calls = [client.get(1), client.create(), client.chat.list(), client.chat.completions.create({})];
    await clock.advance(0);
    await Promise.all(calls);
    expect(held).toEqual(expected);
  });

  it('that emitters of events and all objects have are left alone', () => {
    const { client, plain } = setUp({ methods: ['**'] });
    const listener = () => {};
    expect(client.on('open', listener)).toBe(client);
    expect(plain.listeners).toEqual([listener]);
    expect(`${client}`).toBe('[object Object]');
    expect(Object.hasOwn(client, 'name')).toBe(true);
  });

  it('that were named once more by themselves are held, whatever their names', async () => {
    const { client, plain, clock } = setUp({ methods: ['on'] });
    void client.on('open', () => {});
    expect(plain.listeners.length).toBe(0);
    await clock.advance(0);
    expect(plain.listeners.length).toBe(1);
  });

  it('see the real object as this, so that a method that calls others waits once', async () => {
    const { client, clock, plain } = setUp({ methods: ['get', 'getAll'] });
    const all = watch(client.getAll(1, 2, 3));
    await clock.advance(0);
    expect(all.state).toBe('fulfilled');
    expect(plain.sent.length).toBe(3);
  });

  it('keep private fields, getters, setters and what is not a method', () => {
    const { client, plain } = setUp({ methods: ['**'], match: () => true });
    expect(client.token).toBe('secret');
    client.token = 'other';
    expect(plain.token).toBe('other');
    const narrow = setUp({ methods: ['get'] });
    expect(narrow.client.signature('text')).toBe('text:secret');
    expect(narrow.client.settings).toBe(narrow.plain.settings);
    expect(client.born.getTime()).toBe(0);
    expect(Object.keys(client)).toEqual(Object.keys(plain));
    expect('chat' in client).toBe(true);
    expect(client).toBeInstanceOf(Client);
    expect(client.constructor).toBe(Client);
  });

  it('are the same ones each time', () => {
    const { client } = setUp({ methods: ['**'] });
    expect(client.get).toBe(client.get);
    expect(client.chat.completions).toBe(client.chat.completions);
    expect(client.get.name).toBe('get');
  });

  it('of a client that a method makes of the same kind wait in the same line', async () => {
    const { client, clock, plain } = setUp({ methods: ['get'] });
    const other = client.withName('other');
    const calls = [watch(client.get(1)), watch(other.get(2))];
    await clock.advance(0);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending']);
    await clock.advance(T);
    expect(calls[1]?.state).toBe('fulfilled');
    expect(plain.sent.length).toBe(1);
    expect(other.name).toBe('other');
  });

  it('of frozen objects and of modules wait too', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    const sent: number[] = [];
    const plain = Object.freeze({
      get: async (id: number) => sent.push(id),
      deep: Object.freeze({ get: async () => sent.push(9) }),
    });
    const client = throttleCalls(plain, throttle, { methods: ['get', 'deep.get'] });
    const calls = [watch(client.get(1)), watch(client.deep.get())];
    await clock.advance(0);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending']);
    expect(Object.keys(client)).toEqual(['get', 'deep']);
    expect(client).toEqual(client);
    expect(Object.getOwnPropertyDescriptor(client, 'get')).toMatchObject({ value: plain.get });
  });

  it('of functions that have methods wait if they are named, and classes can be made', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: even, margin: 0, clock });
    const request = Object.assign(async () => 'sent', { endpoint: () => 'sync', head: async () => 'sent too' });
    const throttled = throttleCalls(request, throttle, { methods: ['head'] });
    const calls = [watch(throttled()), watch(throttled.head())];
    await clock.advance(0);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending']);
    expect(throttled.endpoint()).toBe('sync');
    const { Client: Class } = throttleCalls({ Client }, throttle, { methods: ['**'] });
    expect(Class).toBe(Client);
  });
});

describe('what a method returns', () => {
  it('has the methods of its own promise; the first one called says how the answer is read', async () => {
    const { client, clock, plain } = setUp({ methods: ['create'] });
    const answer = client.create().withResponse();
    await clock.advance(0);
    expect(await answer).toEqual({ data: 'parsed', response: 'raw' });
    expect(plain.made[0]?.reads).toEqual(['response']);
    const second = client.create();
    await clock.advance(T);
    expect(await second).toBe('answer');
    expect(plain.made[1]?.reads).toEqual(['body']);
    expect(await second.withResponse()).toEqual({ data: 'parsed', response: 'raw' });
    expect(plain.sent.length).toBe(2);
  });

  it('can be awaited after one of its methods was called', async () => {
    const { client } = setUp({ methods: ['create'] });
    const made = client.create();
    expect(await made.withResponse()).toEqual({ data: 'parsed', response: 'raw' });
    expect(await made).toBe('answer');
  });

  it('returns what each of its methods returns, in any order, and after the call was made', async () => {
    const { client, clock } = setUp({ methods: ['create'] });
    const made = client.create();
    const both = [made.size(), made.withResponse()];
    expect(await Promise.all(both)).toEqual([6, { data: 'parsed', response: 'raw' }]);
    const second = client.create();
    await clock.advance(T);
    expect(await second.size()).toBe(6);
  });

  it('is nothing in JSON, as a promise is, and can be awaited afterwards', async () => {
    const { client, plain } = setUp({ methods: ['create'] });
    const made = client.create();
    expect(JSON.stringify({ made })).toBe('{"made":{}}');
    expect(await made).toBe('answer');
    expect(plain.made[0]?.reads).toEqual(['body']);
  });

  it('can be iterated if its own promise can', async () => {
    const { client } = setUp({ methods: ['create'] });
    const items: string[] = [];
    for await (const item of client.create()) items.push(item);
    expect(items).toEqual(['answer 1', 'item 2']);
  });

  it.each<[string, (made: AnswerPromise) => Promise<unknown>[]]>([
    ['is awaited', (made) => [made]],
    ['is iterated', (made) => [made[Symbol.asyncIterator]().next()]],
    ['one of its methods is called', (made) => [made.withResponse()]],
    ['all are done', (made) => [made.size(), made, made.withResponse(), made[Symbol.asyncIterator]().next()]],
  ])('ends with the reason of an abort that comes while the call waits, when it %s', async (_, ask) => {
    const { client, clock, plain, throttle } = setUp({ methods: ['create'] });
    await throttle.wait();
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = countListeners(signal);
    const asked = ask(client.create({ signal })).map(watch);
    await clock.advance(T / 2);
    expect(asked.every(({ state }) => state === 'pending')).toBe(true);
    controller.abort(reason);
    await clock.advance(0);
    expect(asked).toEqual(asked.map(() => ({ state: 'rejected', value: reason })));
    expect([plain.sent, clock.timers, listeners()]).toEqual([[], 0, 0]);
    expect((await throttle.status()).limits[0]?.resetAfter).toBe(T / 2);
  });

  it('is otherwise a promise', async () => {
    const { client, clock } = setUp({ methods: ['create', 'get'] });
    const made = client.create();
    expect(made).toBeInstanceOf(Promise);
    expect(Object.prototype.toString.call(made)).toBe('[object Promise]');
    expect(await made.finally(() => {})).toBe('answer');
    const got = client.get(1);
    expect(Object.getPrototypeOf(got)).toBe(Promise.prototype);
    await clock.advance(T);
    expect(await got).toBe('ok');
  });

  it('is what the method gives itself where match says that it does not wait', () => {
    const { client, plain } = setUp({ methods: ['create'], match: () => false });
    expect(client.create()).toBe(plain.made[0]);
  });
});
