import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Entry {
  readonly engines?: { readonly node?: string };
  /** npm leaves it out where it does not fit, without a word. */
  readonly optional?: boolean;
}

const lockFiles = ['package-lock.json', 'bench/peers/package-lock.json'];

it.each(lockFiles)('no package of %s asks for a newer Node than 20: `npm ci` warns of none', (file) => {
  const { packages } = JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')) as {
    packages: Record<string, Entry>;
  };
  const lowest = ({ engines }: Entry) => Number(/^\D*(\d+)/.exec(engines?.node ?? '')?.[1] ?? 0);
  const newer = Object.entries(packages).filter(([, entry]) => entry.optional !== true && lowest(entry) > 20);
  expect(newer.map(([path]) => path)).toEqual([]);
});

it.each(lockFiles)('%s names no registry', (file) => {
  expect(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).not.toContain('"resolved": "http');
});
