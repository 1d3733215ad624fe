import { createThrottle, type ThrottleCallsOptions, throttleCalls } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { watch } from './fake-fetch.ts';
import { countListeners } from './listeners.ts';

const T = 1000;
const reason = new Error('changed my mind');

/** A query that is put together bit by bit and sent when it is awaited. */
class Query implements PromiseLike<string> {
  readonly #parts: string[] = [];
  signal: AbortSignal | undefined;

  constructor(
    readonly sent: string[],
    table: string,
  ) {
    this.#parts.push(table);
  }

  where(part: string): this {
    this.#parts.push(part);
    return this;
  }

  abortSignal(signal: AbortSignal): this {
    this.signal = signal;
    return this;
  }

  copy(): Query {
    return new Query(this.sent, `${this} again`);
  }

  toString(): string {
    return this.#parts.join(' ');
  }

  toObject(): object {
    return { parts: this.#parts };
  }

  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  then<A = string, B = never>(
    done?: ((value: string) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.sent.push(`${this}`);
    return Promise.resolve(`rows of ${this}`).then(done, failed);
  }

  catch(failed: (error: unknown) => string): Promise<string> {
    return this.then(undefined, failed);
  }

  async send(): Promise<string> {
    return this.then((rows) => rows);
  }
}

/** What leads to queries, and sends nothing itself. */
class Database {
  readonly sent: string[] = [];
  failAt = 0;
  /** Generators that have ended. */
  ended = 0;

  from(table: string): Query {
    return new Query(this.sent, table);
  }

  table(name: string): { readonly isTable: true; select: () => Query } {
    return new (class {
      readonly isTable = true as const;
      constructor(readonly select: () => Query) {}
    })(() => new Query(this.sent, name));
  }

  async *pages(count: number, _signal?: AbortSignal): AsyncGenerator<number, string> {
    try {
      for (let page = 1; page <= count; page++) {
        this.sent.push(`page ${page}`);
        if (page === this.failAt) throw Object.assign(new Error('no'), { status: 429 });
        yield page;
      }
      return 'end';
    } finally {
      this.ended++;
    }
  }

  paginate(count: number): AsyncIterable<number> {
    return { [Symbol.asyncIterator]: () => this.pages(count) };
  }
}

function setUp(options: ThrottleCallsOptions<Database>) {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: { rate: 1, interval: T }, margin: 0, clock });
  const plain = new Database();
  return { clock, throttle, plain, database: throttleCalls(plain, throttle, options) };
}

describe('a query', () => {
  it('waits when it is awaited, not before, and not for its parts', async () => {
    const { clock, database, plain, throttle } = setUp({ lazy: ['from'] });
    const query = database.from('users').where('id = 1');
    await clock.advance(0);
    expect((await throttle.status()).limits[0]?.remaining).toBe(1);
    expect(await query).toBe('rows of users id = 1');
    const second = watch(Promise.resolve(database.from('users').where('id = 2')));
    await clock.advance(T / 2);
    expect(plain.sent).toEqual(['users id = 1']);
    await clock.advance(T / 2);
    expect(plain.sent).toEqual(['users id = 1', 'users id = 2']);
    expect(second).toEqual({ state: 'fulfilled', value: 'rows of users id = 2' });
  });

  it('is sent once each time it is awaited, as without the throttle', async () => {
    const { clock, database, plain } = setUp({ lazy: ['from'] });
    const query = database.from('users');
    await query;
    const second = watch(Promise.resolve(query));
    expect(plain.sent.length).toBe(1);
    await clock.advance(T);
    expect(second.state).toBe('fulfilled');
    expect(plain.sent.length).toBe(2);
  });

  it('keeps its class, its chain and its other methods', async () => {
    const { database } = setUp({ lazy: ['from'] });
    const query = database.from('users');
    expect(query).toBeInstanceOf(Query);
    expect(query.where('a')).toBe(query);
    expect(query.toString()).toBe('users a');
    expect(Object.getPrototypeOf(query.toObject())).toBe(Object.prototype);
    expect(query.constructor).toBe(Query);
  });

  it('waits after another query was derived from it, and when nested in objects', async () => {
    const { clock, database, plain } = setUp({ lazy: ['from', 'table'] });
    await database.from('users');
    const calls = [
      watch(Promise.resolve(database.from('a').copy())),
      watch(Promise.resolve(database.table('b').select())),
    ];
    await clock.advance(0);
    expect(plain.sent).toEqual(['users']);
    await clock.advance(2 * T);
    expect(plain.sent).toEqual(['users', 'a again', 'b']);
    expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
  });

  it('waits for catch too', async () => {
    const { clock, database, plain } = setUp({ lazy: ['from'] });
    await database.from('users');
    void database.from('users').catch(() => 'failed');
    await clock.advance(0);
    expect(plain.sent.length).toBe(1);
    await clock.advance(T);
    expect(plain.sent.length).toBe(2);
  });

  it('has methods that send at once, which can be named', async () => {
    const { clock, database, plain } = setUp({ lazy: ['from'], methods: ['from.send'] });
    const calls = [watch(database.from('a').send()), watch(database.from('b').send())];
    await clock.advance(0);
    expect(plain.sent).toEqual(['a']);
    await clock.advance(T);
    expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
  });

  it('is known by the method that began it', async () => {
    const seen: unknown[] = [];
    const cost = (call: unknown) => {
      seen.push(call);
      return 1;
    };
    const { database } = setUp({ lazy: ['from'], cost });
    await database.from('users').where('id = 1');
    expect(seen).toEqual([{ method: 'from', args: ['users'] }]);
  });

  it('ends its wait when its own signal aborts', async () => {
    const { clock, database, plain } = setUp({ lazy: ['from'] });
    const controller = new AbortController();
    await database.from('users');
    const second = watch(Promise.resolve(database.from('users').abortSignal(controller.signal)));
    await clock.advance(T / 2);
    controller.abort(reason);
    await clock.advance(0);
    expect(second).toEqual({ state: 'rejected', value: reason });
    expect(plain.sent.length).toBe(1);
  });

  it('does not wait where match says so', async () => {
    const { database, plain } = setUp({ lazy: ['from'], match: ({ args }) => args[0] !== 'free' });
    await Promise.all([database.from('free'), database.from('free')]);
    expect(plain.sent.length).toBe(2);
  });

  it('that was sent already, and is a promise, goes straight through', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: { rate: 1, interval: T }, margin: 0, clock });
    const sent = Promise.resolve('rows');
    const from = throttleCalls(() => sent, throttle, { lazy: ['**'] });
    expect(from()).toBe(sent);
    expect(await from()).toBe('rows');
    expect((await throttle.status()).limits[0]?.remaining).toBe(1);
  });

  it('may be found below a namespace', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: { rate: 1, interval: T }, margin: 0, clock });
    const plain = { admin: { database: new Database() } };
    const { database } = throttleCalls(plain, throttle, { lazy: ['admin.database.from'] }).admin;
    await database.from('a');
    void Promise.resolve(database.from('b'));
    await clock.advance(0);
    expect(plain.admin.database.sent).toEqual(['a']);
    await clock.advance(T);
    expect(plain.admin.database.sent).toEqual(['a', 'b']);
  });

  it('may be the result of a function', async () => {
    const clock = new ManualClock();
    const throttle = createThrottle({ limits: { rate: 1, interval: T }, margin: 0, clock });
    const sent: string[] = [];
    const from = throttleCalls((table: string) => new Query(sent, table), throttle, { lazy: ['**'] });
    await from('a').where('b');
    void Promise.resolve(from('c'));
    await clock.advance(0);
    expect(sent).toEqual(['a b']);
    await clock.advance(T);
    expect(sent).toEqual(['a b', 'c']);
  });
});

describe('pages', () => {
  it.each<[string, ThrottleCallsOptions<Database>, (database: Database) => AsyncIterable<number>]>([
    ['of a generator function that is named', { methods: ['pages'] }, (database) => database.pages(3)],
    ['of a lazy method', { lazy: ['paginate'] }, (database) => database.paginate(3)],
  ])('%s come one a turn, and the end counts nothing', async (_, options, open) => {
    const { clock, throttle, database, plain } = setUp(options);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const page of open(database)) seen.push(page);
    })();
    await clock.advance(0);
    expect(seen).toEqual([1]);
    await clock.advance(T);
    expect(seen).toEqual([1, 2]);
    await clock.advance(2 * T);
    await reading;
    expect(plain.sent).toEqual(['page 1', 'page 2', 'page 3']);
    expect((await throttle.status()).limits[0]?.remaining).toBe(1);
  });

  it.each<[string, ThrottleCallsOptions<Database>, (database: Database) => AsyncIterable<number>]>([
    ['of a generator function', { methods: ['pages'] }, (database) => database.pages(9)],
    ['of a lazy method', { lazy: ['paginate'] }, (database) => database.paginate(9)],
  ])('%s send nothing that nobody asks for, and are told when nobody does any more', async (_, options, open) => {
    const { database, plain, clock } = setUp(options);
    for await (const _ of open(database)) break;
    await clock.advance(9 * T);
    expect([plain.sent, plain.ended]).toEqual([['page 1'], 1]);
  });

  it('can be asked for by hand, and give what the generator returns', async () => {
    const { database } = setUp({ methods: ['pages'] });
    const pages = database.pages(0);
    expect(await pages.next()).toEqual({ done: true, value: 'end' });
    expect(await database.pages(1).return('early')).toEqual({ done: true, value: 'early' });
    const iterator = database.pages(1)[Symbol.asyncIterator]();
    await expect(iterator.throw(reason)).rejects.toBe(reason);
  });

  it('that were refused are not asked for again: a generator that failed has ended', async () => {
    const { database, plain, throttle } = setUp({ methods: ['pages'] });
    plain.failAt = 1;
    await expect(database.pages(2).next()).rejects.toMatchObject({ status: 429 });
    expect(plain.sent).toEqual(['page 1']);
    expect((await throttle.status()).pausedUntil).toBeGreaterThan(0);
  });

  it('that wait end with the reason of an abort, and nothing is asked for', async () => {
    const { clock, database, plain, throttle } = setUp({ methods: ['pages'] });
    const controller = new AbortController();
    const listeners = countListeners(controller.signal);
    const pages = database.pages(3, controller.signal);
    await pages.next();
    const second = watch(pages.next());
    await clock.advance(T / 2);
    expect([second.state, listeners()]).toEqual(['pending', 1]);
    controller.abort(reason);
    await clock.advance(0);
    expect(second).toEqual({ state: 'rejected', value: reason });
    expect([plain.sent, clock.timers, listeners()]).toEqual([['page 1'], 0, 0]);
    expect((await throttle.status()).limits[0]?.resetAfter).toBe(T / 2);
  });
});
