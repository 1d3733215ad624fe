import { createThrottle, perSecond, type ThrottleCallsOptions, type ThrottleOptions, throttleCalls } from 'sluice';
import { completeDialect } from 'sluice/presets';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { watch } from './fake-fetch.ts';

const T = 1000;
const told = { status: 200, headers: new Headers({ 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '59' }) };
const untold = { status: 200, headers: new Headers({ 'content-type': 'text/plain' }) };

/** Calls what gives or throws these one after the other, and gives the messages of warnings. */
async function warningsOf(
  outcomes: readonly unknown[],
  limits: ThrottleOptions['limits'] = 'server',
  options: ThrottleCallsOptions<(index: number) => Promise<unknown>> = {},
): Promise<string[]> {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits, clock });
  const messages: string[] = [];
  throttle.on('warning', ({ key, message }) => messages.push(`${key}: ${message}`));
  const call = throttleCalls(
    async (index: number) => {
      const outcome = outcomes[index];
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    throttle,
    options,
  );
  for (const index of outcomes.keys()) watch(call(index));
  await clock.advance(60 * T);
  return messages;
}

const times = (count: number, outcome: unknown): unknown[] => Array<unknown>(count).fill(outcome);

describe('limits from the server, and a method that gives no headers', () => {
  it('are warned of once, after ten answers', async () => {
    expect(await warningsOf(times(9, { id: 1 }))).toEqual([]);
    expect(await warningsOf(times(30, { id: 1 }))).toEqual([
      "default: `limits: 'server'` learns from headers, and 10 answers in a row came without: write limits, or throttle the client's fetch",
    ]);
    expect(await warningsOf(times(30, 'text'))).toHaveLength(1);
  });

  it.each<[string, readonly unknown[]]>([
    ['where an answer among them has headers', [...times(9, {}), told, ...times(9, {}), untold, ...times(9, {})]],
    ['of errors, which may never have come from the server', times(30, new Error('no network'))],
  ])('are not warned of %s', async (_, outcomes) => expect(await warningsOf(outcomes)).toEqual([]));

  it('are not warned of where a dialect reads the bodies', async () => {
    const dialect = completeDialect({ body: { limit: 'quota.max', remaining: 'quota.left' } });
    const answers = times(30, { quota: { max: 60, left: 59 } });
    expect(await warningsOf(answers, 'server', { dialect })).toEqual([]);
  });
});

it('a method without headers causes no warning if limits are written', async () => {
  expect(await warningsOf(times(30, { id: 1 }), perSecond(10))).toEqual([]);
});
