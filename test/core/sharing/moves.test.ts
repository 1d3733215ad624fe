import { describe, expect, test } from 'vitest';
import { Moves } from '../../../src/core/sharing/moves.ts';

/** Moves of one lane, and what was made of them. */
function made() {
  const moves = new Moves();
  const log: string[] = [];
  const add = (name: string, isFirst = false): Promise<void> => moves.add(() => void log.push(name), isFirst);
  const make = async (): Promise<void> => (await moves.make(() => void log.push('before')))();
  return { moves, log, add, make };
}

describe('moves of the bucket', () => {
  test('are due while any exist', async () => {
    const { moves, log, add, make } = made();
    expect([moves.areDue(true), moves.areDue(false)]).toEqual([false, false]);
    const told = [add('one'), add('two')];
    expect([moves.areDue(true), moves.areDue(false)]).toEqual([true, true]);
    await make();
    await Promise.all(told);
    expect(log).toEqual(['before', 'one', 'two']);
    expect([moves.areDue(true), moves.areDue(false)]).toEqual([false, false]);
  });

  test('let the line ask after other changes were made, and only then', async () => {
    const { moves, add, make } = made();
    void add('one');
    await make();
    void add('two');
    expect([moves.areDue(true), moves.areDue(false)]).toEqual([false, true]);
    moves.noteAsked();
    expect(moves.areDue(true)).toBe(true);
  });

  test('come before the line where one of them must come first, until they are made', async () => {
    const { moves, add, make } = made();
    void add('one');
    await make();
    void add('two', true);
    void add('three');
    expect(moves.areDue(true)).toBe(true);
    await make();
    void add('four');
    expect(moves.areDue(true)).toBe(false);
  });

  test('are made even if an earlier one fails, and each reports its own failure', async () => {
    const { moves, log, add } = made();
    const told = add('one');
    const failing = moves.add(() => Promise.reject(new Error('lost')), false);
    (await moves.make(() => Promise.reject(new Error('before'))))();
    await told;
    await expect(failing).rejects.toThrow('lost');
    expect(log).toEqual(['one']);
  });
});
