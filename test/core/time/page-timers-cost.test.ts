import { describe, expect, test } from 'vitest';
import { platformDelay } from '../../../src/core/time/page-timers.ts';
import { boot, chain, FakePage, slowBoot, type WorkerManner } from './fake-page.ts';

/** A page of this manner. `came` has the timers that came, and when. */
function setup(manner: WorkerManner = 'works', hasMemory = false) {
  const page = new FakePage();
  Object.assign(page, { manner, hasMemory });
  const { clock, timers } = page;
  const came: [string, number][] = [];
  const set = (name: string, ms: number) => timers.setTimeout(() => came.push([name, clock.monotonic()]), ms);
  return { page, clock, timers, came, set };
}

/** Keeps the page busy from now on until `ms` later. */
async function busy({ page, clock }: ReturnType<typeof setup>, ms: number): Promise<void> {
  page.block();
  await clock.advance(ms);
  page.unblock();
  await clock.advance(0);
}

test('a platform timer gets whole milliseconds, none below 0, and no more than it takes', () => {
  const longest = 2 ** 31 - 1;
  expect([-5, 0, 0.2, 1, 7.5, longest, longest + 1, Infinity].map(platformDelay)).toEqual([
    0,
    0,
    1,
    1,
    8,
    longest,
    longest,
    longest,
  ]);
});

describe('the timers of a visible page', () => {
  test('come at once if they are set for now or for earlier', async () => {
    const { clock, came, set } = setup();
    set('now', 0);
    set('earlier', -50);
    await clock.advance(0);
    expect(came).toEqual([
      ['now', 0],
      ['earlier', 0],
    ]);
  });

  test('use no memory, and no plain timer after they are cleared', () => {
    const { page, timers, set } = setup('works', true);
    const handle = set('a', 50);
    set('b', 50);
    timers.clearTimeout(handle);
    expect([page.plainTimers, page.memories, page.naps]).toEqual([1, 0, 0]);
  });

  test('that are late tell nothing about what wakes a hidden page', async () => {
    const opened = setup('missing', true);
    const { page, clock, timers, set } = opened;
    set('a', 50);
    await busy(opened, 500);
    set('b', 50);
    page.setHidden(true);
    expect(timers.timerSource).toBe('atomics');
    await clock.advance(100);
  });
});

describe('the timers of a hidden page', () => {
  test('send nothing to a worker before it answers, then each timer once, and each that is over', async () => {
    const { page, clock, timers, came, set } = setup();
    page.setHidden(true);
    const handles = ['a', 'b', 'c', 'd'].map((name, index) => set(name, 100 + index));
    timers.clearTimeout(handles[3]);
    expect(page.messages).toBe(0);
    await clock.advance(boot + 5);
    expect(page.messages).toBe(3);
    await clock.advance(500);
    expect(came.map(([name]) => name)).toEqual(['a', 'b', 'c']);
    expect(page.messages).toBe(6);
  });

  test('send nothing to a worker that never answers', async () => {
    const { page, clock, timers } = setup('never answers');
    page.setHidden(true);
    chain(page, timers, 100);
    await clock.advance(10_000);
    expect(page.messages).toBe(0);
  });

  test('that are cleared do not stay in the worker', async () => {
    const { page, clock, timers, set } = setup();
    page.setHidden(true);
    set('a', 1);
    await clock.advance(boot + 1000);
    const before = clock.timers;
    const handle = set('far', 3_600_000);
    await clock.advance(1);
    expect(clock.timers).toBeGreaterThan(before);
    timers.clearTimeout(handle);
    await clock.advance(1);
    expect(clock.timers).toBe(before);
  });

  test('wait for a worker that starts slowly, though they are late until then', async () => {
    const { page, clock, timers } = setup('starts slowly');
    page.setHidden(true);
    chain(page, timers, 100);
    await clock.advance(slowBoot - 1);
    expect(timers.timerSource).toBe('hop');
    await clock.advance(100);
    expect([timers.timerSource, page.workersMade]).toEqual(['worker', 1]);
  });

  test('reach beyond the longest timer of the platforms without a worker and memory', async () => {
    const { page, clock, came, set } = setup('missing');
    page.setHidden(true);
    set('far', 2 ** 32);
    await clock.advance(2 ** 32 - 1);
    expect(came).toEqual([]);
    await clock.advance(1000);
    expect(came).toHaveLength(1);
  });

  test.each([
    [100, 'atomics'],
    [101, 'hop'],
  ])('that come %s ms late from memory come from: %s', async (late, source) => {
    const opened = setup('missing', true);
    const { page, clock, timers, set } = opened;
    page.setHidden(true);
    set('a', 500);
    await clock.advance(450);
    await busy(opened, 50 + late);
    expect(timers.timerSource).toBe(source);
  });

  test('ask for memory once where there is none', async () => {
    const { page, clock, timers } = setup('missing');
    page.setHidden(true);
    chain(page, timers, 100);
    await clock.advance(5000);
    expect([page.memories, timers.timerSource]).toEqual([1, 'hop']);
  });

  test('do not count on memory that nothing can wait on', async () => {
    const { page, clock, timers } = setup('missing', true);
    page.window.Atomics = {};
    page.setHidden(true);
    chain(page, timers, 100);
    await clock.advance(500);
    expect([page.memories, timers.timerSource]).toEqual([1, 'hop']);
  });

  test('are plain ones where there are no channels to hop by', async () => {
    const { page, clock, came, set } = setup('missing');
    page.window.MessageChannel = undefined;
    page.setHidden(true);
    set('a', 500);
    expect(page.plainTimers).toBe(1);
    await clock.advance(1000);
    expect(came).toEqual([['a', 1000]]);
  });

  test('leave no plain timer if they are cleared on the hop', async () => {
    const { page, clock, timers, set } = setup('missing');
    page.setHidden(true);
    timers.clearTimeout(set('a', 5000));
    await clock.advance(0);
    expect([page.plainTimers, page.channels]).toEqual([0, 0]);
  });

  test('have one plain timer each if the page is looked at while they hop', async () => {
    const { page, clock, set } = setup('missing');
    page.setHidden(true);
    set('a', 5000);
    page.say('resume');
    await clock.advance(0);
    expect([page.plainTimers, page.channels]).toEqual([1, 0]);
  });
});

describe('a page that is hidden', () => {
  test('sets its plain timers without a channel, as no timer started that task', async () => {
    const { page, clock, set } = setup('missing');
    set('a', 500);
    page.setHidden(true);
    await clock.advance(0);
    page.say('resume');
    expect([page.plainTimers, page.channels]).toEqual([1, 0]);
  });

  test('gives memory the timers that were set before', async () => {
    const { page, clock, came, set } = setup('missing', true);
    set('a', 500);
    await clock.advance(100);
    page.setHidden(true);
    await clock.advance(400);
    expect(came).toEqual([['a', 500]]);
  });

  test('keeps its worker when it is looked at', async () => {
    const { page, clock, timers, set } = setup();
    page.setHidden(true);
    set('a', 5000);
    await clock.advance(boot + 1);
    page.say('resume');
    page.say('visibilitychange');
    expect([page.workersMade, page.workersAlive, timers.timerSource]).toEqual([1, 1, 'worker']);
  });

  test('calls a timer that is due just now when it is looked at', async () => {
    const { page, clock, came, set } = setup('missing');
    page.setHidden(true);
    set('a', 500);
    await clock.advance(500);
    expect(came).toEqual([]);
    page.say('resume');
    await clock.advance(0);
    expect(came).toEqual([['a', 500]]);
  });

  test('does not listen to a worker that it has ended', async () => {
    const { page, clock, timers, set } = setup();
    page.setHidden(true);
    set('a', 5000);
    // Its first message is underway then.
    clock.setTimeout(() => page.setHidden(false), boot);
    await clock.advance(boot);
    expect(page.workersAlive).toBe(0);
    page.setHidden(true);
    expect([page.workersMade, timers.timerSource]).toEqual([2, 'hop']);
    await clock.advance(boot);
    expect(timers.timerSource).toBe('worker');
  });
});

describe('a page that leaves', () => {
  test('calls no timer on the way', async () => {
    const { page, clock, came, set } = setup('missing');
    page.setHidden(true);
    set('a', 500);
    await clock.advance(700);
    page.freeze();
    await clock.advance(10_000);
    expect(came).toEqual([]);
    page.resume();
    await clock.advance(0);
    expect(came).toEqual([['a', 10_700]]);
  });

  test('starts no worker and no wait on memory for timers that are set on the way', async () => {
    const { page, clock, came, set } = setup('works', true);
    page.setHidden(true);
    page.say('pagehide');
    set('a', 500);
    expect([page.workersMade, page.naps]).toEqual([0, 0]);
    page.say('pageshow');
    await clock.advance(501);
    expect([page.workersMade, came.length]).toEqual([1, 1]);
  });
});
