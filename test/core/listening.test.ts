import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { Events } from '../../src/core/events.ts';
import { planOf } from '../../src/core/limit.ts';
import { Listening, type ListeningHost } from '../../src/core/listening.ts';
import { Paces } from '../../src/core/pace.ts';
import type { ServerSignal } from '../../src/core/server-signal.ts';

const refused: ServerSignal = { throttled: true, clamped: false, buckets: [], ignored: [] } as never;

function setUp() {
  const clock = new ManualClock();
  const stops: number[] = [];
  const host: ListeningHost = {
    clock,
    events: new Events(),
    paces: new Paces(),
    maxPause: Infinity,
    plan: () => planOf({ rate: 1, interval: 1 }, 0),
    inFlight: () => 1,
    stop: (_key, ms) => void stops.push(ms),
    ceil: () => {},
    learn: () => {},
  };
  const listening = new Listening(host);
  const refuse = (key: string) => {
    listening.listen(key, clock.monotonic(), refused);
    return (stops.at(-1) as number) >= 2_000;
  };
  return { clock, refuse };
}

describe('refusals', () => {
  test('of a key that was not called again are forgotten after ten minutes, once there are many keys', async () => {
    const { clock, refuse } = setUp();
    expect([refuse('key'), refuse('key')]).toEqual([false, true]);
    await clock.advance(600_000);
    for (let other = 0; other < 999; other++) refuse(`${other}`);
    expect(refuse('key')).toBe(true);
    await clock.advance(600_000);
    for (let other = 1_000; other < 3_500; other++) refuse(`${other}`);
    expect(refuse('key')).toBe(false);
  });
});
