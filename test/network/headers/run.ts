import {
  type BucketStore,
  createThrottle,
  type Dialect,
  keyValueStore,
  type Limit,
  type Throttle,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { type TellingServer, type TellingServerOptions, tellingServer } from './telling-server.ts';

/** Where the buckets of several clients live: in tabs, which hear of each other, or in processes, which do not. */
export type Sharing = 'tabs' | 'processes';

export interface Setting {
  readonly server: TellingServerOptions;
  readonly limits: Limit | readonly Limit[] | 'server';
  readonly dialect?: Dialect | undefined;
  readonly concurrency?: number | undefined;
  readonly maxPause?: number | undefined;
  /** What each call counts as. Default: what it takes of the server's quotas. */
  readonly cost?: number | Readonly<Record<string, number>> | undefined;
  /** Default: 1, with a store of its own. */
  readonly clients?: number;
  readonly sharing?: Sharing | undefined;
  /** The calls of each client, all at once. */
  readonly calls: number;
  /** Ends the run after this many ms; what waits then is dropped. Default: when all calls are answered. */
  readonly duration?: number;
  /** Where in a second of the wall clock the run begins, in ms. */
  readonly phase: number;
}

/** What a run showed. Instants in ms from its begin. */
export interface Run {
  readonly server: TellingServer;
  readonly accepted: readonly number[];
  readonly refused: readonly number[];
  /** When the last accepted call arrived; Infinity if not all calls were answered in time. */
  readonly end: number;
}

const url = 'https://api.example.com/';
/** A long time for any run here: who needs more stands still. */
const longest = 600_000;
/** What a shared store takes for an answer, and its news from one tab to another, in ms. */
const answerTakes = 1;
const newsTake = 3;
/** Clients begin one after the other, in ms. */
const clientsApart = 7;

/** A store for each client over the same values. */
function sharedStores(clock: ManualClock, sharing: Sharing): () => BucketStore {
  const values = new Map<string, unknown>();
  const tabs = new Set<(key?: string) => void>();
  const after = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  let turn = Promise.resolve();
  return () => {
    let own: ((key?: string) => void) | undefined;
    const update = (key: string, change: (value: unknown) => unknown) => {
      turn = turn.then(async () => {
        await after(answerTakes);
        values.set(key, change(values.get(key)));
      });
      return turn;
    };
    if (sharing === 'processes') return keyValueStore({ name: 'values', update }, { clock });
    return keyValueStore(
      {
        name: 'values with news',
        update,
        announce: (key) => {
          clock.setTimeout(() => {
            for (const tab of tabs) if (tab !== own) tab(key);
          }, newsTake);
        },
        watch: (listener) => {
          own = listener;
          tabs.add(listener);
          return () => tabs.delete(listener);
        },
      },
      { clock },
    );
  };
}

/** Sends calls through real throttles to a server in virtual time. What is refused is sent again until it is taken. */
export async function run(setting: Setting): Promise<Run> {
  const { limits, clients = 1, sharing, calls, duration = longest, phase } = setting;
  const { dialect, concurrency, maxPause, cost = setting.server.cost } = setting;
  const clock = new ManualClock({ now: Date.UTC(2026, 0, 1) + phase });
  const server = tellingServer(clock, setting.server);
  const storeOf = sharing === undefined ? undefined : sharedStores(clock, sharing);
  let answered = 0;
  let isOver = false;
  let failure: unknown;
  const throttles: Throttle[] = [];
  const begin = (client: number) => {
    const store = storeOf?.();
    const throttle = createThrottle({
      limits,
      clock,
      ...(store && { store }),
      ...(concurrency !== undefined && { concurrency }),
      ...(maxPause !== undefined && { maxPause }),
    });
    throttles.push(throttle);
    const fetch = throttleFetch(throttle, {
      fetch: server.fetchOf(client),
      retry: Number.POSITIVE_INFINITY,
      ...(cost !== undefined && { cost }),
      ...(dialect && { dialect }),
    });
    for (let call = 0; call < calls; call++)
      void fetch(url).then(
        () => answered++,
        (error: unknown) => {
          if (!isOver) failure ??= error;
        },
      );
  };
  for (let client = 0; client < clients; client++) clock.setTimeout(() => begin(client), client * clientsApart);
  const step = Math.max(500, duration / 1_200);
  for (let now = 0; now < duration && answered < calls * clients && failure === undefined; now += step)
    await clock.advance(step);
  isOver = true;
  for (const throttle of throttles) void throttle.close().catch(() => undefined);
  if (failure !== undefined) throw failure;
  const timesOf = (accepted: boolean) => server.seen.filter((one) => one.accepted === accepted).map(({ at }) => at);
  const accepted = timesOf(true);
  const end = answered === calls * clients ? (accepted.at(-1) ?? 0) : Number.POSITIVE_INFINITY;
  return { server, accepted, refused: timesOf(false), end };
}
