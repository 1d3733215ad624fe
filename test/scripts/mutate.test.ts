import { transformSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { mutate } from '../../scripts/mutants/mutate.ts';

/** Runs the code with one mutant of it active, or none. */
function run(code: string, active: number): unknown {
  const { code: plain } = transformSync(mutate('a.ts', code, 1).code, { loader: 'ts' });
  return new Function('__mutant', `${plain}; return result();`)((id: number) => id === active);
}

describe('the mutants of a file', () => {
  test.each([
    ['const result = () => 1 < 1;', ['1 <= 1', '1 >= 1', '2', '2']],
    ['const result = () => (1 === 1 ? 2 : 3);', ['true', 'false', '2', '2', '3', '4']],
    ['let a = 5; const result = () => { a += 2; return a; };', ['6', ';', 'a -= 2', '3', 'undefined']],
    ['const a: any = {}; const result = () => a.b?.c ?? a;', ['a.b?.c', 'a', 'a.b.c']],
    ['const result = () => !false && Math.max(1 as number, -1);', ['!false', 'Math.max(1 as number, -1)']],
    ['const result = () => "a" + (1 as number);', ['2']],
    ['type A = 1; interface B { a: 1 }; const result = () => undefined;', []],
  ])('%s', (code, changes) => {
    const made = mutate('a.ts', code, 1).mutants.map(({ to }) => to);
    expect(made.slice(0, changes.length)).toEqual(changes);
    if (changes.length === 0) expect(made).toEqual([]);
  });

  test('do nothing until one is active', () => {
    const code = 'const result = () => { if (2 > 1) return "kept"; else return "gone"; };';
    expect(run(code, 0)).toBe('kept');
    const { mutants } = mutate('a.ts', code, 1);
    expect(mutants.map(({ id, from, to }) => [`${from} -> ${to}`, run(code, id)])).toContainEqual([
      '2 > 1 -> false',
      'gone',
    ]);
  });

  test('leave an else with its own if', () => {
    const code = 'let a = 0; const result = () => { if (false) a = 1; else a = 2; return a; };';
    const removed = mutate('a.ts', code, 1).mutants.filter(({ to }) => to === ';');
    expect(removed.map(({ from, id }) => [from, run(code, id)])).toEqual([
      ['a = 1;', 2],
      ['a = 2;', 0],
    ]);
  });
});
