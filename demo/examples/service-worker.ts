// Service worker: a page's plain fetch waits in the worker. Open the address that this prints in a browser.
import { CALLS, compareCalls } from '../client-example.ts';
import { startSite } from './service-worker/site.ts';

const site = await startSite();
process.stdout.write(`Open ${site.url} in a browser.\n\n`);
await compareCalls('Service worker', { title: 'An item' }, (url, isThrottled) =>
  site.makeCalls({ url, calls: CALLS, isThrottled }),
);
await site.close();
