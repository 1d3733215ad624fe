import { readServerSignal } from 'sluice';
import { github, openai, shopify } from 'sluice/presets';
import { describe, expect, test } from 'vitest';
import { readSignal } from '../../src/adapters/server-signal/read-signal.ts';
import { patience } from '../core/bucket/bucket-history.ts';
import { anyAnswer, randomNumbers } from './random-answers.ts';

const answers = Number(process.env.SLUICE_RUNS ?? 50_000);
const now = Date.UTC(2026, 0, 1);
const maxPause = 65 * 60_000;
const dialects = [undefined, undefined, github().dialect, shopify().dialect, openai().dialect];

describe('a signal of random headers', { timeout: patience }, () => {
  test('never throws, and pauses neither into the past nor beyond maxPause', () => {
    const random = randomNumbers(1);
    let paused = 0;
    for (let run = 0; run < answers; run++) {
      const answer = { ...anyAnswer(random, now), dialect: dialects[run % dialects.length] };
      // Adapters read without what presets bring along, unless the dialect is one of theirs.
      const signal = run % 2 === 0 ? readServerSignal(answer) : readSignal(answer);
      const { retryAt, clamped } = signal;
      const isBroken =
        (retryAt !== undefined && !(retryAt > now && retryAt <= now + maxPause)) ||
        (clamped !== undefined && retryAt !== now + maxPause) ||
        (signal.throttled && answer.status === 200 && !answer.body) ||
        signal.buckets.length > 32 ||
        signal.buckets.some(
          ({ limit = 0, remaining = 0, window = 1, resetAt = now + 1, policyName = '' }) =>
            !(
              limit >= 0 &&
              remaining >= 0 &&
              window > 0 &&
              window < Infinity &&
              resetAt > now &&
              policyName.length <= 128
            ),
        );
      if (isBroken) expect.fail(JSON.stringify({ run, answer, signal }));
      if (retryAt !== undefined) paused++;
    }
    // Random texts that nothing can be read from would prove nothing.
    expect(paused / answers).toBeGreaterThan(0.1);
  });
});
