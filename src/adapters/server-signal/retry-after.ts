import { type Arrival, type Pause, readTime } from './retry-time.ts';

/** Retry-After and its relatives. */
const name = /^(?:x-(?:amz-|ms-)?)?(?:rate-?limit-)?retry-?after(?:-ms)?$/;
const inMs = /ms$|^x-amz/;

/** Whether a field is for `readRetryAfter`. */
export function isRetryAfterField(field: string): boolean {
  return name.test(field);
}

/**
 * Reads the end of the pause from Retry-After and its relatives: milliseconds if they agree with seconds, otherwise the
 * later.
 */
export function readRetryAfter(fields: ReadonlyMap<string, string>, arrival: Arrival): Pause | undefined {
  const times = [...fields]
    .filter(([field]) => isRetryAfterField(field))
    .flatMap(([field, text]) => readTime(field, text, arrival, inMs.test(field) ? 'delta-ms' : undefined) ?? [])
    .sort((a, b) => b.at - a.at);
  const [latest] = times;
  return times.find(({ field, at }) => inMs.test(field) && (latest?.at ?? 0) - at <= 1_000) ?? latest;
}
