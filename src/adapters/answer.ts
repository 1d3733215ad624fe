import { checkNumber, checkOptions, wrongType } from '../core/base/check.ts';
import { report } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import type { ServerSignal } from '../core/base/server-signal.ts';
import type { Link } from './link.ts';
import { readSignal } from './server-signal/read-signal.ts';
import { readingOf } from './server-signal/reading.ts';
import { presetFor } from './server-signal/vendors.ts';
import type { Dialect, ServerAnswer } from './server-signal.ts';

/**
 * Options of all adapters about the answers of a server. `Call` is what the adapter knows about one call before it is
 * sent.
 */
export interface AnswerOptions<Call> {
  /**
   * What is special about the API: `sluice/presets` has the dialects of well-known APIs. If your own dialect looks into
   * bodies, pass it through `completeDialect` of `sluice/presets`.
   * @default Retry-After, the IETF RateLimit fields and the X-RateLimit families are read
   */
  readonly dialect?: Dialect;
  /**
   * Called with what each answer tells about the quota, before the throttle acts on it. An error that it throws is
   * reported and does not affect the call.
   */
  readonly onSignal?: (signal: ServerSignal, call: Call) => void;
}

/**
 * The parts of an answer that are read. `body` matters only if the dialect looks into it, `type` only if a browser
 * hides fields.
 */
export type Answered = Pick<ServerAnswer, 'status' | 'headers' | 'body'> & { readonly type?: unknown };

/** Checks a dialect, once, when it is given to an adapter. */
export function checkDialect(dialect: Dialect): void {
  checkOptions('dialect', dialect);
  const { hints = {}, fields = {}, body = {}, refusals = [], leastPause = 1 } = dialect;
  for (const [name, value] of Object.entries({ hints, fields, body })) checkOptions(`dialect.${name}`, value);
  if (!Array.isArray(refusals)) wrongType('dialect.refusals', 'a list', refusals);
  checkNumber('dialect.leastPause', leastPause, { above: 0 });
  if (readingOf(dialect) !== undefined || !looksIntoBody({ dialect })) return;
  const marked = refusals.findIndex(({ body }) => body !== undefined);
  wrongType(
    marked >= 0 ? `dialect.refusals[${marked}].body` : 'dialect.body',
    'completed by `completeDialect` from sluice/presets, which reads bodies',
    refusals[marked]?.body ?? body,
  );
}

/** Whether the dialect looks into the body of answers. */
export function looksIntoBody({ dialect }: AnswerOptions<never>): boolean {
  return dialect?.body !== undefined || dialect?.refusals?.some(({ body }) => body !== undefined) === true;
}

/** Reads what one answer tells about the quota. */
export function signalOf(
  { clock, maxPause }: Link,
  { dialect }: AnswerOptions<never>,
  answered: Answered,
): ServerSignal {
  const { status, headers, body } = answered;
  return readSignal({ status, headers, body, dialect, now: clock.now(), maxPause: Math.max(maxPause, 1) });
}

/**
 * Acts on one answer, while its call still has its place: a refusal pauses the key for all sharers.
 * @param signal the signal of the answer, if it was read already
 * @returns what the answer tells about the quota
 */
export function hear<Call>(
  link: Link,
  key: string,
  grant: Grant,
  options: AnswerOptions<Call>,
  call: Call,
  answered: Answered,
  signal: ServerSignal = signalOf(link, options, answered),
): ServerSignal {
  try {
    options.onSignal?.(signal, call);
  } catch (error) {
    report(error);
  }
  warnOfUnread(link, key, options, answered, signal);
  link.listen(key, grant, signal, options.dialect?.leastPause);
  return signal;
}

/** Warns of fields that only a preset reads, and of a refusal with a time that the browser hides from the page. */
function warnOfUnread(
  link: Link,
  key: string,
  { dialect }: AnswerOptions<never>,
  { type }: Answered,
  { throttled, retryAt, ignored }: ServerSignal,
): void {
  for (const field of ignored) {
    const preset = readingOf(dialect) === undefined && presetFor(field);
    if (preset)
      link.warn(preset, key, `\`${field}\` is not read: pass \`dialect: ${preset}().dialect\`, from sluice/presets`);
  }
  if (type === 'cors' && throttled && retryAt === undefined && !ignored.includes('retry-after'))
    link.warn(
      `cors ${key}`,
      key,
      'a refusal names no time: the server may lack `Access-Control-Expose-Headers: Retry-After`',
    );
}
