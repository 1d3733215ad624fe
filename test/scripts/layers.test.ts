import { describe, expect, test } from 'vitest';
import { violationsIn } from '../../scripts/layers.ts';

const rulesFor = (file: string, text: string) => violationsIn(file, text).map(({ rule }) => rule);

test('a file of src/core stands in a room', () => {
  const rule = expect.stringContaining('base, time, limits, bucket, line, sharing, listening, throttle');
  expect(rulesFor('src/core/utils.ts', '')).toEqual([rule]);
  expect(rulesFor('src/core/utils/map.ts', '')).toEqual([rule]);
  expect(rulesFor('src/core/base/map.ts', '')).toEqual([]);
  expect(rulesFor('src/create-throttle.ts', '')).toEqual([]);
});

describe('imports', () => {
  test.each([
    ['src/core/base/store.ts', `import { leak } from '../bucket/bucket.ts';`],
    ['src/core/base/store.ts', `import type { Line } from '../line/line.ts';`],
    ['src/core/time/clock.ts', `import { leak } from '../bucket/bucket.ts';`],
    ['src/core/limits/limit.ts', `import { leak } from '../bucket/bucket.ts';`],
    ['src/core/bucket/bucket.ts', `import { Line } from '../line/line.ts';`],
    ['src/core/line/line.ts', `import { Gate } from '../listening/gate.ts';`],
    ['src/core/line/line.ts', `import type { Throttle } from '../throttle/throttle.ts';`],
    ['src/core/sharing/guard.ts', `import { Gate } from '../listening/gate.ts';`],
    ['src/core/listening/ear.ts', `import { Guard } from '../sharing/guard.ts';`],
    ['src/core/throttle/core.ts', `import { Ear } from '../listening/ear.ts';`],
    ['src/core/throttle/core.ts', `import { type Ear } from '../listening/ear.ts';`],
    ['src/core/throttle/core.ts', `export { Ear } from '../listening/ear.ts';`],
    ['src/core/throttle/core.ts', `const ear = await import('../listening/ear.ts');`],
    ['src/core/line/line.ts', `let gate: import('../listening/gate.ts').Gate;`],
    ['src/core/base/store.ts', `import { memoryStore } from '../../storage/memory.ts';`],
    ['src/core/base/store.ts', `import { get } from 'idb-keyval';`],
    ['src/storage/memory.ts', `import { fetch } from '../adapters/fetch.ts';`],
    ['src/adapters/server-signal/body.ts', `import { memoryStore } from '../../storage/memory.ts';`],
  ])('from above are found: in %s, %s', (file, text) => {
    expect(rulesFor(file, text)).toEqual([expect.stringContaining('import')]);
  });

  test.each([
    ['src/core/base/store.ts', `import type { Limit } from '../limits/limit.ts';`],
    ['src/core/bucket/bucket.ts', `import { Limit } from '../limits/limit.ts';`],
    ['src/core/sharing/guard.ts', `import { Line } from '../line/line.ts';`],
    ['src/core/throttle/core.ts', `import type { Ear } from '../listening/ear.ts';`],
    ['src/core/throttle/core.ts', `export type { Ear } from '../listening/ear.ts';`],
    ['src/core/throttle/core.ts', `import './plans.ts';`],
    ['src/core/throttle/core.ts', `const text = "import '../listening/ear.ts'";`],
    ['src/storage/memory.ts', `import { get } from 'idb-keyval';\nimport { Guard } from '../core/sharing/guard.ts';`],
    ['src/adapters/fetch.ts', `import { Ear } from '../core/listening/ear.ts';`],
    ['src/create-throttle.ts', `import { memoryStore } from './storage/memory.ts';`],
  ])('from below are well: in %s, %s', (file, text) => expect(rulesFor(file, text)).toEqual([]));

  test('are reported with the file and what was imported', () => {
    expect(violationsIn('src/core/time/clock.ts', `import '../line/line.ts';`)).toEqual([
      { file: 'src/core/time/clock.ts', rule: 'core/time does not import core/line: ../line/line.ts' },
    ]);
  });
});

test('a file of src/core has at most 300 lines', () => {
  const file = 'src/core/base/long.ts';
  expect(rulesFor(file, 'let a;\n'.repeat(300))).toEqual([]);
  expect(rulesFor(file, 'let a;\n'.repeat(301))).toEqual(['a file of src/core has at most 300 lines, not 301']);
  expect(rulesFor('src/storage/long.ts', 'let a;\n'.repeat(301))).toEqual([]);
});

test('a class of src/core has at most 12 fields, private ones and parameters of its constructor included', () => {
  const file = 'src/core/base/wide.ts';
  const wide = (fields: number) => `export class Wide {
    static count = 0;
    ${Array.from({ length: fields - 3 }, (_, index) => `readonly field${index} = ${index};`).join('\n')}
    #secret: number | undefined;
    constructor(private one: number, readonly two: number, three: number) {}
    get half(): number { return 1; }
    method(): void {}
  }`;
  expect(rulesFor(file, wide(12))).toEqual([]);
  expect(rulesFor(file, wide(13))).toEqual(['a class has at most 12 fields, not 13: Wide']);
  expect(rulesFor(file, `const inner = () => ${wide(13).replace('export ', '')};`)).toHaveLength(1);
});
