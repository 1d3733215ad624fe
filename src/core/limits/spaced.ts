import { checkNumber, checkOptions } from '../base/check.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { checkLimit, type Limit, longest, withCommon } from './limit.ts';

// Calls one by one. The rule is about when calls leave, not when they arrive, so it has no margin for the network.

/**
 * Makes a limit of one call at a time, each at least `ms` after the previous one has left. Its margin is 0, so the
 * distance is exact, with adapters too. A call that leaves late moves the later ones. The first call after three
 * seconds without an answer counts from its own answer, because it may have to open a connection. A call with a cost
 * above 1 can never pass: beside limits with costs, give the cost by name.
 * @param ms above 0, at most 2^40 (34 years)
 * @throws TypeError, RangeError if `ms` is missing or out of range.
 * @example
 * spaced(250).interval //=> 250
 */
export function spaced(ms: number, options: Pick<Limit, 'name'> = {}): Limit {
  checkOptions('options', options);
  checkNumber('ms', ms, { above: 0, to: longest });
  return checkLimit(withCommon({ rate: 1, interval: ms }, { ...options, margin: 0 }), leakyBucket);
}
