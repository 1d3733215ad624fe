import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { algorithmPictures } from '../../scripts/algorithm-pictures.ts';

const docs = new URL('../../docs/', import.meta.url);
const drawn = await algorithmPictures();

describe('docs/algorithm.md', () => {
  it.each(Object.keys(drawn))('shows %s as the code draws it', (name) => {
    expect(readFileSync(new URL(`images/${name}`, docs), 'utf8')).toBe(drawn[name]);
    expect(readFileSync(new URL('algorithm.md', docs), 'utf8')).toContain(`](images/${name})`);
  });
});
