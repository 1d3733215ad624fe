import { describe, expect, test } from 'vitest';
import { ReturnDelay } from '../../src/storage/redis-delay.ts';

const base = 1_000_000;

describe('the way back of answers', () => {
  test('counts what an answer took longer than the quickest one, whatever the clocks show', () => {
    const delay = new ReturnDelay();
    expect(delay.isKnown).toBe(false);
    delay.note(base + 100, 140);
    expect(delay.since(base + 100, 140)).toBe(0);
    delay.note(base + 200, 205);
    expect(delay.since(base + 200, 205)).toBe(0);
    expect(delay.since(base + 100, 140)).toBe(35);
    expect(delay.since(base + 300, 345)).toBe(40);
  });

  test('follows clocks that drift apart by a thousandth', () => {
    const delay = new ReturnDelay();
    for (let second = 0; second <= 100; second++) delay.note(base + second * 1_000, second * 1_001 + 5);
    expect(delay.since(base + 100_000, 100_105)).toBeLessThan(0.2);
  });

  test('takes a server whose clock was set forward as it is', () => {
    const delay = new ReturnDelay();
    delay.note(base, 5);
    delay.note(base + 5_000, 10);
    expect(delay.since(base + 5_000, 10)).toBe(0);
  });
});
