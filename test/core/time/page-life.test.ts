import { createThrottle, keyValueStore } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { FakePage, longestGap, type WorkerManner } from './fake-page.ts';
import { mostInWindow, oddClock } from './odd-clock.ts';

const T = 100;
const limits = { rate: 1, interval: T };
const minute = 60_000;
const hour = 60 * minute;
/** How late a call may leave after its slot, and come after the other. */
const late = 25;

interface Tab {
  readonly page: FakePage;
  readonly throttle: ReturnType<typeof createThrottle>;
  /** When its calls went. */
  readonly went: number[];
  readonly failures: unknown[];
  send(count: number): void;
}

/** Tabs that share a storage which decides at once and says so 3 ms later. `all` are the instants of all their calls. */
function tabs(count: number, manner: WorkerManner = 'works', limit: object = limits) {
  const clock = new ManualClock();
  const values = new Map<string, unknown>();
  const all: number[] = [];
  const open = (): Tab => {
    const page = new FakePage(clock);
    page.manner = manner;
    const update = (key: string, change: (stored: unknown) => unknown) => {
      values.set(key, change(values.get(key)));
      return page.hears(undefined, 3);
    };
    const store = keyValueStore({ name: 'shared', update }, { clock: page.systemClock });
    const throttle = createThrottle({ margin: 0, limits: limit as typeof limits, store, clock: page.systemClock });
    const went: number[] = [];
    const failures: unknown[] = [];
    throttle.on('store-error', ({ error }) => failures.push(error));
    const call = async () => {
      await throttle.wait();
      went.push(clock.monotonic());
      all.push(clock.monotonic());
    };
    return { page, throttle, went, failures, send: (calls) => void Array.from({ length: calls }, call) };
  };
  return { clock, all, tabs: Array.from({ length: count }, open) as [Tab, ...Tab[]] };
}

describe('the calls of a hidden page', () => {
  test('keep their share beside a visible one, at full rate', async () => {
    const { clock, all, tabs: open } = tabs(4);
    const [seen, ...hidden] = open;
    for (const { page } of hidden) page.setHidden(true);
    for (const tab of open) tab.send(200);
    await clock.advance(0);
    await clock.advance(40_000);
    for (const { went } of open) expect(Math.abs(went.length - 100)).toBeLessThanOrEqual(2);
    expect(all.length).toBeGreaterThan(0.97 * 400);
    expect(mostInWindow(all, 1000 - late)).toBeLessThanOrEqual(10);
    expect(longestGap(hidden[0]?.went ?? [], 1000)).toBeLessThan(8 * T);
    const timers = await Promise.all([seen, hidden[0] as Tab].map(({ throttle }) => throttleTimer(throttle, clock)));
    expect(timers).toEqual(['plain', 'worker']);
  });

  test('fire about once a second where nothing helps, and do not delay others', async () => {
    const { clock, all, tabs: open } = tabs(2, 'forbidden');
    const [seen, hidden] = open as [Tab, Tab];
    hidden.page.setHidden(true);
    hidden.send(2000);
    await clock.advance(0);
    await clock.advance(8 * minute);
    expect(longestGap(hidden.went, 1000)).toBeLessThanOrEqual(1003);
    expect(await throttleTimer(hidden.throttle, clock)).toBe('hop');
    seen.send(200);
    await clock.advance(20_000);
    expect(longestGap(seen.went, 8 * minute + 1000)).toBeLessThan(3 * T);
    expect(mostInWindow(all, 1000 - late)).toBeLessThanOrEqual(10);
  });
});

/** Asks for the status and lets the store answer. */
async function throttleTimer(throttle: Tab['throttle'], clock: ManualClock) {
  const status = throttle.status();
  await clock.advance(20);
  return (await status).timer;
}

describe('a page that is frozen while its calls wait', () => {
  test.each([0, 1, 2, 50, 97, 99])(
    'costs the others one slot at most and takes none of theirs later, %s ms on',
    async (at) => {
      const { clock, all, tabs: open } = tabs(3);
      for (const tab of open) tab.send(600);
      await clock.advance(0);
      await clock.advance(2000 + at);
      const [frozen, ...others] = open;
      frozen.page.freeze();
      const before = all.length;
      await clock.advance(minute);
      // Its own slot, and the one that the end of this minute may cut off.
      expect(minute / T - (all.length - before)).toBeLessThanOrEqual(2);
      for (const { went } of others) expect(longestGap(went, 2000)).toBeLessThan(4 * T);
      const resumedAt = clock.monotonic();
      frozen.page.resume();
      await clock.advance(10_000);
      expect(mostInWindow(all, 1000 - late)).toBeLessThanOrEqual(10);
      for (const { went } of open) {
        expect(went.at(-1)).toBeGreaterThan(clock.monotonic() - 6 * T);
        expect(longestGap(went, resumedAt + 1000)).toBeLessThan(4 * T);
      }
      expect(open.map(({ failures }) => failures)).toEqual([[], [], []]);
    },
  );

  test('asks for its slot again instead of going late, before anything else', async () => {
    const { clock, tabs: open } = tabs(2);
    const [frozen, other] = open as [Tab, Tab];
    frozen.send(2);
    await clock.advance(10);
    frozen.page.freeze();
    await clock.advance(10 * T);
    other.send(1);
    await clock.advance(10);
    const last = other.went[0] as number;
    frozen.page.resume();
    await clock.advance(T);
    expect(frozen.went).toHaveLength(2);
    expect((frozen.went[1] as number) - last).toBeGreaterThanOrEqual(T - 10);
  });

  test('does not count the frozen time against its store', async () => {
    const { clock, tabs: open } = tabs(1);
    const [tab] = open;
    tab.send(3);
    tab.page.freeze();
    await clock.advance(10 * minute);
    tab.page.resume();
    await clock.advance(3 * T);
    expect([tab.went.length, tab.failures]).toEqual([3, []]);
  });

  test('gives up a store that does not answer, even if it checks late', async () => {
    const manual = new ManualClock();
    const clock = oddClock(manual, (ms) => ms + minute);
    const store = keyValueStore({ name: 'mute', update: () => new Promise(() => {}) });
    const throttle = createThrottle({ margin: 0, limits, store, clock });
    const failures: unknown[] = [];
    throttle.on('store-error', (event) => failures.push(event));
    void throttle.wait();
    await manual.advance(5 * minute);
    expect(failures).toHaveLength(1);
  });

  test('asks again for a slot that passed while its answer was on the way', async () => {
    const { clock, tabs: open } = tabs(2);
    const [frozen, other] = open as [Tab, Tab];
    frozen.send(2);
    await clock.advance(4);
    frozen.page.freeze();
    await clock.advance(3000);
    other.send(1);
    await clock.advance(5);
    const last = other.went[0] as number;
    frozen.page.resume();
    await clock.advance(2 * T);
    expect(frozen.went).toHaveLength(2);
    expect((frozen.went[1] as number) - last).toBeGreaterThanOrEqual(T - late);
  });

  test('grants no call on an answer from before the freeze', async () => {
    const { clock, all, tabs: open } = tabs(2, 'works', { ...limits, burst: 5 });
    const [frozen, other] = open as [Tab, Tab];
    frozen.send(5);
    frozen.page.freeze();
    await clock.advance(10 * minute);
    other.send(5);
    await clock.advance(10);
    expect(other.went).toHaveLength(5);
    frozen.page.resume();
    await clock.advance(10 * T);
    expect(frozen.went).toHaveLength(5);
    expect(mostInWindow(all, 10)).toBe(5);
  });
});

describe('a page that is closed while its calls wait', () => {
  test('costs the others one slot', async () => {
    const { clock, tabs: open } = tabs(2);
    const [closed, other] = open as [Tab, Tab];
    closed.send(500);
    other.send(500);
    await clock.advance(0);
    await clock.advance(2050);
    closed.page.say('pagehide');
    closed.page.freeze();
    await clock.advance(2000);
    expect(longestGap(other.went, 2000)).toBeLessThan(3 * T);
    expect(longestGap(other.went, 2400)).toBeLessThan(1.2 * T);
  });
});

describe.each([hour, -hour])('the wall clock, set by %s ms', (jump) => {
  test.each(['hidden', 'frozen'] as const)(
    'while the page is %s, moves no call by more than a burst',
    async (state) => {
      const { clock, all, tabs: open } = tabs(2);
      const jumps: number[] = [];
      const [tab] = open;
      tab.throttle.on('clock-jump', ({ by }) => jumps.push(by));
      for (const { send } of open) send(300);
      await clock.advance(0);
      await clock.advance(2000);
      tab.page.setHidden(true);
      await clock.advance(2000);
      if (state === 'frozen') tab.page.freeze();
      clock.jump(jump);
      await clock.advance(5000);
      if (state === 'frozen') tab.page.resume();
      await clock.advance(5000);
      expect(jumps).toEqual([jump]);
      // A burst, and the slots that the two held already.
      expect(mostInWindow(all, 1000 - late)).toBeLessThanOrEqual(12);
      for (const { went } of state === 'frozen' ? open.slice(1) : open)
        expect(longestGap(went, 1000)).toBeLessThan(4 * T + 5);
      expect(longestGap(tab.went, 10_000)).toBeLessThan(4 * T);
    },
  );
});
