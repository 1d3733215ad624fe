import {
  checkFunction,
  checkMethods,
  checkNumber,
  checkOptions,
  hasMethods,
  outOfRange,
  wrongType,
} from '../base/check.ts';
import type { Grant } from '../base/grant.ts';
import type { Cost } from '../limits/cost.ts';
import { MapWalk } from './map-walk.ts';
import type { Throttle } from './throttle.ts';

/** What the task of `throttledMap` gets besides the item and its grant. */
export interface MapContext {
  /** Aborts when the loop ends: at `break`, at an error, or with the caller's signal. */
  readonly signal: AbortSignal;
}

/** What `throttledMap` takes besides the source and the task. */
export interface ThrottledMapOptions<Item, Result> {
  /**
   * Names the bucket, or tells it from the item.
   * @default 'default'
   */
  readonly key?: string | ((item: Item) => string);
  /**
   * What a call counts as, or tells it from the item.
   * @default 1
   */
  readonly cost?: Cost | ((item: Item) => Cost);
  /**
   * As in `wait`, or tells it from the item. It passes calls that wait, not items that are still in the source.
   * @default 0
   */
  readonly priority?: number | ((item: Item) => number);
  /**
   * The most calls that wait for their turn or are on their way. Below calls per second times seconds per call, part of the quota
   * stays unused. A whole number of at least 1. With the results that nobody has read yet there are at most 10 more.
   * @default 90
   */
  readonly concurrency?: number;
  /** Ends the loop with the signal's own reason as soon as it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Reads the true cost from the result, as in `run`. */
  readonly settle?: (result: Result) => Cost | undefined;
  /**
   * Whether results come in the order of the source, or each as soon as it is there.
   * @default true
   */
  readonly ordered?: boolean;
  /**
   * What the first error does: `'stop'` ends the loop with it; `'continue'` goes on, and the loop gets outcomes.
   * @default 'stop'
   */
  readonly onError?: 'stop' | 'continue';
}

/** What `throttledMap` does with each item. */
export type MapTask<Item, Result> = (item: Item, grant: Grant, context: MapContext) => Result | PromiseLike<Result>;

/** What became of an item: what `Promise.allSettled` tells, and the item. */
export type MapOutcome<Item, Result> = PromiseSettledResult<Result> & { readonly item: Item };

/**
 * Runs a task for each item of a source, each when its turn comes, and hands the results out. It takes an item when its turn is near:
 * at most 16 wait per key, and by default at most 100 are taken and not handed out, so that a source of any length needs little memory.
 * Results that nobody reads stop it. It begins with the first result that is asked for. An item waits as long as it has to,
 * whatever the throttle's `maxWait`.
 *
 * At `break` it closes the source and takes back what waits; tasks on their way see their signal abort. At the first error of a
 * task it takes nothing more and takes back what waits, hands out what comes before that item, closes the source and throws. An
 * error of the source comes after the results of all items before it, and so does the `ClosedError` of a throttle that was closed. It does not wait for a source that still looks for an item.
 * @param source an iterable or async iterable; it is read once
 * @param task gets the item, its grant and a signal; what it returns is the result
 * @throws the first error of a task, of the source or of the throttle; the signal's own reason if it aborts; TypeError, RangeError for
 * a wrong argument
 * @example
 * function* numbers() {
 *   for (let number = 1; number <= 500_000; number++) yield number;
 * }
 * for await (const square of throttledMap(throttle, numbers(), async (number) => number ** 2)) {
 *   if (square > 100) break;
 * }
 */
export function throttledMap<Item, Result>(
  throttle: Pick<Throttle, 'run'>,
  source: Iterable<Item> | AsyncIterable<Item>,
  task: MapTask<Item, Result>,
  options: ThrottledMapOptions<Item, Result> & { readonly onError: 'continue' },
): AsyncGenerator<MapOutcome<Item, Result>, void, undefined>;
export function throttledMap<Item, Result>(
  throttle: Pick<Throttle, 'run'>,
  source: Iterable<Item> | AsyncIterable<Item>,
  task: MapTask<Item, Result>,
  options?: ThrottledMapOptions<Item, Result> & { readonly onError?: 'stop' },
): AsyncGenerator<Result, void, undefined>;
export function throttledMap<Item, Result>(
  throttle: Pick<Throttle, 'run'>,
  source: Iterable<Item> | AsyncIterable<Item>,
  task: MapTask<Item, Result>,
  options: ThrottledMapOptions<Item, Result> = {},
): AsyncGenerator<Result | MapOutcome<Item, Result>, void, undefined> {
  checkMethods('throttle', throttle, ['run']);
  checkFunction('task', task);
  checkOptions('options', options);
  const { concurrency = 90, onError = 'stop', ordered: isOrdered = true, settle, signal } = options;
  checkNumber('concurrency', concurrency, { from: 1, whole: true });
  if (onError !== 'stop' && onError !== 'continue') outOfRange('onError', "'stop' or 'continue'", onError);
  if (settle !== undefined) checkFunction('settle', settle);
  if (signal !== undefined) checkMethods('signal', signal, ['addEventListener', 'removeEventListener']);
  const isAsync = hasMethods(source, Symbol.asyncIterator);
  if (!isAsync && !hasMethods(source, Symbol.iterator)) wrongType('source', 'an iterable or async iterable', source);
  const iterator = isAsync
    ? (source as AsyncIterable<Item>)[Symbol.asyncIterator]()
    : (source as Iterable<Item>)[Symbol.iterator]();
  return new MapWalk({ throttle, task, options, concurrency, isOrdered, isAsync }, iterator).results();
}
