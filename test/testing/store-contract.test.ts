import { memoryStore, type StoreOperations } from 'sluice';
import { bucketStoreContract, ManualClock } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { brokenLimits } from './broken-limits.ts';
import { brokenPools } from './broken-pools.ts';
import { brokenReservations } from './broken-reservations.ts';
import { brokenStores } from './broken-stores.ts';
import { brokenTakes } from './broken-takes.ts';
import { brokenTold } from './broken-told.ts';
import { type BrokenStore, type Buckets, PlainStore } from './plain-store.ts';

type MakeStore = (buckets: Buckets, clock: () => number) => StoreOperations;

/** The names of the cases that a store fails. */
async function failures(make: MakeStore): Promise<string[]> {
  const clock = new ManualClock();
  const now = () => clock.now();
  const buckets = new WeakMap<object, Buckets>();
  const open = (held: Buckets) => {
    const store = make(held, now);
    buckets.set(store, held);
    return store;
  };
  const failed: string[] = [];
  const contract = bucketStoreContract({
    create: () => open(new Map()),
    sharer: (store) => open(buckets.get(store) as Buckets),
    advance: (ms) => clock.advance(ms),
  });
  for (const { name, run } of contract) await run().catch(() => failed.push(name));
  return failed;
}

const all = [...brokenTakes, ...brokenReservations, ...brokenPools, ...brokenTold, ...brokenLimits, ...brokenStores];
const known = new Map<BrokenStore[2], Promise<string[]>>();

/** The same of a broken store, found out once. */
function failuresOf(Broken: BrokenStore[2]): Promise<string[]> {
  const names = known.get(Broken) ?? failures((buckets, clock) => new Broken(buckets, clock));
  known.set(Broken, names);
  return names;
}

describe('bucketStoreContract', () => {
  it('finds no fault in a correct store', async () => {
    expect(await failures((buckets, clock) => new PlainStore(buckets, clock))).toEqual([]);
  });

  it.each(all)('sees a store that %s: %s', async (_, name, Broken) => {
    expect(await failuresOf(Broken)).toContain(name);
  });

  it('has no case that all of these faulty stores pass', async () => {
    const contract = bucketStoreContract({ create: () => memoryStore(), advance: () => {} });
    const left = new Set(contract.map(({ name }) => name));
    for (const [, , Broken] of all) for (const name of await failuresOf(Broken)) left.delete(name);
    expect([...left]).toEqual([]);
  });

  it('detects a second handle on other buckets', async () => {
    const clock = new ManualClock();
    const failed: string[] = [];
    const contract = bucketStoreContract({
      create: () => memoryStore({ clock }),
      sharer: () => memoryStore({ clock }),
      advance: (ms) => clock.advance(ms),
    });
    for (const { name, run } of contract) await run().catch(() => failed.push(name));
    expect(failed).toContain('a second handle takes from the same bucket');
  });

  it('says what it expected and what it got', async () => {
    const clock = new ManualClock();
    const contract = bucketStoreContract({
      create: () => new PlainStore(new Map(), () => 0),
      sharer: (store) => store,
      advance: (ms) => clock.advance(ms),
    });
    const { run } = contract.find(({ name }) =>
      name.startsWith('take refuses a call until'),
    ) as (typeof contract)[number];
    await expect(run()).rejects.toThrow('Expected calls granted then to be 1, got 0.');
  });

  it('names each case once, as a fact, and gives each a store of its own that it closes', async () => {
    const clock = new ManualClock();
    let open = 0;
    let most = 0;
    const contract = bucketStoreContract({
      create: async () => {
        most = Math.max(most, ++open);
        const close = () => {
          open = 0;
        };
        return Object.assign(new PlainStore(new Map(), () => clock.now()), { close });
      },
      sharer: async (store) => store,
      advance: (ms) => clock.advance(ms),
    });
    const names = contract.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).not.toMatch(/should|\.$/);
    for (const { run } of contract) await run();
    expect([open, most]).toEqual([0, 1]);
  });

  it('uses short waits for a store in real time', async () => {
    const sleeps: number[] = [];
    const contract = bucketStoreContract({
      create: () => memoryStore(),
      advance: (ms) => void sleeps.push(ms),
      precision: 5,
    });
    for (const { run } of contract) await run().catch(() => {});
    expect(sleeps.length).toBeGreaterThan(10);
    expect(Math.max(...sleeps)).toBeLessThanOrEqual(302);
  });

  it.each([
    ['asks for seconds where time is moved by hand', 0, 1_000],
    ['finds out that time really goes by, and asks for less', 1, 502],
  ])('%s', async (_, really, most) => {
    const waits: number[] = [];
    const contract = bucketStoreContract({
      create: () => memoryStore(),
      advance: (ms) => new Promise((resolve) => setTimeout(resolve, really * Math.min(ms, 20), waits.push(ms))),
    });
    const { run } = contract.find(({ name }) => name.startsWith('take never saves up')) as (typeof contract)[number];
    await run().catch(() => {});
    expect(waits.at(-1)).toBe(most);
  });

  it.each([
    ['runs a case again that failed after it was held up', 600, 2],
    ['runs no case again that failed in time', 0, 1],
  ])('%s', async (_, heldUp, runs) => {
    let created = 0;
    const contract = bucketStoreContract({
      create: () => {
        created++;
        return memoryStore();
      },
      advance: (ms) => {
        const late = created === 1 ? heldUp : 0;
        return new Promise((resolve) => setTimeout(resolve, created === 1 && heldUp === 0 ? 0 : ms + late + 2));
      },
      precision: 100,
    });
    const { run } =
      contract.find(({ name }) => name === 'take refuses a call until it conforms and grants it then') ?? {};
    const outcome = run?.().then(
      () => 'holds',
      () => 'fails',
    );
    expect(await outcome).toBe(runs === 2 ? 'holds' : 'fails');
    expect(created).toBe(runs);
  });
});
