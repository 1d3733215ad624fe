import type { KeyValueStorage } from 'sluice';

export type Values = Map<string, unknown>;

/** Makes one more storage on the same values, as another tab would have. */
export type MakeStorage = (values: Values) => KeyValueStorage;

/** The storage of the documentation. */
export const onMap: MakeStorage = (values) => ({
  name: 'map',
  update: (key, change) => void values.set(key, change(values.get(key))),
});

/** Keeps text, as localStorage and most databases do. */
export const asText: MakeStorage = (values) => ({
  name: 'text',
  update: (key, change) => {
    const text = values.get(key) as string | undefined;
    const next = change(text === undefined ? undefined : JSON.parse(text));
    if (next === undefined) values.delete(key);
    else values.set(key, JSON.stringify(next));
  },
});

/** Keeps structured clones, as IndexedDB does. */
export const asClones: MakeStorage = (values) => ({
  name: 'clones',
  update: (key, change) => void values.set(key, structuredClone(change(structuredClone(values.get(key))))),
  delete: (key) => void values.delete(key),
});

/** Keeps fields in an order of its own, as some databases do. */
export const inOtherOrder: MakeStorage = (values) => ({
  name: 'other order',
  update: (key, change) => {
    const stored = values.get(key);
    const next = change(stored);
    values.set(key, next === stored ? stored : reversed(next));
  },
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  );
}

/** Does one transaction after the other, each with turns of the event loop before, amid and after its change. */
export function withDelays(random: () => number): MakeStorage {
  const lines = new WeakMap<Values, Promise<unknown>>();
  const turns = async () => {
    for (let turn = Math.floor(random() * 4); turn > 0; turn--) await hop();
  };
  return (values) => ({
    name: 'slow map',
    update: async (key, change) => {
      await turns();
      const transaction = async () => {
        const stored = values.get(key);
        await turns();
        values.set(key, change(stored));
        await turns();
      };
      const mine = (lines.get(values) ?? Promise.resolve()).then(transaction);
      const next = mine.catch(() => {});
      lines.set(values, next);
      await mine;
      await turns();
    },
  });
}

/** Compares and swaps, and so calls `change` again when another was faster. */
export const withRetries: MakeStorage = (values) => ({
  name: 'compare and swap',
  update: async (key, change) => {
    for (;;) {
      const stored = values.get(key);
      const next = change(stored);
      await hop();
      if (values.get(key) !== stored) continue;
      values.set(key, next);
      return;
    }
  },
});

/** Calls `change` once for nothing, as a transaction that is done over. */
export const withRehearsal: MakeStorage = (values) => ({
  name: 'rehearsal',
  update: (key, change) => {
    change(values.get(key));
    values.set(key, change(values.get(key)));
  },
});

const hop = () => new Promise<void>((resolve) => queueMicrotask(resolve));

/** Numbers from 0 to below 1, the same for the same seed. */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
