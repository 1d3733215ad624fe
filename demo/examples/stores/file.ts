// Buckets in files, for the processes of one machine and no other program. Copy this file.
//
// There is no lock, so there is none that a killed process leaves behind. Each write of a key is a file of its own, numbered one
// higher than the last: `link` makes it only if nobody else has made it, whole or not at all.
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyValueStore, type SharedStore } from 'sluice';

/** So many old writes are kept, more than can happen while one process lists a folder. */
const kept = 64;

/** @param folder On a disk of this machine, not on a network; it is made where it is missing. */
export function fileStore(folder: string): SharedStore {
  const own = `${process.pid}-${Math.random().toString(36).slice(2)}.new`;
  const numbersIn = (place: string) =>
    readdirSync(place)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  const highest = (numbers: readonly number[]) => numbers.reduce((most, number) => Math.max(most, number), 0);

  return keyValueStore({
    name: 'file',
    update: (key, change) => {
      // A key may be too long for the name of a folder, and two keys that differ in case alone are one name on some disks.
      const place = join(folder, createHash('sha256').update(key).digest('hex'));
      mkdirSync(place, { recursive: true });
      for (;;) {
        const last = highest(numbersIn(place));
        const text = last === 0 ? '' : read(join(place, `${last}`));
        // Others have written so much since we looked that it was removed.
        if (text === undefined) continue;
        const stored = text === '' ? undefined : parsed(text);
        const value = change(stored);
        if (value === stored) return;
        const draft = join(place, own);
        writeFileSync(draft, JSON.stringify(value) ?? '');
        const made = link(draft, join(place, `${last + 1}`));
        rmSync(draft);
        if (!made) continue;
        const numbers = numbersIn(place);
        // We were stopped until others had made this number and removed it again: ours does not count.
        if (highest(numbers) > last + 1 + kept) continue;
        for (const old of numbers.filter((number) => number <= last - kept))
          rmSync(join(place, `${old}`), { force: true });
        return;
      }
    },
  });
}

/** The text of a file; undefined if there is none. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A text that a power cut has damaged is no bucket, and counts as none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Gives a file another name as well. Tells whether the name was free. */
function link(path: string, name: string): boolean {
  try {
    linkSync(path, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
