import { type CallOptions, type MethodCall, throttleCalls } from 'sluice';
import { adapterContract } from './contract/contract.ts';
import type { AnyCall, AnyOptions } from './contract/subject.ts';

type Send = (url: string, init?: RequestInit) => Promise<Response>;
type FetchArguments = Readonly<Parameters<Send>>;

const callOf = ({ args: [url, init] }: MethodCall<FetchArguments>): AnyCall => ({
  url: new URL(URL.canParse(url) ? url : 'http://none.invalid'),
  method: init?.method ?? 'GET',
});

/** What the options' functions of the contract ask for, out of the arguments of fetch: the call is the last of theirs. */
function optionsOf(options: AnyOptions): CallOptions<MethodCall<FetchArguments>, Response> {
  const readers = Object.entries({ key: ({ url }: AnyCall) => url.origin, ...options }).map(([name, option]) => [
    name,
    typeof option !== 'function'
      ? option
      : (...args: unknown[]) =>
          (option as (...args: unknown[]) => unknown)(
            ...args.slice(0, -1),
            callOf(args.at(-1) as MethodCall<FetchArguments>),
          ),
  ]);
  return Object.fromEntries(readers);
}

adapterContract({
  name: 'throttleCalls of fetch',
  sendsStreams: true,
  hasTimeout: false,
  make: (throttled) => {
    const bare: Send = (url, init) => fetch(url, init);
    const send = throttled === undefined ? bare : throttleCalls(bare, throttled.throttle, optionsOf(throttled.options));
    return async ({ url, timeout: _, ...init }) => {
      const response = await send(url, { ...init, duplex: 'half' } as RequestInit);
      return { status: response.status, text: await response.text() };
    };
  },
});
