import { type CallOptions, type MethodCall, throttleCalls } from 'sluice';
import { adapterContract, clientContract } from './contract/contract.ts';
import { type AnyCall, type AnyOptions, respondingSubject } from './contract/subject.ts';

type FetchArguments = Readonly<Parameters<typeof fetch>>;

const callOf = (call: MethodCall): AnyCall => {
  const [input, init] = call.args as FetchArguments;
  const url = input instanceof Request ? input.url : String(input);
  return { url: new URL(URL.canParse(url) ? url : 'http://none.invalid'), method: init?.method ?? 'GET' };
};

/** What the options' functions of the contract ask for, out of the arguments of fetch: the call is the last of theirs. */
function optionsOf<Answer>(options: AnyOptions): CallOptions<MethodCall, Answer> {
  const readers = Object.entries({ key: ({ url }: AnyCall) => url.origin, ...options }).map(([name, option]) => [
    name,
    typeof option !== 'function'
      ? option
      : (...args: unknown[]) =>
          (option as (...args: unknown[]) => unknown)(...args.slice(0, -1), callOf(args.at(-1) as MethodCall)),
  ]);
  return Object.fromEntries(readers);
}

adapterContract(
  respondingSubject(
    'throttleCalls of fetch',
    (throttled, own = fetch) =>
      throttled === undefined ? own : throttleCalls(own, throttled.throttle, optionsOf(throttled.options)),
    { hasTimeout: false, seesRoundTrips: false },
  ),
);

/** An SDK whose queries are sent when they are awaited, and whose pages when they are asked for. */
class Sdk {
  readonly #fetch: typeof fetch;

  constructor(own: typeof fetch) {
    this.#fetch = own;
  }

  query(...args: FetchArguments): PromiseLike<Response> {
    const send = () => this.#fetch(...args);
    return new (class implements PromiseLike<Response> {
      // biome-ignore lint/suspicious/noThenProperty: it is what is tested
      then: Promise<Response>['then'] = (done, failed) => send().then(done, failed);
    })();
  }

  async *pages(...args: FetchArguments): AsyncGenerator<Response> {
    yield await this.#fetch(...args);
  }
}

adapterContract(
  respondingSubject(
    'throttleCalls of queries',
    (throttled, own = fetch) => {
      const plain = new Sdk(own);
      const options = { ...optionsOf<unknown>(throttled?.options ?? {}), lazy: ['query'] };
      const sdk = throttled === undefined ? plain : throttleCalls(plain, throttled.throttle, options);
      return async (...args) => sdk.query(...args);
    },
    { hasTimeout: false, seesRoundTrips: false },
  ),
);

clientContract(
  respondingSubject(
    'throttleCalls of pages',
    (throttled, own = fetch) => {
      const plain = new Sdk(own);
      const options = { ...optionsOf<unknown>(throttled?.options ?? {}), methods: ['pages'] };
      const sdk = throttled === undefined ? plain : throttleCalls(plain, throttled.throttle, options);
      return async (...args) => (await sdk.pages(...args).next()).value;
    },
    { hasTimeout: false, repeats: 'nothing' },
  ),
);
