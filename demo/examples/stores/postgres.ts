// Buckets in PostgreSQL, for the processes and machines that share one database. Copy this file; it needs `pg` (npm install pg).
import { keyValueStore, type SharedStore } from 'sluice';

/** The part of a `Pool` of pg that is used. */
interface Pool {
  connect(): Promise<Client>;
}
interface Client {
  query(text: string, values?: unknown[]): Promise<{ rows: { value: unknown }[] }>;
  release(error?: Error | boolean): void;
}

/** Run it once. Buckets can be created again, so the table needs no backup; UNLOGGED makes writes cheaper, and a crash empties it. */
export const table = 'CREATE UNLOGGED TABLE IF NOT EXISTS sluice_buckets (key text PRIMARY KEY, value jsonb)';

/**
 * @param pool A pool of its own for the buckets, so that they never wait for the connections of your other queries:
 * `new Pool({ max: 4, statement_timeout: 4_000, idle_in_transaction_session_timeout: 2_000 })`. The last of the two makes the
 * server let go of the row when a process stops with the row locked.
 */
export function postgresStore(pool: Pool): SharedStore {
  return keyValueStore({
    name: 'postgres',
    update: async (name, change) => {
      // PostgreSQL keeps no text with a zero byte. In JSON every key is one that it keeps.
      const key = JSON.stringify(name);
      const client = await pool.connect();
      let failed = true;
      try {
        await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
        // Makes the row where it is missing, locks it and reads it, in one statement. Others wait here, in the order they came.
        const { rows } = await client.query(
          'INSERT INTO sluice_buckets (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING value',
          [key],
        );
        const stored = rows[0]?.value ?? undefined;
        const value = change(stored);
        if (value === undefined) await client.query('DELETE FROM sluice_buckets WHERE key = $1', [key]);
        else if (value !== stored)
          await client.query('UPDATE sluice_buckets SET value = $2 WHERE key = $1', [key, JSON.stringify(value)]);
        await client.query(value === stored ? 'ROLLBACK' : 'COMMIT');
        failed = false;
      } finally {
        // A connection that failed half way is closed, which ends its transaction.
        client.release(failed);
      }
    },
  });
}
