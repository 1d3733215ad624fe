import { createThrottle } from 'sluice';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { table } from '../../demo/examples/stores/postgres.ts';
import { open } from './open.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { prove } from './prove.ts';
import { load } from './tools.ts';

interface Pool {
  connect(): Promise<{
    query(text: string): Promise<unknown>;
    release(destroy?: boolean): void;
    on: NodeJS.EventEmitter['on'];
  }>;
  query(text: string): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
}

const program = process.env.SLUICE_POSTGRES;

describe.skipIf(program === undefined)('the recipe for postgres', () => {
  let server: PostgresServer;
  let pool: Pool;
  beforeAll(async () => {
    server = await startPostgres(program as string);
    const { Pool } = load('pg') as { Pool: new (options: object) => Pool };
    pool = new Pool({ connectionString: server.url, idle_in_transaction_session_timeout: 1_000 });
    (pool as never as NodeJS.EventEmitter).on('error', () => {});
    await pool.query(table);
  });
  afterAll(async () => {
    // The server first: a pool waits for a connection that a failed test has kept.
    await server?.close();
    await pool?.end();
  });
  beforeEach(() => pool.query('TRUNCATE sluice_buckets') as Promise<never>);

  prove(() => ({ recipe: 'postgres', at: server.url }));

  it('waits for a stopped process that locked the row only until the server ends it', async () => {
    const { store, close } = await open({ recipe: 'postgres', at: server.url });
    const throttle = createThrottle({ limits: { rate: 1, interval: 10 }, store, onStoreError: 'reject' });
    await throttle.allow('key');
    const stopped = await pool.connect();
    stopped.on('error', () => {});
    await stopped.query('BEGIN');
    await stopped.query(`SELECT * FROM sluice_buckets WHERE key = '"key"' FOR UPDATE`);
    const start = performance.now();
    expect((await throttle.allow('key')).allowed).toBe(true);
    const waited = performance.now() - start;
    expect(waited).toBeGreaterThan(500);
    expect(waited).toBeLessThan(3_500);
    stopped.release(true);
    await throttle.close();
    await close();
  });

  it('writes no row when nothing was taken', async () => {
    const { store, close } = await open({ recipe: 'postgres', at: server.url });
    const throttle = createThrottle({ limits: { rate: 1, interval: 10 }, store, onStoreError: 'reject' });
    await throttle.status('key');
    expect((await pool.query('SELECT key FROM sluice_buckets')).rows).toEqual([]);
    await throttle.close();
    await close();
  });
});
