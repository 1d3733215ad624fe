import fc from 'fast-check';
import {
  createThrottle,
  memoryStore,
  slidingWindow,
  type Throttle,
  throttleAll,
  throttleCalls,
  throttleFetch,
} from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { slowStore } from '../sharing/slow-store.ts';

const url = 'https://api.example/';

const terms = fc.record({
  limit: fc.integer({ min: 2, max: 12 }),
  concurrency: fc.constantFrom(1, 2, Infinity),
  listens: fc.boolean(),
  store: fc.constantFrom('memory', 'memory', 'slow', 'uneven'),
});

const event = fc.record({
  at: fc.integer({ min: 0, max: 4_000 }),
  kind: fc.constantFrom(
    'fetch',
    'fetch',
    'fetch',
    'sdk',
    'run',
    'other way',
    'direct',
    'clear',
    'pause',
    'loosen',
    'close',
  ),
  count: fc.integer({ min: 1, max: 8 }),
  key: fc.integer({ min: 0, max: 2 }),
  which: fc.boolean(),
  priority: fc.integer({ min: 0, max: 1 }),
  ms: fc.constantFrom(0, 40, 400),
  abortsAfter: fc.constantFrom(undefined, undefined, 0, 1, 90, 1_500),
  refusals: fc.constantFrom(0, 0, 0, 1, 3),
  retryAfter: fc.constantFrom(undefined, '0', '1'),
});

type Terms = typeof terms extends fc.Arbitrary<infer T> ? T : never;

function makeThrottle({ limit, concurrency, store }: Terms, clock: ManualClock): Throttle {
  let asked = 0;
  const delays = { slow: () => 3, uneven: () => (asked++ % 4 === 0 ? 60 : 3) };
  return createThrottle({
    limits: slidingWindow({ limit, interval: 1_000 }),
    concurrency,
    clock,
    store: store === 'memory' ? memoryStore() : slowStore(memoryStore(), clock, delays[store as 'slow']).store,
  });
}

describe('adapters on several throttles, with refusals, aborts, pauses and a close', () => {
  test('all calls end, no place is lost, and each window is kept', async () => {
    await fc.assert(
      fc.asyncProperty(terms, terms, fc.array(event, { maxLength: 25 }), async (outer, inner, events) => {
        const clock = new ManualClock();
        const [customers, api] = [makeThrottle(outer, clock), makeThrottle(inner, clock)];
        const parts = [
          { throttle: customers, listens: outer.listens },
          { throttle: api, key: 'api', listens: inner.listens },
        ];
        const [both, reverse] = [throttleAll(parts), throttleAll([...parts].reverse())];
        const went = new Map<string, number[]>();
        const inFlight = new Map<string, number>();
        const exceeded: string[] = [];
        let open = 0;
        // Each refusal in a row doubles the pause.
        let refusalsLeft = 6;
        let closes = false;
        const visit = async (names: readonly string[], ms: number) => {
          for (const name of names) {
            went.set(name, [...(went.get(name) ?? []), clock.monotonic()]);
            inFlight.set(name, (inFlight.get(name) ?? 0) + 1);
            const { concurrency } = name === 'api' ? inner : outer;
            if ((inFlight.get(name) as number) > concurrency) exceeded.push(`${name} ${clock.monotonic()}`);
          }
          if (ms > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
          for (const name of names) inFlight.set(name, (inFlight.get(name) as number) - 1);
        };
        const start = ({
          kind,
          key: number,
          which,
          priority,
          ms,
          abortsAfter,
          refusals,
          retryAfter,
        }: (typeof events)[number]) => {
          const key = `${number}`;
          const throttle = which ? customers : api;
          const name = which ? key : 'api';
          if (kind === 'clear') return closes ? undefined : throttle.clear(name);
          if (kind === 'pause') return void throttle.pause(name, clock.now() + ms).catch(() => {});
          if (kind === 'loosen')
            return void throttle
              .setLimits(name, slidingWindow({ limit: (which ? outer : inner).limit, interval: 1_000 }))
              .catch(() => {});
          if (kind === 'close') {
            if (closes) return;
            closes = true;
            return void throttle.close().catch(() => {});
          }
          const controller = new AbortController();
          const { signal } = controller;
          if (abortsAfter !== undefined) clock.setTimeout(() => controller.abort(), abortsAfter);
          let left = refusals;
          const answer = async () => {
            // The client ends a call that is aborted in line: it is not sent.
            if (signal.aborted) throw signal.reason;
            await visit([key, 'api'], ms);
            const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
            return left-- > 0 && refusalsLeft-- > 0 ? new Response('', { status: 429, headers }) : new Response('ok');
          };
          const makers: Record<string, () => Promise<unknown>> = {
            fetch: () => throttleFetch(both, { key, priority, fetch: answer })(url, { signal }),
            sdk: () => throttleCalls(answer, both, { key, priority, retry: 1 })(),
            run: () => both.run(() => visit([key, 'api'], ms), { key, priority, signal }),
            'other way': () => reverse.run(() => visit([key, 'api'], ms), { key, priority, signal }),
            direct: () => throttle.run(() => visit([name], ms), { key: name, priority, signal }),
          };
          open++;
          void (makers[kind] as () => Promise<unknown>)()
            .catch(() => {})
            .then(() => open--);
        };
        for (const one of events)
          clock.setTimeout(() => {
            for (let index = 0; index < one.count; index++) start(one);
          }, one.at);
        await clock.advance(300_000);
        expect(open).toBe(0);
        expect(exceeded).toEqual([]);
        expect([...customers.keys(), ...api.keys()]).toEqual([]);
        for (const [name, instants] of went) {
          const { limit } = name === 'api' ? inner : outer;
          const most = Math.max(
            ...instants.map((from) => instants.filter((at) => at >= from && at < from + 1_000).length),
          );
          expect([name, most <= limit ? limit : most]).toEqual([name, limit]);
        }
      }),
      {
        numRuns: Number(process.env.SLUICE_RUNS ?? 200),
        ...(process.env.SLUICE_SEED && { seed: Number(process.env.SLUICE_SEED) }),
      },
    );
  });
});
