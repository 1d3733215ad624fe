import { createThrottle, perSecond } from 'sluice';
import { type ServiceWorkerScope, throttleServiceWorker } from 'sluice/service-worker';
import { throttleInterceptor } from 'sluice/undici';
import { Agent, type Dispatcher } from 'undici';
import { Agent as Agent6, type Dispatcher as Dispatcher6 } from 'undici-6';
import { describe, expectTypeOf, it } from 'vitest';

const throttle = createThrottle({ limits: perSecond(1) });

describe('throttleInterceptor', () => {
  it('is an interceptor of undici 6 and 7', () => {
    const interceptor = throttleInterceptor(throttle);
    expectTypeOf(new Agent().compose(interceptor)).toEqualTypeOf<Dispatcher.ComposedDispatcher>();
    expectTypeOf(new Agent6().compose([interceptor])).toEqualTypeOf<Dispatcher6.ComposedDispatcher>();
  });

  it('takes each option as a value or as a function of the call', () => {
    throttleInterceptor(throttle, { key: 'one', cost: 2, priority: 1, maxWait: 1000, retry: 0 });
    throttleInterceptor(throttle, {
      key: ({ url }) => url.host,
      cost: ({ method, request }) => (method === 'POST' && request.body ? 2 : 1),
      settle: ({ status }) => (status === 304 ? 0 : undefined),
    });
    // @ts-expect-error
    throttleInterceptor(throttle, { keys: 'misspelled' });
  });
});

describe('throttleServiceWorker', () => {
  it('takes the scope of a worker', () => {
    // What `lib.webworker.d.ts` says of it, as far as it matters.
    interface Listeners {
      addEventListener(type: 'fetch', listener: (this: unknown, event: Event & { request: Request }) => unknown): void;
      addEventListener(type: string, listener: EventListenerOrEventListenerObject): void;
      removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void;
    }
    type Scope = Listeners & {
      readonly location: { readonly origin: string };
      readonly clients: { get(id: string): Promise<{ readonly id: string } | undefined>; claim(): Promise<void> };
      fetch: typeof fetch;
    };
    expectTypeOf<Scope>().toExtend<ServiceWorkerScope>();
    expectTypeOf(throttleServiceWorker({} as Scope, throttle)).toEqualTypeOf<{ eject(): void }>();
    // @ts-expect-error
    throttleServiceWorker({} as Scope, throttle, { match: true });
  });
});
