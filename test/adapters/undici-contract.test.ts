import { throttleInterceptor } from 'sluice/undici';
import * as undici7 from 'undici';
import * as undici6 from 'undici-6';
import { adapterContract, clientContract } from './contract/contract.ts';
import { type Call, type Chunks, respondingSubject, type Subject, type Throttled } from './contract/subject.ts';

const subject = (name: string, undici: typeof undici7): Subject => {
  const { redirect, retry } = undici.interceptors;
  const dispatcherFor = (throttled: Throttled | undefined, outer: undici7.Dispatcher.DispatcherComposeInterceptor) => {
    const agent = new undici.Agent();
    if (throttled === undefined) return agent.compose(outer);
    return agent.compose(throttleInterceptor(throttled.throttle, throttled.options), outer);
  };
  const callBy =
    (dispatcher: undici7.Dispatcher): Call =>
    async ({ url, timeout, body, method = 'GET', ...options }) => {
      const { statusCode, ...answer } = await undici.request(url, {
        ...options,
        method: method as undici7.Dispatcher.HttpMethod,
        dispatcher,
        ...(timeout !== undefined && { headersTimeout: timeout }),
        body: bodyOf(body, undici) as string,
      });
      return { status: statusCode, text: await answer.body.text() };
    };
  const redirecting = redirect({ maxRedirections: 5 });
  return {
    name,
    hasTimeout: true,
    make: (throttled) => callBy(dispatcherFor(throttled, redirecting)),
    stream: (throttled) => {
      const dispatcher = dispatcherFor(throttled, redirecting);
      return async (url, body) =>
        (await undici.request(url, { dispatcher, method: 'POST', body: body as never })).body as Chunks;
    },
    retrying: (delay, throttled) =>
      callBy(dispatcherFor(throttled, retry({ maxRetries: 1, minTimeout: delay, statusCodes: [500] }))),
  };
};

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

// What Node's own fetch is once the dispatcher is the global one. It makes a stream of every body.
clientContract(
  respondingSubject(
    'fetch through undici 7',
    (throttled) => {
      const agent = new undici7.Agent();
      const dispatcher =
        throttled === undefined ? agent : agent.compose(throttleInterceptor(throttled.throttle, throttled.options));
      const { fetch } = undici7 as unknown as { fetch: (input: unknown, init: object) => Promise<Response> };
      return (input, init) => fetch(input, { ...init, dispatcher });
    },
    { hasTimeout: false, repeats: 'what has no body' },
  ),
);
