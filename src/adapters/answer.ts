import { checkNumber, checkOptions, wrongType } from '../core/base/check.ts';
import { report } from '../core/base/events.ts';
import type { Grant } from '../core/base/grant.ts';
import type { ServerSignal } from '../core/base/server-signal.ts';
import type { AdapterLink } from './link.ts';
import { type Dialect, readServerSignal, type ServerAnswer } from './server-signal.ts';

/** What all adapters take about the answers of a server. `Call` is what the adapter knows of one call before it is sent. */
export interface AnswerOptions<Call> {
  /**
   * What is peculiar to the API: see `sluice/presets` for those of well-known ones.
   * @default what is common to all
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
  return readServerSignal({ status, headers, body, dialect, now: clock.now(), maxPause: Math.max(maxPause, 1) });
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
  link.listen(key, grant, signal, dialect?.leastPause);
  return signal;
}
