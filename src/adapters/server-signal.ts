import { hasMark, readBody } from './server-signal/body.ts';
import type { Dialect } from './server-signal/dialect.ts';
import { Fields } from './server-signal/header-fields.ts';
import { clamp, pauseWhenRefused, pauseWhenUsedUp } from './server-signal/pause.ts';
import { isQuotaField, readQuotaFields } from './server-signal/quota-fields.ts';
import { bindingOf, Quotas } from './server-signal/quotas.ts';
import { isRateLimitField, readRateLimitFields } from './server-signal/rate-limit-fields.ts';
import { isRetryAfterField, readRetryAfter } from './server-signal/retry-after.ts';
import { arrivalOf } from './server-signal/retry-time.ts';
import type { ServerAnswer, ServerSignal } from './server-signal/signal.ts';

export type { BodyQuota, Dialect, FieldMeaning, RefusalMark, TimeHint } from './server-signal/dialect.ts';
export type { HeaderSource, ServerAnswer } from './server-signal/signal.ts';

/** Statuses that some servers refuse with, and that mean something else unless the answer says when to come back. */
const maybeRefused: readonly number[] = [403, 418, 420, 430, 503, 509, 529];

const mostIgnored = 32;
const mostQuotas = 32;

/**
 * Reads what an answer says about the quota: Retry-After and its relatives, the IETF RateLimit fields of all drafts, the
 * X-RateLimit families and those of vendors. Pure, and never throws, whatever the headers: what cannot be read is as if it were
 * not there, `retryAt` is neither in the past nor further ahead than `maxPause`, and the work is bounded.
 * @see docs/server-signals.md for what is read and how
 * @see RFC 9110 section 10.2.3, RFC 6585 section 4, draft-ietf-httpapi-ratelimit-headers
 * @example
 * const now = Date.UTC(2026, 0, 1);
 * readServerSignal({ status: 429, headers: { 'Retry-After': '120' }, now }).retryAt //=> Date.UTC(2026, 0, 1, 0, 2)
 */
export function readServerSignal(answer: ServerAnswer): ServerSignal {
  try {
    const { status, now } = answer;
    if (status === 0 || !Number.isFinite(now)) return { ...nothing, throttled: status === 429 };
    return read(answer);
  } catch {
    // Headers, bodies and dialects are objects of others.
    return { ...nothing, throttled: statusOf(answer) === 429 };
  }
}

const nothing = { throttled: false, buckets: [], ignored: [] } as const satisfies ServerSignal;

function statusOf(answer: ServerAnswer): unknown {
  try {
    return answer.status;
  } catch {
    return undefined;
  }
}

function read({ status, headers, now, dialect = {}, body, maxPause }: ServerAnswer): ServerSignal {
  const fields = new Fields(headers, wantedBy(dialect), dialect);
  const { hints = {}, refusals } = dialect;
  const isMarked = refusals !== undefined && hasMark(refusals, status, fields.texts, body);
  const mayRefuse = status === 429 || maybeRefused.includes(status) || isMarked;
  if (!mayRefuse && dialect.body === undefined && fields.isSilent) return nothing;
  const { texts } = fields;
  const arrival = arrivalOf(texts.get('date'), now);
  const ignored = new Set(fields.tooLong);

  const quotas = new Quotas(ignored);
  // What comes from a cache was true for somebody else.
  if (mayRefuse || !isStored(texts)) {
    readQuotaFields(texts, quotas, dialect.fields ?? {});
    readRateLimitFields(texts, quotas);
  }
  const inBody = dialect.body && readBody(body, dialect.body, arrival);
  const all = [...(inBody ? [inBody.quota] : []), ...quotas.read(arrival, dialect)].slice(0, mostQuotas);
  const binding = bindingOf(all, inBody?.quota);

  const asked = mayRefuse ? readRetryAfter(texts, arrival, hints, ignored) : undefined;
  const usedUp = pauseWhenUsedUp(binding, now);
  const throttled = status === 429 || isMarked || (mayRefuse && (asked ?? usedUp) !== undefined);
  const pause = throttled
    ? (asked ?? (isMarked ? inBody?.pause : undefined) ?? pauseWhenRefused(binding, now))
    : usedUp;
  return {
    throttled,
    ...binding?.bucket,
    ...(pause && clamp(pause, now, maxPause)),
    buckets: all.map(({ bucket }) => bucket),
    ignored: [...ignored].slice(0, mostIgnored),
  };
}

function isStored(texts: ReadonlyMap<string, string>): boolean {
  return Number(/^\s*(\d{1,15})/.exec(texts.get('age') ?? '')?.[1] ?? 0) > 0;
}

/** Picks the fields that are worth taking out of the headers. */
function wantedBy({ fields, refusals = [] }: Dialect): (name: string) => boolean {
  if (fields === undefined && refusals.length === 0) return isCommonField;
  const special = new Set(Object.keys(fields ?? {}));
  for (const { header } of refusals) if (header !== undefined) special.add(header[0].toLowerCase());
  return (name) => isCommonField(name) || special.has(name);
}

/** All but two have one of two words in their names, so that the many that are none of ours are told at once. */
function isCommonField(name: string): boolean {
  if (name.includes('limit') || name.includes('after'))
    return isRetryAfterField(name) || isRateLimitField(name) || isQuotaField(name);
  return name === 'date' || name === 'age';
}
