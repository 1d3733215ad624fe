import { afterEach, describe, expect, test, vi } from 'vitest';
import { FakePage, type WorkerManner } from './fake-page.ts';

/** The clock of this machine as a page or a process finds it that has just started. */
async function load() {
  vi.resetModules();
  return (await import('../../../src/core/time/clock.ts')).systemClock;
}

afterEach(() => {
  vi.unstubAllGlobals();
  // What is loaded next must not see the clock of a test.
  vi.resetModules();
});

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

/** The clock of this machine in a page whose platform is under virtual time. */
async function loadInPage(manner: WorkerManner) {
  const page = new FakePage();
  page.manner = manner;
  const { clock, document, plain, window } = page;
  vi.stubGlobal('document', Object.assign(document, { defaultView: window }));
  vi.stubGlobal('performance', { now: () => clock.monotonic() });
  vi.stubGlobal('setTimeout', plain.setTimeout);
  vi.stubGlobal('clearTimeout', plain.clearTimeout);
  return { page, clock, system: await load() };
}

describe('the clock of this machine in a page', () => {
  test('starts where the clock of the platform is, and clears what it set', async () => {
    const { page, clock, system } = await loadInPage('works');
    await clock.advance(1234.5);
    expect(system.monotonic()).toBe(1234.5);
    const timer = system.setTimeout(() => expect.unreachable(), 500);
    expect([system.timerSource, page.plainTimers]).toEqual(['plain', 1]);
    system.clearTimeout(timer);
    expect(page.plainTimers).toBe(0);
  });

  test('sets no timer of the platform that is too long for it', async () => {
    const { page, system } = await loadInPage('works');
    const delays: number[] = [];
    vi.stubGlobal('setTimeout', (_: () => void, ms: number) => delays.push(ms));
    for (const ms of [2 ** 31 - 1, 2 ** 31, 2 ** 40]) system.setTimeout(() => {}, ms);
    expect(delays).toEqual([2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1]);
    expect(page.workersMade).toBe(0);
  });

  test('looks every 10 s whether it needs its worker while the page is hidden', async () => {
    const { page, clock, system } = await loadInPage('works');
    page.setHidden(true);
    const delays: number[] = [];
    vi.stubGlobal('setTimeout', (callback: () => void, ms: number) => {
      delays.push(ms);
      return page.plain.setTimeout(callback, ms);
    });
    system.setTimeout(() => {}, 15_000);
    expect(delays).toEqual([10_000]);
    await clock.advance(20_000);
    expect([delays, page.workersAlive]).toEqual([[10_000, 15_000, 10_000], 0]);
  });

  test('tells a worker each timer once, whatever its number', async () => {
    const { page, clock, system } = await loadInPage('works');
    page.setHidden(true);
    for (let timer = 0; timer < 4; timer++) system.setTimeout(() => {}, 200 + timer);
    await clock.advance(1000);
    expect(page.messages).toBe(8);
  });

  test.each([
    [100, 'atomics'],
    [100.5, 'hop'],
  ])('waits on memory for 10 s at most; a timer that comes %s ms late from it comes from: %s', async (late, source) => {
    const { page, clock, system } = await loadInPage('missing');
    const waits: number[] = [];
    const { waitAsync } = page.window.Atomics as { waitAsync: (...args: unknown[]) => unknown };
    page.window.Atomics = {
      waitAsync: (...args: unknown[]) => {
        waits.push(args[3] as number);
        return waitAsync(...args);
      },
    };
    page.hasMemory = true;
    page.setHidden(true);
    system.setTimeout(() => {}, 15_000);
    await clock.advance(14_000);
    expect([waits, system.timerSource]).toEqual([[10_000, 5_000], 'atomics']);
    page.block();
    await clock.advance(1_000 + late);
    page.unblock();
    await clock.advance(0);
    expect(system.timerSource).toBe(source);
  });
});

describe('the clock of this machine, when the timers of the platform are replaced', () => {
  /** Timers that a test fakes; `now` is what their clock shows. */
  const faked = (now: () => number) => Object.assign(() => {}, { clock: { performance: { now } } });

  test('does not move if the clock stays', async () => {
    let reads = 0;
    vi.stubGlobal('performance', { now: () => ++reads });
    const clock = await load();
    expect(clock.monotonic()).toBe(1);
    const { setTimeout } = globalThis;
    vi.stubGlobal('setTimeout', (...args: Parameters<typeof setTimeout>) => setTimeout(...args));
    expect(clock.monotonic()).toBe(2);
  });

  test('goes on in whole milliseconds with fake timers, and from there without them', async () => {
    let real = 7.25;
    let fake = 1_000;
    vi.stubGlobal('performance', { now: () => real });
    const clock = await load();
    const { setTimeout } = globalThis;
    expect(clock.monotonic()).toBe(7.25);
    vi.stubGlobal(
      'setTimeout',
      faked(() => fake),
    );
    expect(clock.monotonic()).toBe(8);
    fake += 30;
    expect(clock.monotonic()).toBe(38);
    vi.stubGlobal('setTimeout', setTimeout);
    real += 0.5;
    expect(clock.monotonic()).toBe(38);
    real += 0.5;
    expect(clock.monotonic()).toBe(38.5);
  });
});
