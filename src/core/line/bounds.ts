import { checkNumber, checkOneOf } from '../base/check.ts';

/** Which call is rejected if one more than `maxQueue` waits on a key. */
export type WhenFull = 'reject' | 'drop-oldest' | 'drop-lowest';

const kinds: readonly WhenFull[] = ['reject', 'drop-oldest', 'drop-lowest'];

/** How many calls may be in flight and may wait, in this process. */
export interface Bounds {
  /** The most calls of a key in flight. */
  readonly concurrency: number;
  /** The most calls of all keys in flight. */
  readonly maxInFlight: number;
  /** The most calls that may wait per key. */
  readonly maxQueue: number;
  readonly whenFull: WhenFull;
}

/** Checks bounds. Undefined means no bound. */
export function checkBounds(options: { readonly [Name in keyof Bounds]?: Bounds[Name] | undefined }): Bounds {
  const { concurrency = Infinity, maxInFlight = Infinity, maxQueue = Infinity, whenFull = 'reject' } = options;
  const fromOne = { from: 1, whole: true, infinite: true };
  checkNumber('concurrency', concurrency, fromOne);
  checkNumber('maxInFlight', maxInFlight, fromOne);
  checkNumber('maxQueue', maxQueue, { ...fromOne, from: 0 });
  checkOneOf('whenFull', whenFull, kinds);
  return { concurrency, maxInFlight, maxQueue, whenFull };
}
