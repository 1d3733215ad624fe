import type { ManualClock } from 'sluice/testing';

/** A number generator that gives the same numbers for the same seed (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface JitteryServer {
  readonly fetch: typeof fetch;
  /** When accepted calls arrived, on the clock's monotonic scale. */
  readonly accepted: number[];
  refused: number;
}

/**
 * A server in virtual time that takes at most `limit` calls in any window of `interval` ms, counted when they arrive: each call is
 * on its way for up to `jitter` ms.
 */
export function jitteryServer(
  clock: ManualClock,
  limit: number,
  interval: number,
  jitter: number,
  seed: number,
): JitteryServer {
  const random = numbersFrom(seed);
  const server: JitteryServer = {
    accepted: [],
    refused: 0,
    fetch: (async () => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, random() * jitter));
      const now = clock.monotonic();
      const recent = server.accepted.filter((at) => at > now - interval).length;
      if (recent >= limit) {
        server.refused++;
        return new Response(null, { status: 429, headers: { 'retry-after': '1' } });
      }
      server.accepted.push(now);
      return new Response('ok');
    }) as typeof fetch,
  };
  return server;
}
