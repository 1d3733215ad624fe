import type { Answer, SharedStore, StoreOperations } from '../core/base/store.ts';
import { sharedStore } from '../core/sharing/shared-store.ts';
import { wholeStore } from './whole-store.ts';

/** The operations of a store that can be made to fail. */
export type StoreOperation =
  | 'take'
  | 'giveBack'
  | 'settle'
  | 'postpone'
  | 'pause'
  | 'sync'
  | 'peek'
  | 'override'
  | 'reset';

/** What happens to one operation: nothing special, an error, or a late answer. */
export type Fault = undefined | { readonly error: unknown } | { readonly after: Promise<unknown> };

const operations: readonly StoreOperation[] = [
  'take',
  'giveBack',
  'settle',
  'postpone',
  'pause',
  'sync',
  'peek',
  'override',
  'reset',
];

/**
 * Wraps a store so that its operations fail or are slow as `fault` decides. The result does not hand its buckets out,
 * so every call is an operation.
 * @param fault called before each operation, with its name and key
 * @example
 * let down = true;
 * const store = faultyStore(memoryStore(), () => (down ? { error: new Error('gone') } : undefined));
 */
export function faultyStore(
  store: StoreOperations,
  fault: (operation: StoreOperation, key: string) => Fault,
): SharedStore {
  const whole = wholeStore(store) as unknown as Record<
    StoreOperation,
    (key: string, ...rest: unknown[]) => Answer<unknown>
  >;
  const wrapped: Record<string, unknown> = { name: store.name, shared: store.shared };
  for (const operation of operations) {
    wrapped[operation] = (key: string, ...rest: unknown[]): Answer<unknown> => {
      const now = fault(operation, key);
      const go = () => whole[operation](key, ...rest);
      if (now === undefined) return go();
      if ('error' in now) throw now.error;
      return now.after.then(go);
    };
  }
  if (store.hears !== undefined) wrapped.hears = store.hears;
  if (store.watch !== undefined) wrapped.watch = store.watch.bind(store);
  if (store.useClock !== undefined) wrapped.useClock = store.useClock.bind(store);
  if (store.close !== undefined) wrapped.close = store.close.bind(store);
  return sharedStore(wrapped as unknown as StoreOperations);
}
