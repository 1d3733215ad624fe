import { type CallOptions, type MethodCall, throttleCalls } from 'sluice';
import { adapterContract } from './contract/contract.ts';
import { type AnyCall, type AnyOptions, respondingSubject } from './contract/subject.ts';

type FetchArguments = Readonly<Parameters<typeof fetch>>;

const callOf = ({ args: [input, init] }: MethodCall<FetchArguments>): AnyCall => {
  const url = input instanceof Request ? input.url : String(input);
  return { url: new URL(URL.canParse(url) ? url : 'http://none.invalid'), method: init?.method ?? 'GET' };
};

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

adapterContract(
  respondingSubject(
    'throttleCalls of fetch',
    (throttled, own = fetch) =>
      throttled === undefined ? own : throttleCalls(own, throttled.throttle, optionsOf(throttled.options)),
    { hasTimeout: false },
  ),
);
