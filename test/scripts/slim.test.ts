import { describe, expect, test } from 'vitest';
import { slimCode, typesOfModule, withLinkedPages } from '../../scripts/slim.ts';

describe('slimCode', () => {
  test('removes doc comments from modules, and nothing else', () => {
    const code = [
      '// src/a.ts',
      'class Line {',
      '  /**',
      '   * Waits.',
      '   */',
      '  wait() {}',
      '}',
      'var line = /* @__PURE__ */ new Line();',
      'export { line };',
      '',
    ];
    expect(slimCode('a.js', code.join('\n'))).toBe([...code.slice(0, 2), ...code.slice(5)].join('\n'));
  });

  test('makes CommonJS short, in lines that are not long', () => {
    const code = `'use strict';\n${'exports.total = (exports.total ?? 0) + 1;\n'.repeat(50)}`;
    const short = slimCode('a.cjs', code);
    expect(short.length).toBeLessThan(code.length);
    expect(Math.max(...short.split('\n').map((line) => line.length))).toBeLessThan(200);
  });
});

describe('typesOfModule', () => {
  test('refers to the types for CommonJS', () => {
    const types =
      "import { A } from './a.cjs';\n/**\n * import { redisStore } from 'sluice/redis';\n */\nexport { A };\n";
    expect(typesOfModule('redis', types)).toBe("export * from './redis.cjs';\n");
  });

  test('repeats types that import another package, since a module may get others of it', () => {
    const types =
      "import { AxiosInstance } from 'axios';\nexport declare function throttleAxios(axios: AxiosInstance): void;\n";
    expect(typesOfModule('axios', types)).toBe(types);
  });
});

describe('withLinkedPages', () => {
  const types = '/**\n * Waits.\n * @see docs/waiting.md#the-end\n */\nexport declare function wait(): void;\n';

  test('makes doc comments lead to the pages of the repository, once its address is known', () => {
    const linked = withLinkedPages(types, 'https://git.example/owner/sluice');
    expect(linked).toContain('@see https://git.example/owner/sluice/blob/main/docs/waiting.md#the-end');
    expect(withLinkedPages(linked, 'https://git.example/owner/sluice')).toBe(linked);
  });

  test('leaves them as they are before', () => {
    expect(withLinkedPages(types, undefined)).toBe(types);
  });
});
