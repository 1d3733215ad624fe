// The page: it calls the API with plain fetch, first as it is, then with the worker behind it.
import type { CallsMade } from '../../client-example.ts';
import type { Order } from './site.ts';

async function startWorker(): Promise<void> {
  const { serviceWorker } = navigator;
  const isInCharge = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve));
  await serviceWorker.register('/worker.js');
  if (serviceWorker.controller === null) await isInCharge;
}

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

for (const name of ['bare', 'throttled']) {
  const order: Order = await (await fetch('/order')).json();
  const failed = (error: unknown): CallsMade => ({ answered: 0, time: 0, odd: String(error) });
  const made = await (order.isThrottled ? startWorker() : Promise.resolve()).then(() => makeCalls(order)).catch(failed);
  const line = document.createElement('p');
  line.textContent = `${name}: ${made.answered} of ${order.calls} answered, in ${(made.time / 1000).toFixed(2)} s`;
  document.body.append(line);
  await fetch('/made', { method: 'POST', body: JSON.stringify(made) });
}
