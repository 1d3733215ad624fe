import { throttleInterceptor } from 'sluice/undici';
import * as undici7 from 'undici';
import * as undici6 from 'undici-6';
import { adapterContract } from './contract/contract.ts';
import type { Subject } from './contract/subject.ts';

const subject = (name: string, undici: typeof undici7): Subject => ({
  name,
  sendsStreams: true,
  hasTimeout: true,
  make: (throttled) => {
    const agent = new undici.Agent();
    const redirect = undici.interceptors.redirect({ maxRedirections: 5 });
    const dispatcher =
      throttled === undefined
        ? agent.compose(redirect)
        : agent.compose(throttleInterceptor(throttled.throttle, throttled.options), redirect);
    return async ({ url, timeout, body, method = 'GET', ...options }) => {
      const { statusCode, ...answer } = await undici.request(url, {
        ...options,
        method: method as undici7.Dispatcher.HttpMethod,
        dispatcher,
        ...(timeout !== undefined && { headersTimeout: timeout }),
        body: bodyOf(body, undici) as string,
      });
      return { status: statusCode, text: await answer.body.text() };
    };
  },
});

/** A body as undici takes it: it has forms of its own, and its `request` no URLSearchParams. */
function bodyOf(body: BodyInit | undefined, undici: typeof undici7): unknown {
  if (body instanceof URLSearchParams) return `${body}`;
  if (!(body instanceof FormData)) return body;
  const form = new undici.FormData();
  for (const [name, value] of body) form.append(name, value);
  return form;
}

adapterContract(subject('undici 6', undici6 as unknown as typeof undici7));
adapterContract(subject('undici 7', undici7));
