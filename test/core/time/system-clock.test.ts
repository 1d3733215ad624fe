import { afterEach, describe, expect, test, vi } from 'vitest';
import { FakePage } from './fake-page.ts';

/** The clock of this machine as a page or a process finds it that has just started. */
async function load() {
  vi.resetModules();
  return (await import('../../../src/core/time/clock.ts')).systemClock;
}

afterEach(() => vi.unstubAllGlobals());

describe('the clock of this machine', () => {
  test('uses the timers of the platform as they are where there is no page', async () => {
    const clock = await load();
    const own = setTimeout(() => {}, 1);
    const timer = clock.setTimeout(() => {}, 60_000);
    expect(Object.getPrototypeOf(timer)).toBe(Object.getPrototypeOf(own));
    expect(clock.timerSource).toBe('plain');
    clock.clearTimeout(timer);
    clearTimeout(own);
  });

  test('leaves the page alone until the first timer is set', async () => {
    const { document, window } = new FakePage();
    const listening = [vi.spyOn(document, 'addEventListener'), vi.spyOn(window, 'addEventListener')] as const;
    vi.stubGlobal('document', Object.assign(document, { defaultView: window }));
    const clock = await load();
    clock.monotonic();
    expect(listening.map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
    const timer = clock.setTimeout(() => {}, 60_000);
    expect(listening.map((spy) => spy.mock.calls.length)).toEqual([3, 2]);
    clock.clearTimeout(timer);
    clock.clearTimeout(clock.setTimeout(() => {}, 60_000));
    expect(listening.map((spy) => spy.mock.calls.length)).toEqual([3, 2]);
  });

  test('keeps to plain timers in a page without a window, as parsers make them', async () => {
    vi.stubGlobal('document', { defaultView: null, hidden: true });
    const clock = await load();
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1));
    expect(clock.timerSource).toBe('plain');
  });

  test('works in a hidden page that has neither workers nor channels nor memory', async () => {
    const { document } = new FakePage();
    vi.stubGlobal('document', Object.assign(document, { defaultView: new EventTarget(), hidden: true }));
    const clock = await load();
    const start = clock.monotonic();
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, 5));
    expect(clock.monotonic() - start).toBeGreaterThanOrEqual(5);
    expect(clock.timerSource).toBe('hop');
  });
});
