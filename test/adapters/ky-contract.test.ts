import ky1 from 'ky';
import ky2 from 'ky-2';
import { kyHooks, throttleKy } from 'sluice/ky';
import { adapterContract } from './contract/contract.ts';
import { respondingSubject, type Subject, type Throttled } from './contract/subject.ts';

type Ky = typeof ky1;

const sender =
  (ky: Ky): typeof fetch =>
  (input, init) =>
    ky(input as Request, init as object);

/** Retries a GET once, after a 500. */
const once = (delay: number) => ({ limit: 1, delay: () => delay });

const throttled = (name: string, ky: Ky): Subject => {
  const create = (throttled: Throttled | undefined, options: object) => {
    const plain = ky.create(options);
    return throttled === undefined ? plain : throttleKy(plain, throttled.throttle, throttled.options);
  };
  return respondingSubject(name, (throttled, own = fetch) => sender(create(throttled, { fetch: own })), {
    hasTimeout: true,
    retrying: (delay, throttled) => sender(create(throttled, { retry: once(delay) })),
  });
};

/**
 * Whether an abort while ky waits to send again leaves a rejection that nobody handles: ky 1 with any `afterResponse` hook, on
 * Node before 24. It comes from the copy of the answer that the hook was given.
 */
const breaksOnAbort = (ky: Ky): boolean => ky === ky1 && Number(process.versions.node.split('.')[0]) < 24;

const hooked = (name: string, ky: Ky): Subject => {
  const create = (throttled: Throttled | undefined, options: object) => {
    const { retry: _, ...rest } = throttled?.options ?? {};
    return ky.create({ ...options, ...(throttled && { hooks: kyHooks(throttled.throttle, rest) }) });
  };
  return respondingSubject(
    name,
    // Ky's own retries wait for as long as it likes.
    (throttled, own = fetch) => sender(create(throttled, { fetch: own, retry: 0 })),
    {
      hasTimeout: true,
      repeats: 'nothing',
      holdsPlace: false,
      ...(!breaksOnAbort(ky) && {
        retrying: (delay: number, throttled?: Throttled) => sender(create(throttled, { retry: once(delay) })),
      }),
    },
  );
};

const second = ky2 as unknown as Ky;
adapterContract(throttled('ky 1', ky1));
adapterContract(throttled('ky 2', second));
adapterContract(hooked('kyHooks of ky 1', ky1));
adapterContract(hooked('kyHooks of ky 2', second));
