import { checkNumber, checkOptions, wrongType } from '../core/base/check.ts';
import type { Dialect } from './server-signal.ts';

/** @throws TypeError, RangeError if a dialect is not what it should be. */
export function checkDialect(dialect: Dialect): void {
  checkOptions('dialect', dialect);
  const { hints = {}, fields = {}, body = {}, refusals = [], leastPause = 1 } = dialect;
  for (const [name, value] of Object.entries({ hints, fields, body })) checkOptions(`dialect.${name}`, value);
  if (!Array.isArray(refusals)) wrongType('dialect.refusals', 'a list', refusals);
  checkNumber('dialect.leastPause', leastPause, { above: 0 });
}
