// Run as a process of its own by fleet.ts, in Node or in Deno: takes from buckets that it shares with others.
import { createThrottle, type Limit, type Throttle, throttleFetch } from 'sluice';
import { contractOf, open, type Place } from './open.ts';

/** What a process has to do: prove the contract, reserve slots back to back, or send calls. */
export type Orders = Place &
  (
    | { readonly what: 'contract' }
    | { readonly what: 'reserve'; readonly limits: Limit; readonly calls: number }
    | {
        readonly what: 'send';
        readonly limits: Limit;
        readonly calls: number;
        readonly url: string;
        readonly name: string;
      }
  );

const orders = JSON.parse(process.argv[2] ?? '') as Orders;

if (orders.what === 'contract') {
  console.log(JSON.stringify(await contract()));
} else {
  const { store, close } = await open(orders);
  const throttle = createThrottle({ limits: orders.limits, store, onStoreError: 'reject' });
  await throttle.status('fleet');
  console.log('ready');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const results = orders.what === 'send' ? await send(throttle, orders) : await reserve(throttle, orders.calls);
  console.log(JSON.stringify(results));
  // To close would give the reservations back.
  if (orders.what === 'send') await throttle.close();
  await close();
}
process.exit();

/** What is wrong, by the name of the case; '' where nothing is. */
async function contract(): Promise<Record<string, string>> {
  const failures: Record<string, string> = {};
  for (const { name, run } of await contractOf(orders)) {
    failures[name] = await run().then(
      () => '',
      (error: unknown) => String((error as Error).stack),
    );
  }
  return failures;
}

/** The instants of slots that are taken one after the other. */
async function reserve(throttle: Throttle, calls: number): Promise<number[]> {
  const slots: number[] = [];
  while (slots.length < calls) slots.push((await throttle.reserve('fleet')).at);
  return slots;
}

async function send(throttle: Throttle, { url, name, calls }: { url: string; name: string; calls: number }) {
  const fetch = throttleFetch(throttle, { retry: 0, key: () => 'fleet' });
  const call = async () => (await fetch(url, { headers: { 'x-client': name } })).status;
  return Promise.all(Array.from({ length: calls }, call));
}
