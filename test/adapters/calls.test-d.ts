import {
  type CallOptions,
  createThrottle,
  type MethodCall,
  perSecond,
  type ThrottleCallsOptions,
  throttleCalls,
} from 'sluice';
import { describe, expectTypeOf, it } from 'vitest';

const throttle = createThrottle({ limits: perSecond(1) });

declare function load(id: number): Promise<string>;
declare function load(id: number, all: true): Promise<string[]>;

declare class Client {
  protected secret: string;
  constructor(token: string);
  readonly chat: { create(body: { model: string }): Promise<{ usage: number }> };
  get<Row>(table: string): Promise<Row[]>;
  onClose(listener: () => void): this;
}

describe('throttleCalls', () => {
  it('gives the type that it was given, overloads, generics and hidden fields included', () => {
    expectTypeOf(throttleCalls(load, throttle)).toEqualTypeOf<typeof load>();
    const client = throttleCalls(new Client('token'), throttle, { methods: ['get'] });
    expectTypeOf(client).toEqualTypeOf<Client>();
    expectTypeOf(client.get<number>('users')).toEqualTypeOf<Promise<number[]>>();
    expectTypeOf(throttleCalls({ load, size: 1 }, throttle, { methods: ['load'] })).toEqualTypeOf<{
      load: typeof load;
      size: number;
    }>();
  });

  it('knows the arguments and the answer of a function', () => {
    throttleCalls(async (id: number, name: string) => ({ used: id, name }), throttle, {
      key: ({ args: [, name] }) => name,
      cost: ({ args: [id] }) => id,
      settle: (answer, { args }) => {
        expectTypeOf(answer).toEqualTypeOf<{ used: number; name: string }>();
        expectTypeOf(args).toEqualTypeOf<readonly [id: number, name: string]>();
        return answer.used;
      },
    });
  });

  it('tells the method and the arguments of an object', () => {
    throttleCalls(new Client('token'), throttle, {
      methods: (path) => path.startsWith('chat.'),
      lazy: ['from'],
      cost: (call) => {
        expectTypeOf(call).toEqualTypeOf<MethodCall<readonly unknown[]>>();
        return call.method === 'chat.create' ? 2 : 1;
      },
      signal: ({ args }) => (args[1] as { stop?: AbortSignal }).stop,
    });
    expectTypeOf<ThrottleCallsOptions>().toExtend<CallOptions<MethodCall>>();
  });

  it('refuses other values', () => {
    // @ts-expect-error
    throttleCalls('text', throttle);
    // @ts-expect-error
    throttleCalls(load, throttle, { method: ['misspelled'] });
    // @ts-expect-error
    throttleCalls(load, throttle, { methods: 'load' });
    // @ts-expect-error
    throttleCalls(load, {});
  });
});
