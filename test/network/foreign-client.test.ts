import { type BucketStore, createThrottle, keyValueStore, quota, slidingWindow, throttleFetch } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { numbersFrom } from './jittery-server.ts';
import { type SharedServerOptions, sharedServer } from './shared-server.ts';

/** In ms, of the servers here. */
const longestRoundTrip = 80;
const seeds = Array.from({ length: Number(process.env.SLUICE_RUNS ?? 1) }, (_, seed) => seed + 1);

afterEach(() => void vi.restoreAllMocks());

/** Sends calls, all at once, by the numbers that the server documents, until all are answered. */
async function send(options: SharedServerOptions, limitOf: typeof quota | typeof slidingWindow, calls: number) {
  const { limit, interval, seed } = options;
  // Pauses without a time are spread at random: here the same in each run.
  vi.spyOn(Math, 'random').mockImplementation(numbersFrom(seed + 5_000));
  const clock = new ManualClock();
  const server = sharedServer(clock, options);
  const throttle = createThrottle({ limits: limitOf({ limit, interval }), clock });
  const fetch = throttleFetch(throttle, { fetch: server.fetch });
  const statuses: number[] = [];
  for (let call = 0; call < calls; call++)
    void fetch('https://api.example.com/').then(({ status }) => statuses.push(status));
  await clock.advance(0);
  let windows = 0;
  for (; statuses.length < calls; windows++) await clock.advance(interval);
  // What goes before the first answer knows nothing.
  const refusedAt = server.refusedAt.filter((at) => at > longestRoundTrip);
  return {
    windows,
    taken: statuses.filter((status) => status === 200).length,
    refused: server.refusedAt.length,
    mostInWindow: most(refusedAt, (at) => Math.floor(at / interval)),
    mostAtOnce: most(refusedAt, (at, before) => (at - before > longestRoundTrip ? at : undefined)),
  };
}

/** The most in a group of instants that one name was given to; undefined for that of the one before. */
function most(instants: readonly number[], name: (at: number, before: number) => number | undefined): number {
  const sizes = new Map<number, number>();
  let group = -Infinity;
  for (const [index, at] of instants.entries()) {
    group = name(at, instants[index - 1] ?? -Infinity) ?? group;
    sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  return Math.max(0, ...sizes.values());
}

const quotas = [
  [300, 60_000],
  [100, 10_000],
  [60, 60_000],
  [20, 1_000],
] as const;
const servers = (['fixed-window', 'sliding-window', 'token-bucket'] as const).flatMap((counts) =>
  (['steady', 'random'] as const).flatMap((foreign) =>
    quotas.flatMap(([limit, interval]) => seeds.map((seed) => ({ counts, foreign, limit, interval, seed }))),
  ),
);
const ways = [quota, slidingWindow];

/**
 * Whether nobody can know enough: calls that come at random, in windows of a second, may take what was left since the latest answer. A
 * rate that fits is found by refusals, so a few more are refused.
 */
const isUnforeseeable = ({ foreign, interval }: (typeof servers)[number]) => foreign === 'random' && interval === 1_000;

describe('beside another client that uses half of the quota', { timeout: 30_000 }, () => {
  describe.each(['ratelimit', 'x-ratelimit'] as const)('of a server that tells by %s', (tells) => {
    it.each(servers)(
      'at most one call a window change is refused, two where nobody can know: $counts of $limit per $interval ms, $foreign',
      async (one) => {
        for (const limitOf of ways) {
          const calls = 20 * one.limit;
          const { windows, taken, mostInWindow, mostAtOnce } = await send({ ...one, tells }, limitOf, calls);
          expect([windows >= 20, taken], limitOf.name).toEqual([true, calls]);
          // Once in 6,000 calls, where ends of a window that slides are told in whole seconds.
          const isRounded = tells === 'x-ratelimit' && one.counts === 'sliding-window' && one.foreign === 'random';
          const most = isUnforeseeable(one) || (isRounded && one.limit === 300) ? 2 : 1;
          expect(mostAtOnce, limitOf.name).toBeLessThanOrEqual(most);
          // The others change their windows with every call that grows old.
          if (one.counts === 'fixed-window') expect(mostInWindow, limitOf.name).toBeLessThanOrEqual(most);
        }
      },
    );
  });

  it.each(servers.filter(({ limit }) => limit <= 100))(
    'of a server that tells nothing under 2 percent are refused: $counts of $limit per $interval ms, $foreign',
    async (one) => {
      // All of a window at once meets a bucket that is half empty, before anybody can know: that counts once.
      const calls = Math.max(2_000, 40 * one.limit);
      for (const limitOf of ways) {
        const { taken, refused } = await send({ ...one, tells: 'nothing' }, limitOf, calls);
        expect(taken, limitOf.name).toBe(calls);
        expect(refused / calls, limitOf.name).toBeLessThan(isUnforeseeable(one) ? 0.03 : 0.02);
      }
    },
  );
});

describe('where nobody else uses the quota', () => {
  it.each(servers.filter(({ foreign, limit }) => foreign === 'steady' && limit >= 60))(
    'all of it is used, though the server tells what is left: $counts of $limit per $interval ms',
    async (one) => {
      const calls = 20 * one.limit;
      const { windows, refused } = await send({ ...one, foreign: 'none', tells: 'ratelimit' }, slidingWindow, calls);
      expect(refused).toBe(0);
      expect(calls / (windows * one.limit)).toBeGreaterThanOrEqual(0.95);
    },
  );
});

describe('after another client has used all of a quota once', { timeout: 30_000 }, () => {
  const stores: Readonly<Record<string, (clock: ManualClock) => (() => BucketStore) | undefined>> = {
    'one process': () => undefined,
    'two processes': (clock) => {
      const values = new Map<string, string>();
      const update = (key: string, change: (value: string | undefined) => string | undefined) => {
        const value = change(values.get(key));
        if (value !== undefined) values.set(key, value);
      };
      return () => keyValueStore({ name: 'values', update }, { clock });
    },
  };

  it.each(
    Object.keys(stores).flatMap((sharers) =>
      (['fixed-window', 'sliding-window'] as const).flatMap((counts) =>
        [...quotas.slice(1).map((one) => [...one, 0] as const), [20, 1_000, 5_000] as const].map(
          ([limit, interval, works]) => ({ sharers, counts, limit, interval, works }),
        ),
      ),
    ),
  )(
    '$sharers use the quota of a $counts again: $limit per $interval ms, answers after $works ms',
    async ({ sharers, ...one }) => {
      for (const limits of [slidingWindow(one), quota({ ...one, burst: 1 })]) {
        const clock = new ManualClock();
        const server = sharedServer(clock, { ...one, tells: 'ratelimit', foreign: 'once', seed: 1 });
        const storeOf = stores[sharers]?.(clock);
        const throttles = Array.from({ length: storeOf === undefined ? 1 : 2 }, () =>
          createThrottle({ limits, clock, ...(storeOf && { store: storeOf() }) }),
        );
        let isOver = false;
        for (const throttle of throttles) {
          const fetch = throttleFetch(throttle, { fetch: server.fetch });
          const next = (): void => {
            if (!isOver) void fetch('https://api.example.com/').then(next, next);
          };
          const most = one.limit * (1 + one.works / one.interval);
          for (let calls = 0; calls < most; calls++) next();
        }
        await clock.advance(20 * one.interval + 4 * one.works);
        const before = server.taken;
        await clock.advance(20 * one.interval);
        const used = (server.taken - before) / (20 * one.limit);
        isOver = true;
        for (const throttle of throttles) await throttle.close();
        expect(used, limits.kind).toBeGreaterThanOrEqual(0.93);
      }
    },
  );
});
