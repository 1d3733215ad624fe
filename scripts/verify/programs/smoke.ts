// What must hold on every runtime. It names nothing that only one of them has.
import { ClosedError, createThrottle, isThrottleError, memoryStore, slidingWindow, throttleFetch } from 'sluice';

/** One fact, and how it is found out: `run` rejects if it does not hold. */
export interface Check {
  readonly name: string;
  run(): Promise<unknown>;
}

function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** What a promise rejects with. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('Expected a rejection.');
}

/** A throttle whose first call goes, and no other for an hour. */
async function blocked() {
  const throttle = createThrottle({ limits: { rate: 1, interval: 3_600_000 } });
  await throttle.wait();
  return throttle;
}

/** @param server where the local server of the run is, without a slash at the end */
export const smokeChecks = (server: string): readonly Check[] => [
  {
    name: 'a burst is throttled: no window holds more than its limit, and nothing idles',
    run: async () => {
      const throttle = createThrottle({ limits: slidingWindow({ limit: 5, interval: 250 }) });
      const began = performance.now();
      // By their grants: on a busy machine the code behind a grant may run late.
      const gone = await Promise.all(Array.from({ length: 15 }, () => throttle.wait().then(({ at }) => at)));
      const late = gone.map((at, index) => (index < 5 ? Infinity : at - (gone[index - 5] ?? 0)));
      // A browser may round what its clock shows by a millisecond at either end.
      expectThat(Math.min(...late) >= 248, `Six calls within ${Math.min(...late)} ms.`);
      const whole = performance.now() - began;
      expectThat(whole < 5_000, `15 calls took ${whole} ms.`);
    },
  },
  {
    name: 'a waiting call that is aborted rejects with the reason, and leaves the line',
    run: async () => {
      const throttle = await blocked();
      const controller = new AbortController();
      const reason = new Error('changed my mind');
      const call = throttle.wait('default', { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 20);
      expectThat((await failureOf(call)) === reason, 'It rejected with something else.');
      expectThat((await throttle.status()).waiting === 0, 'It still waits.');
    },
  },
  {
    name: 'a call that the server refuses with 429 is sent again after Retry-After',
    run: async () => {
      const throttle = createThrottle({ limits: { rate: 100, interval: 1_000, burst: 100 } });
      const send = throttleFetch(throttle);
      const start = performance.now();
      const answer = await send(`${server}/refuse-once/${Math.random()}`);
      const took = performance.now() - start;
      const text = await answer.text();
      expectThat(answer.status === 200 && text === 'try 2', `The answer was ${answer.status}, "${text}".`);
      expectThat(took >= 998, `It was sent again after ${took} ms.`);
    },
  },
  {
    name: 'the answer of a throttled fetch is a Response, and bodies go both ways',
    run: async () => {
      const send = throttleFetch(createThrottle({ limits: { rate: 100, interval: 1_000 } }));
      const answer = await send(`${server}/echo`, { method: 'POST', body: 'there and back' });
      expectThat(answer instanceof Response, 'It is none.');
      expectThat((await answer.text()) === 'there and back', 'The body is another.');
    },
  },
  {
    name: 'closing ends waiting calls with ClosedError',
    run: async () => {
      const throttle = await blocked();
      const call = failureOf(throttle.wait());
      await throttle.close();
      const error = await call;
      expectThat(error instanceof ClosedError && isThrottleError(error), `It ended with ${error}.`);
    },
  },
  {
    name: 'two throttles on one memory store keep one limit together',
    run: async () => {
      const store = memoryStore();
      const limits = { rate: 1, interval: 3_600_000 };
      const [one, other] = [createThrottle({ limits, store }), createThrottle({ limits, store })];
      expectThat((await one.allow('amy')).allowed, 'The first call was refused.');
      const { allowed, wait } = await other.allow('amy');
      expectThat(!allowed && wait > 3_500_000, `The second had to wait ${wait} ms.`);
    },
  },
];

/** Runs checks one after the other. Tells what did not hold. */
export async function failuresOf(checks: readonly Check[]): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const { name, run } of checks) {
    try {
      await run();
    } catch (error) {
      const stack = error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 4) : [];
      failures.push([`${name}: ${error}`, ...stack].join('\n    '));
    }
  }
  return failures;
}
