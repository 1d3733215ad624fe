const brand = Symbol.for('sluice.error');

/**
 * Base class of every error that sluice creates. Errors of the task, the request or the signal pass through untouched.
 */
export class ThrottleError extends Error {
  override readonly name: string = 'ThrottleError';
}

// Marks the errors of every copy of this package, so that `isThrottleError` works where `instanceof` does not.
Object.defineProperty(ThrottleError.prototype, brand, { value: true });

/** The cost is above what a limit lets go at one instant, so the call could never pass. */
export class CostExceedsBurstError extends ThrottleError {
  override readonly name = 'CostExceedsBurstError' as const;
  constructor(
    /** Key of the bucket. */
    readonly key: string,
    /** The cost that was asked for, in calls of `limitName`. */
    readonly cost: number,
    /** The most that the limit lets go at one instant, in calls. */
    readonly burst: number,
    /** Name of the limit, if it has one. */
    readonly limitName?: string,
  ) {
    const limit = limitName === undefined ? 'its limit' : `its limit \`${limitName}\``;
    super(
      `A call of cost ${cost} on key ${shown(key)} can never pass: ${limit} lets at most ${burst} go at one instant.`,
    );
  }
}

/** The call would have to wait longer than its `maxWait`. Nothing was taken. */
export class WaitTooLongError extends ThrottleError {
  override readonly name = 'WaitTooLongError' as const;
  constructor(
    /** Key of the bucket. */
    readonly key: string,
    /** How long the call would have had to wait from its start, in ms; the best estimate at that moment. */
    readonly wait: number,
    /** When the call could have gone, in ms since the epoch. */
    readonly at: number,
    /** The longest it was allowed to wait, in ms. */
    readonly maxWait: number,
  ) {
    super(
      `A call on key ${shown(key)} would have to wait ${round(wait)} ms, longer than its maxWait of ${maxWait} ms.`,
    );
  }
}

/** `maxQueue` calls already wait on this key, and `whenFull` chose this call to be rejected. */
export class QueueFullError extends ThrottleError {
  override readonly name = 'QueueFullError' as const;
  constructor(
    /** Key of the bucket. */
    readonly key: string,
    /** The most calls that may wait on one key. */
    readonly maxQueue: number,
  ) {
    super(`Key ${shown(key)} has ${maxQueue} calls waiting, the most that maxQueue allows.`);
  }
}

/** The store failed and `onStoreError` is `'reject'`. The store's own error is the `cause`. */
export class StoreError extends ThrottleError {
  override readonly name = 'StoreError' as const;
  constructor(
    /** Name of the store. */
    readonly store: string,
    /** Key of the bucket. */
    readonly key: string,
    /** What went wrong, in the store's own words. */
    override readonly cause: unknown,
  ) {
    super(`Store ${store} failed for key ${shown(key)}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** The throttle was closed before the call could go, or before this operation. */
export class ClosedError extends ThrottleError {
  override readonly name = 'ClosedError' as const;
  constructor() {
    super('The throttle is closed.');
  }
}

/** Tells whether `error` was made by sluice, by this copy of the package or by another. */
export function isThrottleError(error: unknown): error is ThrottleError {
  return typeof error === 'object' && error !== null && brand in error;
}

const longestShown = 80;

/** A key as messages show it: between quotes, and shortened. */
export function shown(key: string): string {
  return `"${key.length > longestShown ? `${key.slice(0, longestShown)}… (${key.length} characters)` : key}"`;
}

const round = (ms: number): number => Math.ceil(ms * 1000) / 1000;
