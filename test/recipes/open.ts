import type { SharedStore } from 'sluice';
import { bucketStoreContract, ManualClock, type StoreContractCase } from 'sluice/testing';
import { denoKvStore } from '../../demo/examples/stores/deno-kv.ts';
import { fileStore } from '../../demo/examples/stores/file.ts';
import { postgresStore } from '../../demo/examples/stores/postgres.ts';
import { sqliteStore } from '../../demo/examples/stores/sqlite.ts';

/** Which recipe, and what its buckets are in. */
export interface Place {
  readonly recipe: 'postgres' | 'sqlite' | 'file' | 'deno-kv';
  /** An address or a path. */
  readonly at: string;
}

export interface Opened {
  readonly store: SharedStore;
  close(): unknown;
}

interface Closable {
  end(): Promise<void>;
  close(): void;
}

/** Opens a handle on the buckets, as a process of its own does. */
export async function open({ recipe, at }: Place): Promise<Opened> {
  switch (recipe) {
    case 'file':
      return { store: fileStore(at), close: () => {} };
    case 'sqlite': {
      const { DatabaseSync } = await foreign('node:sqlite');
      const database = new DatabaseSync(at);
      return { store: sqliteStore(database), close: () => database.close() };
    }
    case 'postgres': {
      const { createRequire } = await import('node:module');
      const { Pool } = createRequire(`${process.env.SLUICE_RECIPES}/package.json`)('pg');
      const pool = new Pool({
        connectionString: at,
        max: 4,
        statement_timeout: 4_000,
        idle_in_transaction_session_timeout: 1_000,
      });
      pool.on('error', () => {});
      return { store: postgresStore(pool), close: () => pool.end() };
    }
    case 'deno-kv': {
      const kv = await (globalThis as never as { Deno: { openKv(path: string): Promise<Closable> } }).Deno.openKv(at);
      return { store: denoKvStore(kv as never), close: () => kv.close() };
    }
  }
}

/** The contract of stores in virtual time. Cases have keys of their own, so that they can share two connections. */
export async function contractOf(place: Place): Promise<readonly StoreContractCase[]> {
  const clock = new ManualClock();
  const [{ store }, { store: sharer }] = [await open(place), await open(place)];
  for (const one of [store, sharer]) one.useClock?.(clock);
  return bucketStoreContract({ create: () => store, sharer: () => sharer, advance: (ms) => clock.advance(ms) });
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => Parameters<typeof sqliteStore>[0] & Closable;
}

/** A module that the types of Node 20 do not know. */
const foreign = (name: string): Promise<SqliteModule> => import(/* @vite-ignore */ name);
