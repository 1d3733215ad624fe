import axios, { type AxiosError } from 'axios';
import ky, { type HTTPError } from 'ky';
import { type Throttle, throttleCalls, throttleFetch } from 'sluice';
import { throttleAxios } from 'sluice/axios';
import { throttleKy } from 'sluice/ky';
import type { Setup } from './setup.ts';

/** Makes one call. @returns the status of the answer; 0 if there is none */
export type Send = (id: number, signal: AbortSignal) => Promise<number>;

/**
 * Makes a client, bare or throttled.
 * @param base where the API is, with a slash at the end
 * @param bareFetch what stands for the network
 */
export type OpenClient = (
  base: string,
  throttle: Throttle | undefined,
  priority: number,
  bareFetch: typeof fetch,
) => Promise<Send>;

/** The bucket that the calls of a client use. */
export const keyOf = (client: Setup['client'], base: string): string =>
  client === 'sdk' ? 'default' : new URL(base).origin;

// Nothing but sluice may send a call again: of the bare clients each call counts once.
export const openClient: Readonly<Record<Setup['client'], OpenClient>> = {
  fetch: async (base, throttle, priority, bareFetch) => {
    const send = throttle ? throttleFetch(throttle, { priority, fetch: bareFetch }) : bareFetch;
    return async (id, signal) => {
      const answer = await send(`${base}items/${id}`, { signal });
      await answer.arrayBuffer();
      return answer.status;
    };
  },
  axios: async (base, throttle, priority, bareFetch) => {
    const network = bareFetch === fetch ? {} : { adapter: 'fetch' as const, env: { fetch: bareFetch } };
    const api = axios.create({ baseURL: base, ...network });
    if (throttle) throttleAxios(api, throttle, { priority });
    return async (id, signal) => {
      try {
        return (await api.get(`items/${id}`, { signal })).status;
      } catch (error) {
        return statusOr(error, (error as AxiosError).response?.status);
      }
    };
  },
  ky: async (base, throttle, priority, bareFetch) => {
    const bare = ky.create({ prefixUrl: base, fetch: bareFetch, ...(throttle ? {} : { retry: 0 }), timeout: false });
    const api = throttle ? throttleKy(bare, throttle, { priority }) : bare;
    return async (id, signal) => {
      try {
        const answer = await api.get(`items/${id}`, { signal });
        await answer.arrayBuffer();
        return answer.status;
      } catch (error) {
        return statusOr(error, (error as HTTPError).response?.status);
      }
    };
  },
  sdk: async (base, throttle, priority, bareFetch) => {
    // Large, so it is loaded when it is asked for.
    const { default: OpenAI } = await import('openai');
    const bare = new OpenAI({
      apiKey: 'none',
      baseURL: base,
      maxRetries: 0,
      dangerouslyAllowBrowser: true,
      fetch: bareFetch,
    });
    const openai = throttle ? throttleCalls(bare, throttle, { methods: ['chat.completions.*'], priority }) : bare;
    return async (id, signal) => {
      try {
        const messages = [{ role: 'user' as const, content: `What is item ${id}?` }];
        await openai.chat.completions.create({ model: 'small', messages }, { signal });
        return 200;
      } catch (error) {
        return statusOr(error, (error as { status?: number }).status);
      }
    };
  },
};

function statusOr(error: unknown, status: number | undefined): number {
  if (status === undefined) throw error;
  return status;
}
