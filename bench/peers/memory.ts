import { type Contender, noTask, type Outcome } from './contender.ts';
import { keyedCall } from './decide.ts';
import { heapUsed } from './heap.ts';

/** @returns `bytes`: what a key holds after one call, the key's string not counted */
export async function memory(contender: Contender, { keys: count = 100_000 }): Promise<Outcome> {
  const loaded = await contender.load();
  const keys = Array.from({ length: count }, (_, index) => `key ${index}`);
  // A key is hashed when it is used first.
  if (new Set(keys).size !== count) throw new Error('Keys must differ.');
  const call = keyedCall(loaded, { limit: 10, interval: 3_600_000 });
  await call('another key', noTask);
  const before = await heapUsed();
  for (let index = 0; index < count; index += 1_000) {
    await Promise.all(keys.slice(index, index + 1_000).map((key) => call(key, noTask)));
  }
  const bytes = (await heapUsed()) - before;
  await call('another key', noTask);
  return { bytes: bytes / count };
}
