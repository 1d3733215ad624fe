import type { TimeHint } from './dialect.ts';
import { type Pause, pauseUntil } from './pause.ts';
import { type Arrival, type RetryTime, readTime } from './retry-time.ts';

const inSeconds = /^(?:x-)?(?:rate-?limit-)?retry-?after$/;
const inMs = /^(?:x-(?:ms-)?)?(?:rate-?limit-)?retry-?after-ms$|^x-amz-retry-after$/;

/** Retry-After and its relatives that are in use, for headers whose names cannot be listed. */
export const retryAfterFields: readonly string[] = [
  'retry-after',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  'x-amz-retry-after',
  'x-retry-after',
  'x-ratelimit-retry-after',
  'x-ratelimit-retryafter',
];

/** Whether a field is for `readRetryAfter`. */
export function isRetryAfterField(name: string): boolean {
  return inSeconds.test(name) || inMs.test(name);
}

interface Found extends RetryTime {
  readonly field: string;
}

/**
 * Reads until when Retry-After and its relatives want no call: milliseconds where they agree with seconds, else the later.
 * @param ignored takes the names of those that give no time to come
 */
export function readRetryAfter(
  fields: ReadonlyMap<string, string>,
  arrival: Arrival,
  hints: Readonly<Record<string, TimeHint>>,
  ignored: Set<string>,
): Pause | undefined {
  let seconds: Found | undefined;
  let ms: Found | undefined;
  for (const [field, text] of fields) {
    if (!isRetryAfterField(field)) continue;
    const isMs = inMs.test(field);
    const hint = Object.hasOwn(hints, field) ? hints[field] : isMs ? 'delta-ms' : undefined;
    const time = readTime(text, arrival, { hint });
    if (time === undefined) ignored.add(field);
    else if (isMs) ms = later(ms, { ...time, field });
    else seconds = later(seconds, { ...time, field });
  }
  const isRounded = ms !== undefined && seconds !== undefined && Math.abs(ms.at - seconds.at) <= 1_000;
  const found = isRounded ? ms : later(ms, seconds);
  return found && pauseUntil(found, found.field);
}

function later(one: Found | undefined, other: Found | undefined): Found | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.at > one.at ? other : one;
}
