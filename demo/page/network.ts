import { type ApiArrival, readPath, SimulatedApi, settingsToText } from '../servers/simulated-api.ts';
import { type Setup, settingsOf } from './setup.ts';

/** Which calls: those without sluice, or those with it. */
export type Line = 'plain' | 'throttled';

/** How the page reaches its server. */
export interface Network {
  /** `worker`: a service worker for all tabs. `page`: this tab alone, where there is no worker. `local`: a process of this machine. */
  readonly kind: 'worker' | 'page' | 'local';
  readonly fetch: typeof fetch;
  /** Where calls go, with a slash at the end. */
  base(line: Line, setup: Setup, tab: number): string;
  /** What the server has counted since an instant. */
  log(line: Line, setup: Setup, since: number): Promise<readonly ApiArrival[]>;
}

/** Finds the server: a local one if the page came from it, else a service worker, else the page itself. */
export async function openNetwork(): Promise<Network> {
  const local = document.querySelector<HTMLMetaElement>('meta[name="sluice-servers"]');
  if (local !== null) {
    const [plain, throttled] = local.content.split(' ') as [string, string];
    return networkOf('local', fetch, (line) => (line === 'plain' ? plain : throttled));
  }
  const own = new URL('api/', document.baseURI).href;
  if (await startWorker()) return networkOf('worker', fetch, () => own);
  return networkOf('page', answeredHere(own), () => own);
}

function networkOf(kind: Network['kind'], send: typeof fetch, root: (line: Line) => string): Network {
  const settings = (setup: Setup) => encodeURIComponent(settingsToText(settingsOf(setup)));
  return {
    kind,
    fetch: send,
    base: (line, setup, tab) => `${root(line)}${line}/${tab}/${settings(setup)}/`,
    log: async (line, setup, since) => (await send(`${root(line)}log/${line}/${since}/${settings(setup)}`)).json(),
  };
}

/** @returns whether a worker is in charge of this page */
async function startWorker(): Promise<boolean> {
  const { serviceWorker } = navigator;
  if (serviceWorker === undefined) return false;
  try {
    const isInCharge = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve));
    await serviceWorker.register(new URL('worker.js', document.baseURI));
    const { active } = await serviceWorker.ready;
    if (serviceWorker.controller === null) {
      active?.postMessage('claim');
      await Promise.race([isInCharge, new Promise((resolve) => setTimeout(resolve, 3_000))]);
    }
    return serviceWorker.controller !== null;
  } catch {
    // Private windows of some browsers have none.
    return false;
  }
}

function answeredHere(base: string): typeof fetch {
  const api = new SimulatedApi();
  return async (input, init) => {
    const request = new Request(input, init);
    const asked = readPath(request.url.slice(base.length));
    if (asked === undefined) return fetch(request);
    const aborted = new Promise<never>((_, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
    });
    const { status, headers, body } = await Promise.race([api.answer(asked), aborted]);
    return Response.json(body, { status, headers });
  };
}
