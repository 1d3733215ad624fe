import { createThrottle, throttleFetch } from 'sluice';
import { expect, it } from 'vitest';

/** Everything that can be seen of what became of a call. */
async function outcomeOf(send: typeof fetch, args: unknown[]): Promise<Record<string, unknown>> {
  let promise: unknown;
  try {
    promise = (send as (...args: unknown[]) => unknown)(...args);
  } catch (error) {
    return { threw: errorParts(error) };
  }
  if (!(promise instanceof Promise)) return { returned: promise };
  try {
    const response: Response = await promise;
    const { status, statusText, ok, url, redirected, type } = response;
    const headers = [...response.headers];
    const isOurs = response instanceof Response;
    const parts = { status, statusText, ok, url, redirected, type, isOurs, headers, hasBody: response.body !== null };
    try {
      const text = await response.clone().text();
      return { ...parts, text, again: await response.text(), bodyUsed: response.bodyUsed };
    } catch (error) {
      return { ...parts, bodyFailed: errorParts(error) };
    }
  } catch (error) {
    return { failed: errorParts(error) };
  }
}

function errorParts(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause } = error;
  const isTypeError = error instanceof TypeError;
  const kind = error.constructor.name;
  const { code } = error as { code?: unknown };
  return { name, message, kind, isTypeError, code, cause: cause === undefined ? undefined : errorParts(cause) };
}

/**
 * Makes a test that sends the same call plain, throttled at once, and throttled after a wait, with equal outcome.
 * @param status what plain fetch is known to get, undefined where it fails
 * @param make makes new arguments each time
 * @param origin where the call goes
 */
export function itIsTheSame(name: string, status: number | undefined, make: () => unknown[], origin: () => string) {
  it(name, async () => {
    const plain = await outcomeOf(fetch, make());
    const free = createThrottle({ limits: { rate: 1000, interval: 1, burst: 1000 }, margin: 0 });
    const atOnce = await outcomeOf(throttleFetch(free), make());
    const busy = createThrottle({ limits: { rate: 1, interval: 5 }, margin: 0 });
    await busy.wait(origin());
    const afterWait = await outcomeOf(throttleFetch(busy), make());
    expect(plain.status).toBe(status);
    expect(atOnce).toEqual(plain);
    expect(afterWait).toEqual(plain);
  });
}
