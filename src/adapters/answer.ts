import { checkNumber, checkOptions, wrongType } from '../core/base/check.ts';
import { report } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import type { ServerSignal } from '../core/base/server-signal.ts';
import type { AdapterLink } from './link.ts';
import { readSignal } from './server-signal/read-signal.ts';
import { readingOf } from './server-signal/reading.ts';
import { presetFor } from './server-signal/vendors.ts';
import type { Dialect, ServerAnswer } from './server-signal.ts';

/** What all adapters take about the answers of a server. `Call` is what the adapter knows of one call before it is sent. */
export interface AnswerOptions<Call> {
  /**
   * What is peculiar to the API: see `sluice/presets` for those of well-known ones. One of your own that looks into bodies goes
   * through `completeDialect` of `sluice/presets`.
   * @default Retry-After, the IETF RateLimit fields and the X-RateLimit families are read
   */
  readonly dialect?: Dialect;
  /** Called with what each answer says about the quota, before the throttle acts on it. What it throws is reported and harms nobody. */
  readonly onSignal?: (signal: ServerSignal, call: Call) => void;
}

/** What of an answer is read. `body` only matters where the dialect looks into it. */
export type Answered = Pick<ServerAnswer, 'status' | 'headers' | 'body'>;

/** Checks what was given to an adapter, once, when it is attached. */
export function checkAnswerOptions<Call>({ dialect, onSignal }: AnswerOptions<Call>): void {
  if (dialect !== undefined) checkDialect(dialect);
  if (onSignal !== undefined && typeof onSignal !== 'function') wrongType('onSignal', 'a function', onSignal);
}

function checkDialect(dialect: Dialect): void {
  checkOptions('dialect', dialect);
  const { hints = {}, fields = {}, body = {}, refusals = [], leastPause = 1 } = dialect;
  for (const [name, value] of Object.entries({ hints, fields, body })) checkOptions(`dialect.${name}`, value);
  if (!Array.isArray(refusals)) wrongType('dialect.refusals', 'a list', refusals);
  checkNumber('dialect.leastPause', leastPause, { above: 0 });
  const marked = refusals.findIndex(({ body }) => body !== undefined);
  if (readingOf(dialect) === undefined && (marked >= 0 || dialect.body !== undefined))
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

/** Reads what one answer says about the quota. */
export function signalOf(
  { clock, maxPause }: AdapterLink,
  { dialect }: AnswerOptions<never>,
  answered: Answered,
): ServerSignal {
  const { status, headers, body } = answered;
  return readSignal({ status, headers, body, dialect, now: clock.now(), maxPause: Math.max(maxPause, 1) });
}

/**
 * Takes note of one answer, while its call still has its place: a refusal stops the key for everyone.
 * @param signal what the answer says, if it was read already
 * @returns what the answer says about the quota
 */
export function hear<Call>(
  link: AdapterLink,
  key: string,
  grant: Grant,
  options: AnswerOptions<Call>,
  call: Call,
  answered: Answered,
  signal: ServerSignal = signalOf(link, options, answered),
): ServerSignal {
  const { dialect, onSignal } = options;
  try {
    onSignal?.(signal, call);
  } catch (error) {
    report(error);
  }
  if (readingOf(dialect) === undefined) warnOfUnread(link, key, signal);
  link.listen(key, grant, signal, dialect?.leastPause);
  return signal;
}

/** The presets that were named, by throttle. */
const named = new WeakMap<AdapterLink, Set<string>>();

/** Warns once per throttle and vendor of a field that only a preset reads. */
function warnOfUnread(link: AdapterLink, key: string, { ignored }: ServerSignal): void {
  for (const field of ignored) {
    const preset = presetFor(field);
    const told = named.get(link) ?? new Set();
    if (preset === undefined || told.has(preset)) continue;
    named.set(link, told.add(preset));
    link.warn(key, `\`${field}\` is not read: pass \`dialect: ${preset}().dialect\`, from sluice/presets`);
  }
}
