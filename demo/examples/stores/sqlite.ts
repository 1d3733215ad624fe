// Buckets in SQLite, for the processes of one machine that can open the same file. Copy this file; it takes a database of
// node:sqlite (Node 22.13 or newer, and Deno) or of better-sqlite3.
import { keyValueStore, type SharedStore } from 'sluice';

/** The part of a `DatabaseSync` of node:sqlite and of a `Database` of better-sqlite3 that is used. */
interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): { get(...values: unknown[]): unknown; run(...values: unknown[]): unknown };
}

/** @param database A connection of its own for the buckets, as a transaction of yours would be in its way. */
export function sqliteStore(database: Database): SharedStore {
  // The first line is how long one process waits for another, in ms. Waiting blocks the process, so nothing else may hold the
  // file for long: give the buckets a file of their own.
  database.exec('PRAGMA busy_timeout = 2000');
  database.exec('PRAGMA journal_mode = WAL');
  // A power cut may lose the last moments, and no more.
  database.exec('PRAGMA synchronous = NORMAL');
  database.exec('CREATE TABLE IF NOT EXISTS sluice_buckets (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
  const read = database.prepare('SELECT value FROM sluice_buckets WHERE key = ?');
  const write = database.prepare('INSERT OR REPLACE INTO sluice_buckets (key, value) VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM sluice_buckets WHERE key = ?');
  return keyValueStore({
    name: 'sqlite',
    update: (key, change) => {
      // IMMEDIATE takes the lock before it reads. A plain BEGIN reads first, and two who did so cannot both write.
      database.exec('BEGIN IMMEDIATE');
      try {
        const row = read.get(key) as { value: string } | undefined;
        const stored: unknown = row && JSON.parse(row.value);
        const value = change(stored);
        if (value === undefined) remove.run(key);
        else if (value !== stored) write.run(key, JSON.stringify(value));
        database.exec('COMMIT');
      } catch (error) {
        try {
          database.exec('ROLLBACK');
        } catch {
          // Some errors, such as that of a full disk, have ended the transaction already.
        }
        throw error;
      }
    },
  });
}
