import { checkNumber, checkOptions } from '../base/check.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { checkLimit, type Limit, longest, withCommon } from './limit.ts';

// Calls one by one. It is about when calls leave, not about when they arrive, so it keeps nothing in hand for the network.

/**
 * Makes a limit of one call at a time, each at least `ms` after the one before has left: exactly so many ms with adapters too, as its
 * margin is 0, and a call that leaves late moves the later ones. The first call after three seconds without an answer counts from its own
 * answer, as it may have to open a connection. A call of a cost above 1 can never pass: beside limits with costs, name those.
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
