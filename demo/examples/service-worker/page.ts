// The page: it calls the API with plain fetch, first as it is, then with the worker behind it.
import type { CallsMade } from '../../client-example.ts';
import type { Order } from './site.ts';

async function startWorker(): Promise<void> {
  const { serviceWorker } = navigator;
  const isInCharge = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve));
  await serviceWorker.register('/worker.js');
  // The first page finds no worker, and one that was reloaded with Shift is left to none.
  const { active } = await serviceWorker.ready;
  active?.postMessage('claim');
  if (serviceWorker.controller === null) await isInCharge;
}

/** Fails after a while: a browser can be told to go past all workers. */
const tooLate = () =>
  new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('The service worker does not take this page over.')), 5_000);
  });

async function makeCalls({ url, calls }: Order): Promise<CallsMade> {
  const started = performance.now();
  const answers = Array.from({ length: calls }, (_, index) => fetch(`${url}/items/${index}`));
  const ends = await Promise.allSettled(answers);
  const time = performance.now() - started;
  const isAnswered = (end: PromiseSettledResult<Response>) => end.status === 'fulfilled' && end.value.ok;
  const odd = ends.find((end) => !isAnswered(end));
  return {
    answered: ends.filter(isAnswered).length,
    time,
    odd: odd && (odd.status === 'rejected' ? String(odd.reason) : `status ${odd.value.status}`),
  };
}

let order: Order;
do {
  order = await (await fetch('/order')).json();
  const failed = (error: unknown): CallsMade => ({ answered: 0, time: 0, odd: String(error) });
  const made = await (order.isThrottled ? Promise.race([startWorker(), tooLate()]) : Promise.resolve())
    .then(() => makeCalls(order))
    .catch(failed);
  const line = document.createElement('p');
  line.textContent = `${order.isThrottled ? 'throttled' : 'bare'}: ${made.answered} of ${order.calls} answered, in ${(made.time / 1000).toFixed(2)} s`;
  document.body.append(line);
  await fetch('/made', { method: 'POST', body: JSON.stringify(made) });
} while (!order.isThrottled);
