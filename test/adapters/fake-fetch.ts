import type { Clock } from 'sluice';

/** One call that reached the fake fetch. */
export interface Sent {
  readonly input: RequestInfo | URL;
  readonly init: RequestInit | undefined;
  /** Where it went. */
  readonly url: string;
  /** ms on the clock's monotonic scale. */
  readonly at: number;
}

/** How the fake answers a call; `index` counts from 0. */
export type Answering = (sent: Sent, index: number) => Response | Promise<Response>;

/** A fetch that sends nothing, notes what it was called with, and heeds signals as fetch does. */
export function fakeFetch(clock: Clock, answer: Answering = () => new Response('ok')) {
  const sent: Sent[] = [];
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = input instanceof Request ? input : undefined;
    const call = { input, init, url: request?.url ?? String(input), at: clock.monotonic() };
    sent.push(call);
    const signal = init?.signal === undefined ? request?.signal : init.signal;
    if (signal?.aborted) throw signal.reason;
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return Promise.race([answer(call, sent.length - 1), aborted]);
  };
  return {
    fetch,
    sent,
    /** When the calls went, in ms on the clock's monotonic scale. */
    times: (): number[] => sent.map(({ at }) => at),
  };
}

/** What became of a promise so far. */
export function watch<T>(promise: Promise<T>): { state: 'pending' | 'fulfilled' | 'rejected'; value: unknown } {
  const seen: { state: 'pending' | 'fulfilled' | 'rejected'; value: unknown } = { state: 'pending', value: undefined };
  promise.then(
    (value) => Object.assign(seen, { state: 'fulfilled', value }),
    (error: unknown) => Object.assign(seen, { state: 'rejected', value: error }),
  );
  return seen;
}
