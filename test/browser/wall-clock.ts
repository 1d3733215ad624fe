import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The wall clock of the processes that are started with `env`, as the system tells it. The monotonic one is as it is. */
export interface WallClock {
  readonly env: NodeJS.ProcessEnv;
  /** Sets it ahead of the right time by so much, in ms. */
  set(ahead: number): void;
  remove(): void;
}

/** @param program faketime */
export function makeWallClock(program: string): WallClock {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-clock-'));
  const file = join(folder, 'offset');
  const set = (ahead: number) => {
    // In one step: who finds the file empty ends.
    writeFileSync(`${file} next`, `${ahead < 0 ? '-' : '+'}${Math.abs(ahead) / 1_000}`);
    renameSync(`${file} next`, file);
  };
  set(0);
  const library = execFileSync(program, ['-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' }).trim();
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // Read again each time it is asked for.
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // Without this waits go wrong in newer versions of the C library.
      FAKETIME_FORCE_MONOTONIC_FIX: '0',
    },
    set,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
