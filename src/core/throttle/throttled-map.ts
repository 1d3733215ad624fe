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

/** The third argument of the task of `throttledMap`. */
export interface MapContext {
  /** Aborts when the loop ends: at `break`, at an error, or with the caller's signal. */
  readonly signal: AbortSignal;
}

/** Options of `throttledMap`. */
export interface ThrottledMapOptions<Item, Result> {
  /**
   * Names the bucket: a text, or a function of the item.
   * @default 'default'
   */
  readonly key?: string | ((item: Item) => string);
  /**
   * The cost of a call, or a function of the item.
   * @default 1
   */
  readonly cost?: Cost | ((item: Item) => Cost);
  /**
   * The priority as in `wait`, or a function of the item. It lets a call pass waiting calls, but not items that are
   * still in the source.
   * @default 0
   */
  readonly priority?: number | ((item: Item) => number);
  /**
   * The most calls that wait for their turn or are in flight. If it is below calls per second times seconds per call,
   * part of the quota stays unused. A whole number of at least 1. At most 10 more items are held for unread results.
   * @default 90
   */
  readonly concurrency?: number;
  /** Ends the loop when it aborts, with the signal's own reason. */
  readonly signal?: AbortSignal | undefined;
  /** Reads the true cost from the result, as in `run`. */
  readonly settle?: (result: Result) => Cost | undefined;
  /**
   * Whether results come in the order of the source, or each as soon as it is ready.
   * @default true
   */
  readonly ordered?: boolean;
  /**
   * What the first error does: `'stop'` ends the loop with it; `'continue'` goes on, and the loop gets outcomes.
   * @default 'stop'
   */
  readonly onError?: 'stop' | 'continue';
}

/** The task of `throttledMap` for each item. */
export type MapTask<Item, Result> = (item: Item, grant: Grant, context: MapContext) => Result | PromiseLike<Result>;

/** The outcome of an item: as in `Promise.allSettled`, with the item. */
export type MapOutcome<Item, Result> = PromiseSettledResult<Result> & { readonly item: Item };

/**
 * Runs a task for each item of a source when its turn comes, and yields the results. It takes an item only when its
 * turn is near: at most 16 wait per key, and by default at most 100 are taken and not yielded, so a source of any
 * length needs little memory. It starts with the first result that is requested, and stops taking items while results
 * are unread. An item waits as long as it must, whatever the throttle's `maxWait` is.
 *
 * At `break` it drops waiting items and closes the source; the signals of tasks in flight abort. At the first error of
 * a task it takes no more items, drops the waiting ones, yields the results before that item, closes the source and
 * throws. An error of the source, or the `ClosedError` of a closed throttle, comes after the results of all items
 * before it. It does not wait for a source that is still looking for an item.
 * @param source an iterable or async iterable; it is read once
 * @param task gets the item, its grant and a signal, and returns the result
 * @throws the first error of a task, of the source or of the throttle; the signal's own reason if it aborts; TypeError,
 * RangeError for a wrong argument
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
