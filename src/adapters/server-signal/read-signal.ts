import type { RefusalMark } from './dialect.ts';
import { familyName, readFamilies } from './families.ts';
import { fieldsIn } from './header-fields.ts';
import { clamp, pauseOf } from './pause.ts';
import { bindingOf, Quotas } from './quotas.ts';
import { type Reading, readingOf } from './reading.ts';
import { isRetryAfterField, readRetryAfter } from './retry-after.ts';
import { type Arrival, skewOf } from './retry-time.ts';
import type { ServerAnswer, ServerSignal } from './signal.ts';
import { presetFor } from './vendors.ts';

/** Statuses that some servers use for refusals. They mean something else unless the answer names a time. */
const maybeRefused: readonly number[] = [403, 418, 420, 430, 503, 509, 529];

const mostIgnored = 32;
const mostQuotas = 32;

/**
 * Reads what every adapter reads: Retry-After, the IETF RateLimit fields, the X-RateLimit families, and what the
 * dialect defines. Never throws.
 * @param reading what else to read, with any dialect
 * @param names the fields to ask for where names cannot be listed
 */
export function readSignal(
  answer: ServerAnswer,
  reading?: Reading,
  names: () => readonly string[] = () => ['date', 'retry-after'],
): ServerSignal {
  let status: unknown;
  try {
    ({ status } = answer);
    if (status !== 0 && Number.isFinite(answer.now)) return read(answer, names, reading ?? readingOf(answer.dialect));
  } catch {
    // Headers, bodies and dialects are foreign objects, which may throw.
  }
  return { ...nothing, throttled: status === 429 };
}

function read(
  { status, headers, now, dialect = {}, body, maxPause }: ServerAnswer,
  names: () => readonly string[],
  reading: Reading | undefined,
): ServerSignal {
  const { hints = {}, fields = {}, refusals = [] } = dialect;
  const ofDialect = [...Object.keys(fields), ...refusals.flatMap(({ header }) => header?.[0].toLowerCase() ?? [])];
  const ignored = new Set<string>();
  const isWanted = (name: string): boolean => {
    if (name === 'date' || name === 'age' || ofDialect.includes(name)) return true;
    // Most other names lack these words, so one test is enough for them.
    if (!name.includes('limit') && !name.includes('after')) return false;
    if (isRetryAfterField(name) || familyName.test(name) || reading?.meaningsOf(name, '') !== undefined) return true;
    if (presetFor(name)) ignored.add(name);
    return false;
  };
  const texts = fieldsIn(headers, () => [...names(), ...ofDialect], isWanted, ignored);
  const isMarked = refusals.some((mark) => holds(mark, status, texts, body, reading));
  const mayRefuse = status === 429 || maybeRefused.includes(status) || isMarked;
  const isSilent = texts.size === Number(texts.has('date')) && ignored.size === 0;
  if (isSilent && !mayRefuse && dialect.body === undefined) return nothing;

  const arrival: Arrival = { now, skew: skewOf(texts.get('date'), now, reading), reading, hints, ignored };
  const quotas = new Quotas(ignored);
  const inBody = dialect.body && reading?.quotaIn(body, dialect.body, now);
  if (inBody) quotas.draft('body', inBody.quota);
  // A cached answer describes another caller's quota.
  if (mayRefuse || !/^\s*0*[1-9]/.test(texts.get('age') ?? '')) readFamilies(texts, quotas, dialect, reading);
  const all = quotas.read(arrival, dialect.refills).slice(0, mostQuotas);
  const binding = bindingOf(all);

  const asked = mayRefuse ? readRetryAfter(texts, arrival) : undefined;
  const throttled = status === 429 || isMarked || (mayRefuse && (asked ?? pauseOf(binding, now, false)) !== undefined);
  const pause = asked ?? (isMarked ? inBody?.pause : undefined) ?? pauseOf(binding, now, throttled);
  return {
    throttled,
    ...binding?.bucket,
    ...(pause && clamp(pause, now, maxPause)),
    buckets: all.map(({ bucket }) => bucket),
    ignored: [...ignored].slice(0, mostIgnored),
  };
}

const nothing: ServerSignal = { throttled: false, buckets: [], ignored: [] };

/** Whether an answer matches a rule for refusals. A rule without members matches no answer. */
function holds(
  { status: statuses, header, body: place }: RefusalMark,
  status: number,
  texts: ReadonlyMap<string, string>,
  body: unknown,
  reading: Reading | undefined,
): boolean {
  return (
    (statuses ?? header ?? place) !== undefined &&
    statuses?.includes(status) !== false &&
    (header === undefined ||
      texts.get(header[0].toLowerCase())?.toLowerCase().includes(header[1].toLowerCase()) === true) &&
    (place === undefined || reading?.isMarked(body, place) === true)
  );
}
