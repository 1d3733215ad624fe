import ky1 from 'ky';
import ky2 from 'ky-2';
import { kyHooks, throttleKy } from 'sluice/ky';
import { adapterContract } from './contract/contract.ts';
import { respondingSubject, type Subject } from './contract/subject.ts';

const throttled = (name: string, ky: typeof ky1): Subject =>
  respondingSubject(
    name,
    (throttled, own = fetch) => {
      const plain = ky.create({ fetch: own });
      const send = throttled === undefined ? plain : throttleKy(plain, throttled.throttle, throttled.options);
      return (input, init) => send(input as Request, init as object);
    },
    { hasTimeout: true },
  );

const hooked = (name: string, ky: typeof ky1): Subject =>
  respondingSubject(
    name,
    (throttled, own = fetch) => {
      const { retry: _, ...options } = throttled?.options ?? {};
      // Ky's own retries wait for as long as it likes.
      const send = ky.create({
        fetch: own,
        retry: 0,
        ...(throttled && { hooks: kyHooks(throttled.throttle, options) }),
      });
      return (input, init) => send(input as Request, init as object);
    },
    { hasTimeout: true, repeats: 'nothing', holdsPlace: false },
  );

const second = ky2 as unknown as typeof ky1;
adapterContract(throttled('ky 1', ky1));
adapterContract(throttled('ky 2', second));
adapterContract(hooked('kyHooks of ky 1', ky1));
adapterContract(hooked('kyHooks of ky 2', second));
