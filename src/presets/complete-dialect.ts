import { fullReading } from '../adapters/full-reading.ts';
import { withReading } from '../adapters/server-signal/reading.ts';
import type { Dialect } from '../adapters/server-signal.ts';
import { checkOptions } from '../core/base/check.ts';

/**
 * Completes a dialect of your own with the code that reads bodies, the fields of vendors and dates in words, for
 * adapters. Adapters do not carry this code, so that only bundles that need it grow. The dialects of presets have it
 * already.
 * @returns a copy; the dialect itself stays as it is. Copies of the copy, by `{ ...dialect }`, have it too.
 * @throws TypeError if `dialect` is not an object
 * @example
 * import { completeDialect } from 'sluice/presets';
 *
 * const dialect = completeDialect({ refusals: [{ status: [200], body: ['errors.*.code', 'RATE_LIMITED'] }] });
 * const fetch = throttleFetch(throttle, { dialect });
 */
export function completeDialect(dialect: Dialect): Dialect {
  checkOptions('dialect', dialect);
  return withReading(dialect, fullReading);
}
