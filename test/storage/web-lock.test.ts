import { ManualClock } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { LockedLine } from '../../src/storage/locked-line.ts';
import { type Hold, WebLocks } from '../../src/storage/web-lock.ts';
import { outcomeOf } from '../core/line/outcome.ts';
import { Browser, type Tab } from './browser-model.ts';
import { dice } from './storages.ts';
import { useTabGlobals } from './tab-stores.ts';

useTabGlobals();

/** A tab with locks, in a browser with others. */
function setup() {
  const clock = new ManualClock();
  const browser = new Browser(clock, dice(1));
  const tab = browser.openTab();
  const locks = new WebLocks(tab.locks, tab.clock);
  const pass = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
  /** Holds the lock for `ms`, once, and says how often it was begun. */
  const hold = (ms: number) => {
    const holds: Hold[] = [];
    const section = async (hold: Hold) => {
      holds.push(hold);
      await pass(ms);
      hold.isDone = !hold.isLost;
    };
    return { holds, outcome: outcomeOf(locks.hold('name', section), clock) };
  };
  /** Another tab that holds the lock for `ms`, as code without a care would. */
  const holdElsewhere = (ms: number, other: Tab = browser.openTab()) =>
    void other.locks.request('name', () => pass(ms)).catch(() => {});
  return { clock, browser, tab, locks, hold, holdElsewhere };
}

/** Expects that a page holds nothing until it wakes. */
async function expectSleep({ clock, locks, hold }: Pick<ReturnType<typeof setup>, 'clock' | 'locks' | 'hold'>) {
  const { holds } = hold(10);
  await clock.advance(1_000);
  expect(holds.length).toBe(0);
  locks.wake();
  await clock.advance(100);
  expect(holds.length).toBe(1);
}

describe('a lock that is held', () => {
  it('is asked about by nobody, and leaves no check behind', async () => {
    const { clock, browser, locks, hold } = setup();
    const { outcome } = hold(550);
    await clock.advance(600);
    expect([outcome.state, browser.asked.query]).toEqual(['fulfilled', 0]);
    await clock.advance(101);
    expect([clock.timers, browser.asked.query]).toEqual([0, 0]);
    const abort = vi.spyOn(AbortController.prototype, 'abort');
    locks.sleep(false);
    expect(abort).not.toHaveBeenCalled();
    abort.mockRestore();
  });

  it('is held for a whole second, however long was waited for it', async () => {
    const { clock, hold, holdElsewhere } = setup();
    holdElsewhere(905);
    await clock.advance(2);
    const { holds, outcome } = hold(950);
    await clock.advance(2000);
    expect([outcome.state, holds.length]).toEqual(['fulfilled', 1]);
  });

  it('is released after a second, and requested again for the four seconds that there are', async () => {
    const { clock, browser, hold } = setup();
    const { holds, outcome } = hold(60_000);
    await clock.advance(900);
    expect(holds).toEqual([{ isLost: false, isDone: false }]);
    await clock.advance(4_000);
    expect(outcome).toMatchObject({ state: 'rejected', error: { message: expect.stringContaining('4000 ms') } });
    expect(holds).toEqual(Array.from({ length: 4 }, () => ({ isLost: true, isDone: false })));
    // Nobody else had it.
    expect(browser.asked.query).toBe(0);
  });

  it('is lost when the page goes to sleep', async () => {
    const { clock, browser, locks, hold } = setup();
    const { holds } = hold(300);
    await clock.advance(10);
    expect(holds).toEqual([{ isLost: false, isDone: false }]);
    locks.sleep(false);
    expect(holds[0]?.isLost).toBe(true);
    await clock.advance(2);
    expect(browser.heldNames).toEqual([]);
  });
});

it('work that fails under a lock fails with its own error, whatever that is', async () => {
  for (const reason of [null, new Error('own'), 'text']) {
    const { clock, locks, browser } = setup();
    const outcome = outcomeOf(
      locks.hold('name', () => Promise.reject(reason)),
      clock,
    );
    await clock.advance(10);
    expect([outcome.state, outcome.error, browser.heldNames]).toEqual(['rejected', reason, []]);
  }
});

describe('a page that sleeps', () => {
  it('requests nothing until it wakes, and then has four seconds again', async () => {
    const { clock, locks, hold, holdElsewhere } = setup();
    locks.sleep(false);
    const { holds, outcome } = hold(10);
    await clock.advance(10_000);
    expect([outcome.state, holds.length]).toEqual(['pending', 0]);
    holdElsewhere(1_500);
    await clock.advance(2);
    locks.wake();
    await clock.advance(2_000);
    expect([outcome.state, holds.length]).toEqual(['fulfilled', 1]);
  });

  it('sleeps on if it goes to sleep again as soon as it wakes', async () => {
    const { clock, locks, hold } = setup();
    locks.sleep(false);
    locks.wake();
    locks.sleep(false);
    await clock.advance(1);
    await expectSleep({ clock, locks, hold });
  });

  it('sleeps though the browser refuses the lock that shows it', async () => {
    const { clock, tab, locks, hold } = setup();
    const { request } = tab.locks;
    Object.assign(tab.locks, {
      request: (name: string, ...rest: [never]) =>
        name === 'sluice-frozen' ? Promise.reject(new Error('refused')) : request(name, ...rest),
    });
    locks.sleep(true);
    await expectSleep({ clock, locks, hold });
  });
});

describe('a lock that another tab holds for long', () => {
  it('is stolen once it held it for two seconds, and worked under once; others may steal from then on', async () => {
    const { clock, browser, hold, holdElsewhere } = setup();
    holdElsewhere(60_000);
    await clock.advance(2);
    const { holds, outcome } = hold(200);
    await clock.advance(1_990);
    expect([holds.length, browser.asked.steal]).toEqual([0, 0]);
    await clock.advance(100);
    expect([holds.length, browser.asked.steal]).toEqual([1, 1]);
    expect(browser.heldNames).toEqual(['name']);
    await clock.advance(300);
    expect([outcome.state, holds.length]).toEqual(['fulfilled', 1]);
  });

  it('is not stolen as soon as the page wakes: its holder may be another by then', async () => {
    const { clock, browser, locks, hold, holdElsewhere } = setup();
    holdElsewhere(60_000);
    await clock.advance(2);
    const { holds } = hold(10);
    await clock.advance(1_500);
    locks.sleep(false);
    await clock.advance(5_000);
    locks.wake();
    await clock.advance(1_000);
    expect([holds.length, browser.asked.steal]).toEqual([0, 0]);
    await clock.advance(1_100);
    expect([holds.length, browser.asked.steal]).toEqual([1, 1]);
  });

  it('is left again if the page goes to sleep while it steals', async () => {
    const { clock, browser, locks, hold, holdElsewhere } = setup();
    holdElsewhere(60_000);
    await clock.advance(2);
    const { holds } = hold(10);
    while (browser.asked.steal === 0) await clock.advance(0.01);
    locks.sleep(false);
    await clock.advance(1_000);
    expect([holds.length, browser.heldNames]).toEqual([0, []]);
    locks.wake();
    await clock.advance(100);
    expect(holds.length).toBe(1);
  });

  it.each<[string, (held: LockInfo[]) => LockInfo[]]>([
    ['by another holder', (held) => held.map((lock) => ({ ...lock, clientId: 'another' }))],
    ['frozen since', (held) => [...held, { ...held[0], name: 'sluice-frozen' }]],
    ['by nobody', () => []],
  ])('is not stolen if it turns out to be held %s', async (_, change) => {
    const { clock, browser, tab, hold, holdElsewhere } = setup();
    const { query } = tab.locks;
    Object.assign(tab.locks, {
      query: async () => {
        const { held = [] } = await query();
        return { held: browser.heldNames.includes('name robbed') ? change(held) : held };
      },
    });
    holdElsewhere(60_000);
    await clock.advance(2);
    const { holds } = hold(10);
    await clock.advance(2_500);
    expect([holds.length, browser.asked.steal]).toEqual([0, 0]);
  });

  it.each(['name', 'name robbed'])(
    'fails the work with the reason if the browser refuses to steal: %s',
    async (name) => {
      const { clock, browser, tab, hold, holdElsewhere } = setup();
      const { request } = tab.locks;
      const reason = new DOMException('The document is not active.', 'InvalidStateError');
      Object.assign(tab.locks, {
        request: (asked: string, options: LockOptions, callback: never) =>
          asked === name && options.signal === undefined ? Promise.reject(reason) : request(asked, options, callback),
      });
      holdElsewhere(60_000);
      await clock.advance(2);
      const { outcome } = hold(10);
      await clock.advance(2_100);
      expect(outcome.error).toBe(reason);
      expect(browser.heldNames).toEqual(['name']);
    },
  );

  it('is not lost again by news of a holder before', async () => {
    const { clock, browser, tab, hold, holdElsewhere } = setup();
    Object.assign(tab.locks, {
      query: async () => {
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 50));
        return { held: ['name', 'sluice-frozen'].map((name) => ({ name, clientId: 'before' })) };
      },
    });
    holdElsewhere(120);
    await clock.advance(2);
    const { holds, outcome } = hold(300);
    await clock.advance(500);
    expect([outcome.state, holds.length, browser.asked.request]).toEqual(['fulfilled', 1, 2]);
  });

  it('is not stolen from one that has just got it from another', async () => {
    const { clock, browser, hold, holdElsewhere } = setup();
    holdElsewhere(1_500);
    await clock.advance(2);
    holdElsewhere(1_300);
    await clock.advance(2);
    const { outcome } = hold(10);
    await clock.advance(3_000);
    expect([outcome.state, browser.asked.steal]).toEqual(['fulfilled', 0]);
  });
});

describe('the steps that run under one lock', () => {
  it('know the latest write, and those among themselves', async () => {
    const { clock, browser, tab } = setup();
    const line = new LockedLine(tab.locks, tab.clock);
    const known: number[] = [];
    const step = (written?: number) =>
      tab.run(() =>
        line.join('item', tab.storage, (latest) => {
          known.push(latest);
          return written;
        }),
      );
    const steps = [undefined, 7, undefined, undefined].map(step);
    await clock.advance(10);
    await Promise.all(steps);
    expect(known).toEqual([0, 0, 7, 7]);
    // The fence is raised though the last step wrote nothing.
    expect(browser.heldNames).toEqual(['sluice written 7 item']);
    expect(browser.asked).toMatchObject({ request: 2, query: 1 });
  });
});
