import { describe, expect, test } from 'vitest';
import { boot, chain, FakePage, longestGap, type WorkerManner } from './fake-page.ts';

const minute = 60_000;

function setup(manner: WorkerManner = 'works') {
  const page = new FakePage();
  page.manner = manner;
  const { clock, timers } = page;
  const came: [string | number, number][] = [];
  const set = (name: string | number, ms: number) => timers.setTimeout(() => came.push([name, clock.monotonic()]), ms);
  return { page, clock, timers, came, set };
}

/** What a page holds that has nothing to wait for and is looked at. */
const nothing = { plainTimers: 0, workersAlive: 0, channels: 0 };
const heldBy = ({ plainTimers, workersAlive, channels }: FakePage) => ({ plainTimers, workersAlive, channels });

describe('the timers of a visible page', () => {
  test('are plain ones, without a worker or a channel', async () => {
    const { page, clock, timers, came, set } = setup();
    set('a', 30);
    set('b', 10);
    expect([timers.timerSource, page.plainTimers, page.workersMade, page.channels]).toEqual(['plain', 2, 0, 0]);
    await clock.advance(100);
    expect(came).toEqual([
      ['b', 10],
      ['a', 30],
    ]);
    expect(heldBy(page)).toEqual(nothing);
  });

  test('are never early, even where the platform cuts off fractions or looks at a coarse clock', async () => {
    const { page, clock, came, set } = setup();
    page.delay = (ms) => Math.max(0.5, ms - 1);
    set('a', 33.5);
    await clock.advance(100);
    expect(came).toHaveLength(1);
    expect(came[0]?.[1]).toBeGreaterThanOrEqual(33.5);
    expect(came[0]?.[1]).toBeLessThan(35);
  });

  test('reach beyond the longest timer of the platforms', async () => {
    const { page, clock, came, set } = setup();
    page.delay = (ms) => (ms >= 2 ** 31 ? 1 : ms);
    set('far', 2 ** 33);
    await clock.advance(2 ** 33 - 1);
    expect(came).toEqual([]);
    await clock.advance(1);
    expect(came).toEqual([['far', 2 ** 33]]);
  });

  test('cancels one timer, and ignores other handles', async () => {
    const { page, clock, timers, came, set } = setup();
    const a = set('a', 10);
    set('b', 10);
    for (const handle of [a, a, undefined, 'none', 99]) timers.clearTimeout(handle);
    await clock.advance(100);
    expect(came).toEqual([['b', 10]]);
    expect(heldBy(page)).toEqual(nothing);
  });
});

describe('the timers of a hidden page', () => {
  test('would come once a second and later once a minute if they were plain', async () => {
    const { page, clock } = setup();
    const came = chain(page, page.plain, 100);
    page.setHidden(true);
    await clock.advance(20 * minute);
    expect(longestGap(came.filter((at) => at < 4 * minute))).toBe(1000);
    expect(longestGap(came, 10 * minute)).toBe(minute);
  });

  test('come from a worker at full rate, however long the page is hidden', async () => {
    const { page, clock, timers } = setup();
    page.setHidden(true);
    const came = chain(page, timers, 100);
    expect(timers.timerSource).toBe('hop');
    await clock.advance(10 * minute);
    expect(timers.timerSource).toBe('worker');
    expect(longestGap(came)).toBeLessThan(102);
    expect([page.workersMade, page.workersAlive]).toEqual([1, 1]);
  });

  test('move to the worker when the page is hidden and back when it is visible', async () => {
    const { page, clock, timers, came, set } = setup();
    for (const ms of [500, 1500, 2500]) set(ms, ms);
    await clock.advance(100);
    page.setHidden(true);
    await clock.advance(1600);
    page.setHidden(false);
    expect([timers.timerSource, page.workersAlive]).toEqual(['plain', 0]);
    await clock.advance(1000);
    for (const [ms, at] of came) expect([ms, at >= Number(ms) && at < Number(ms) + 1.5]).toEqual([ms, true]);
    expect(came).toHaveLength(3);
    expect(heldBy(page)).toEqual(nothing);
  });

  test.each(['forbidden', 'throws', 'missing'] as const)(
    'come once a second and never once a minute where a worker is not to be had: %s',
    async (manner) => {
      const { page, clock, timers } = setup(manner);
      page.setHidden(true);
      const came = chain(page, timers, 100);
      await clock.advance(20 * minute);
      expect(longestGap(came)).toBeLessThanOrEqual(1000);
      expect(timers.timerSource).toBe('hop');
      page.setHidden(false);
      page.setHidden(true);
      await clock.advance(minute);
      // It is not asked for again and again.
      expect(page.workersMade).toBe(manner === 'missing' ? 0 : 1);
      expect({ ...heldBy(page), plainTimers: 0 }).toEqual(nothing);
    },
  );

  test.each(['never answers', 'dies'] as const)('come once a second with a worker that %s', async (manner) => {
    const { page, clock, timers } = setup(manner);
    page.setHidden(true);
    const came = chain(page, timers, 100);
    await clock.advance(20 * minute);
    expect(longestGap(came)).toBeLessThanOrEqual(1000);
    expect(timers.timerSource).toBe('hop');
  });

  test('come at full rate from memory once a worker that is ready has kept silent three times', async () => {
    const { page, clock, timers } = setup('dies');
    page.hasMemory = true;
    page.setHidden(true);
    await clock.advance(0);
    const came = chain(page, timers, 100);
    await clock.advance(boot + 1);
    expect(timers.timerSource).toBe('worker');
    await clock.advance(minute);
    expect([timers.timerSource, page.workersAlive, page.workersMade]).toEqual(['atomics', 0, 1]);
    expect(longestGap(came, 4000)).toBeLessThan(101);
    page.setHidden(false);
    page.setHidden(true);
    await clock.advance(1000);
    expect(page.workersMade).toBe(1);
  });

  test('stay with a worker that works, though the page is busy for seconds again and again', async () => {
    const { page, clock, timers } = setup();
    page.setHidden(true);
    const came = chain(page, timers, 100);
    for (let turn = 0; turn < 20; turn++) {
      await clock.advance(1000);
      page.block();
      await clock.advance(3000);
      page.unblock();
    }
    await clock.advance(1000);
    expect([timers.timerSource, page.workersMade]).toEqual(['worker', 1]);
    expect(came.length).toBeGreaterThan(150);
  });

  test('come once a second from memory that the browser slows down, and say so', async () => {
    const { page, clock, timers } = setup('forbidden');
    page.hasMemory = true;
    page.isMemorySlow = true;
    page.setHidden(true);
    const came = chain(page, timers, 100);
    await clock.advance(10 * minute);
    expect(longestGap(came)).toBeLessThanOrEqual(1000);
    expect(timers.timerSource).toBe('hop');
  });

  test('say that they come from memory again soon after the page was busy', async () => {
    const { page, clock, timers } = setup('forbidden');
    page.hasMemory = true;
    page.setHidden(true);
    chain(page, timers, 100);
    await clock.advance(10_000);
    page.block();
    await clock.advance(500);
    page.unblock();
    await clock.advance(1);
    expect(timers.timerSource).toBe('hop');
    await clock.advance(400);
    expect(timers.timerSource).toBe('atomics');
  });

  test.each(['forbidden', 'missing', 'never answers'] as const)(
    'come at full rate from memory to wait on, with a worker that is: %s',
    async (manner) => {
      const { page, clock, timers } = setup(manner);
      page.hasMemory = true;
      page.setHidden(true);
      const came = chain(page, timers, 100);
      await clock.advance(10 * minute);
      expect(longestGap(came)).toBeLessThan(101);
      expect(timers.timerSource).toBe('atomics');
    },
  );

  test('come at their time from memory, however far away and however often the page is looked at', async () => {
    const { page, clock, came, set } = setup('missing');
    page.hasMemory = true;
    page.setHidden(true);
    set('far', 65_432.5);
    for (let look = 0; look < 50; look++) page.say('resume');
    await clock.advance(65_432);
    expect(came).toEqual([]);
    // One wait at a time, beside the plain timer and those that are over.
    expect(clock.timers).toBeLessThan(5);
    await clock.advance(2);
    expect(came).toHaveLength(1);
  });

  test('come at their time if they are set while the worker starts', async () => {
    const { page, clock, came, set } = setup();
    page.setHidden(true);
    set('short', 5);
    set('long', 200);
    await clock.advance(300);
    expect(came.map(([name]) => name)).toEqual(['short', 'long']);
    expect(came[0]?.[1]).toBeLessThan(boot + 2);
    expect(came[1]?.[1]).toBeLessThan(202);
  });

  test('can be cleared while they hop, while the worker starts and when it has them', async () => {
    for (const wait of [0, 1, boot + 5]) {
      const { page, clock, timers, came, set } = setup();
      page.setHidden(true);
      const handle = set('a', 50);
      if (wait > 0) await clock.advance(wait);
      timers.clearTimeout(handle);
      await clock.advance(2000);
      expect([wait, came, page.channels]).toEqual([wait, [], 0]);
      page.setHidden(false);
      expect(heldBy(page)).toEqual(nothing);
    }
  });

  test('reach beyond the longest timer of the platforms', async () => {
    const { page, clock, came, set } = setup();
    set('far', 2 ** 32);
    page.setHidden(true);
    await clock.advance(2 ** 32 - 1);
    expect(came).toEqual([]);
    await clock.advance(3);
    expect(came).toHaveLength(1);
  });

  test('need no worker before the first timer or long after the last', async () => {
    const { page, clock, set } = setup();
    page.setHidden(true);
    await clock.advance(minute);
    expect(page.workersMade).toBe(0);
    set('a', 12_500);
    await clock.advance(12_503);
    expect([page.workersMade, page.workersAlive]).toEqual([1, 1]);
    await clock.advance(10_000);
    expect(heldBy(page)).toEqual(nothing);
    set('again', 100);
    expect([page.workersMade, page.workersAlive, page.urls.size]).toEqual([2, 1, 1]);
  });

  test('keep the worker as long as one is set', async () => {
    const { page, clock, came, set } = setup();
    page.setHidden(true);
    set('long', 90_500);
    await clock.advance(90_502);
    expect([page.workersMade, page.workersAlive, came.length]).toEqual([1, 1, 1]);
  });
});

describe('a page that is hidden and seen again and again', () => {
  test.each(['works', 'forbidden', 'never answers', 'dies'] as const)(
    'loses no timer, calls none twice or early and leaves nothing behind, with a worker that is: %s',
    async (manner) => {
      const { page, clock, came, set } = setup(manner);
      for (let ms = 0; ms < 100; ms++) set(ms * 10, ms * 10);
      for (let flip = 0; flip < 100; flip++) {
        page.setHidden(flip % 2 === 0);
        expect(page.workersAlive).toBeLessThanOrEqual(1);
        await clock.advance((flip * 7) % 31);
      }
      page.setHidden(false);
      await clock.advance(1000);
      expect(came.map(([ms]) => ms)).toEqual(Array.from({ length: 100 }, (_, ms) => ms * 10));
      // None waits longer than until the page is seen again.
      for (const [ms, at] of came) expect([ms, at >= Number(ms), at < Number(ms) + 32]).toEqual([ms, true, true]);
      expect(heldBy(page)).toEqual(nothing);
      expect(clock.timers).toBe(0);
    },
  );

  test('keeps thousands of timers to their times', async () => {
    const { page, clock, came, set } = setup();
    const delays = Array.from({ length: 2000 }, (_, index) => (index * 37) % 3000);
    for (const ms of delays) set(ms, ms);
    await clock.advance(500);
    page.setHidden(true);
    await clock.advance(1500);
    page.setHidden(false);
    await clock.advance(1000);
    expect(came).toHaveLength(2000);
    const late = came.map(([ms, at]) => at - Number(ms));
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    // While the worker starts they wait for it.
    expect(late.filter((ms) => ms > 1.5).length).toBeLessThan(boot);
    expect(heldBy(page)).toEqual(nothing);
  });
});

describe('a page that leaves', () => {
  test('ends its worker and starts none on the way, and goes on when it comes back', async () => {
    const { page, clock, came, set } = setup();
    page.setHidden(true);
    set('a', 5000);
    await clock.advance(100);
    expect(page.workersAlive).toBe(1);
    page.say('pagehide');
    page.setHidden(true);
    expect(page.workersAlive).toBe(0);
    page.freeze();
    await clock.advance(minute);
    expect([came, page.workersMade]).toEqual([[], 1]);
    page.resume();
    page.say('pageshow');
    page.setHidden(false);
    await clock.advance(0);
    expect(came).toEqual([['a', minute + 100]]);
    expect(heldBy(page)).toEqual(nothing);
  });

  test('may have a worker again when it has come back', async () => {
    const { page, clock, set } = setup();
    set('a', 5000);
    page.say('pagehide');
    page.setHidden(true);
    expect(page.workersMade).toBe(0);
    page.say('pageshow');
    expect([page.workersMade, page.workersAlive]).toEqual([1, 1]);
    await clock.advance(boot + 1);
    expect(page.timers.timerSource).toBe('worker');
  });
});

describe('a page that was frozen', () => {
  test('does nothing before it is resumed, though waits on memory come', async () => {
    const { page, clock, timers, came, set } = setup('missing');
    page.hasMemory = true;
    page.setHidden(true);
    set('a', 500);
    await clock.advance(100);
    expect(timers.timerSource).toBe('atomics');
    page.freeze();
    await clock.advance(5000);
    expect(came).toEqual([]);
    page.resume();
    await clock.advance(2);
    expect(came).toHaveLength(1);
  });

  test.each([true, false])('calls what came due meanwhile at once, each once, hidden: %s', async (isHidden) => {
    const { page, clock, came, set } = setup();
    if (isHidden) page.setHidden(true);
    for (const ms of [3000, 60_000, 500]) set(ms, ms);
    await clock.advance(100);
    page.freeze();
    await clock.advance(20_000);
    expect(came).toEqual([]);
    page.resume();
    await clock.advance(0);
    expect(came.map(([ms]) => ms)).toEqual([3000, 500]);
    await clock.advance(minute);
    expect(came.at(-1)?.[1]).toBeGreaterThanOrEqual(60_000);
    expect(came.at(-1)?.[1]).toBeLessThan(60_002);
    expect(came).toHaveLength(3);
  });
});
