import { readFileSync } from 'node:fs';
import { readServerSignal, type ServerAnswer } from 'sluice';
import { expect, it } from 'vitest';
import { readSignal } from '../../src/adapters/server-signal/read-signal.ts';

const file = new URL('server-signal.vectors.json', import.meta.url);
const vectors: readonly (ServerAnswer & { readonly name: string })[] = JSON.parse(readFileSync(file, 'utf8'));

it('reads in an adapter without a preset what `readServerSignal` reads, but for some vendors and dates', () => {
  const differing = vectors.filter((vector) => {
    const { ignored: _, ...general } = readSignal(vector);
    const { ignored: __, ...everything } = readServerSignal(vector);
    return JSON.stringify(general) !== JSON.stringify(everything);
  });
  expect(differing.map(({ name }) => name)).toEqual([
    'decimal Retry-After (Shopify sends 2.0)', // x-shopify-shop-api-call-limit
    'lemlist: JS Date#toString in reset', // a date in words
    'HubSpot: interval in ms, daily dimension',
    'Salesforce: most restrictive of two usages',
    'ARM exhausted with no reset on a 200: advisory only',
    'ISO timestamp without zone is UTC', // a date without a zone
  ]);
});
