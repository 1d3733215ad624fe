import { type BucketStore, type KeyValueStorage, keyValueStore } from 'sluice';
import type { Dice } from '../../core/bucket/history-model.ts';
import type { WorldClock } from './clock.ts';
import type { Setup } from './setup.ts';

/** Makes the store of one more sharer; undefined for the throttle's own. */
export type MakeStore = () => BucketStore | undefined;

/** What all worlds of one kind of store have in common. */
export type StoreMaker = (setup: Setup, clock: WorldClock, dice: Dice) => MakeStore;

/** Memory, a Map, or a Map whose answers take their time. */
export const storesHere: StoreMaker = (setup, clock, dice) => {
  const { store, hears, storeTakes } = setup;
  if (store === 'memory') return () => undefined;
  const values = new Map<string, unknown>();
  const listeners = new Set<(key?: string) => void>();
  let turn: Promise<unknown> = Promise.resolve();
  const change = (key: string, by: (stored: unknown) => unknown) => {
    const next = by(values.get(key));
    if (next === undefined) values.delete(key);
    else values.set(key, next);
  };
  const slowly = async (key: string, by: (stored: unknown) => unknown) => {
    await clock.sleep(dice.next() * storeTakes.before);
    change(key, by);
    if (storeTakes.after > 0) await clock.sleep(dice.next() * storeTakes.after);
  };
  return () => {
    let own: ((key?: string) => void) | undefined;
    const storage: KeyValueStorage = {
      name: store,
      update: (key, by) => {
        if (store === 'map') return change(key, by);
        const mine = turn.then(() => slowly(key, by));
        turn = mine.catch(() => {});
        return mine;
      },
      ...(hears && {
        announce: (key: string) => {
          for (const listener of listeners) if (listener !== own) clock.exactly(dice.next() * 3, () => listener(key));
        },
        watch: (listener: (key?: string) => void) => {
          own = listener;
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      }),
    };
    return keyValueStore(storage, { clock });
  };
};
