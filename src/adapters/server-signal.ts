import { fullReading } from './full-reading.ts';
import { namesInUse } from './server-signal/names-in-use.ts';
import { readSignal } from './server-signal/read-signal.ts';
import type { ServerAnswer, ServerSignal } from './server-signal/signal.ts';

export type { BodyQuota, Dialect, FieldMeaning, RefusalMark, TimeHint } from './server-signal/dialect.ts';
export type { HeaderSource, ServerAnswer } from './server-signal/signal.ts';

/**
 * Reads what an answer tells about the quota: Retry-After and its relatives, the IETF RateLimit fields of all drafts,
 * the X-RateLimit families and those of vendors. It needs no preset for any of them. It is pure and never throws.
 * Unreadable fields are treated as missing, `retryAt` is neither in the past nor further ahead than `maxPause`, and the
 * work is bounded.
 * @see docs/server-signals.md for what is read and how
 * @see RFC 9110 section 10.2.3, RFC 6585 section 4, draft-ietf-httpapi-ratelimit-headers
 * @example
 * const now = Date.UTC(2026, 0, 1);
 * readServerSignal({ status: 429, headers: { 'Retry-After': '120' }, now }).retryAt //=> Date.UTC(2026, 0, 1, 0, 2)
 */
export function readServerSignal(answer: ServerAnswer): ServerSignal {
  return readSignal(answer, fullReading, namesInUse);
}
