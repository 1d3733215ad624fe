import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Entry {
  readonly engines?: { readonly node?: string };
  /** npm leaves it out where it does not fit, without a word. */
  readonly optional?: boolean;
}

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, Entry>;
};

it('no package asks for a newer Node than 20: `npm ci` warns of none', () => {
  const lowest = ({ engines }: Entry) => Number(/^\D*(\d+)/.exec(engines?.node ?? '')?.[1] ?? 0);
  const newer = Object.entries(packages).filter(([, entry]) => entry.optional !== true && lowest(entry) > 20);
  expect(newer.map(([path]) => path)).toEqual([]);
});
