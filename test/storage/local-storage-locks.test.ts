import { describe, expect, it } from 'vitest';
import { conflictsIn, openTabs, useTabGlobals } from './tab-stores.ts';

useTabGlobals();

/** The name of the lock that guards the bucket of the tests. */
const name = 'sluice sluice:key';

/** Tabs of which the first has asked for a slot and holds the lock, though it has not decided yet. */
async function withHolder(count: number, seed?: number) {
  const opened = openTabs(count, seed);
  const { clock, browser, callers } = opened;
  const [holder, ...others] = callers as [(typeof callers)[0], ...typeof callers];
  for (const { take } of callers) take();
  await clock.advance(50);
  const first = holder.take();
  const holds = () => browser.heldNames.includes(name);
  while (!holds()) await clock.advance(0.05);
  return { ...opened, holder, others, first };
}

describe.each([1, 2, 3, 4])('a tab that is frozen while it holds the lock (seed %s)', (seed) => {
  it('loses it to the next tab after two seconds', async () => {
    const { clock, browser, holder, others, slots } = await withHolder(2, seed);
    holder.tab.freeze();
    const taken = others[0]?.take();
    await clock.advance(1_900);
    expect(taken).toMatchObject({ state: 'pending' });
    await clock.advance(200);
    expect(taken).toMatchObject({ state: 'fulfilled' });
    expect(browser.asked.steal).toBe(1);
    expect(conflictsIn(slots)).toBe(0);
  });

  it('loses it once, however many wait', async () => {
    const { clock, browser, holder, others, slots } = await withHolder(6, seed);
    holder.tab.freeze();
    const taken = others.map(({ take }) => take());
    await clock.advance(2_300);
    expect(taken.map(({ state }) => state)).toEqual(others.map(() => 'fulfilled'));
    expect(browser.asked.steal).toBe(1);
    expect(conflictsIn(slots)).toBe(0);
  });

  it.each([
    ['before it knew the latest write', false],
    ['while it was told the latest write', true],
  ])('decides nothing when it wakes, frozen %s, and gets a slot of its own', async (_, isTold) => {
    const { clock, browser, holder, others, first, slots } = await withHolder(3, seed);
    const { query } = browser.asked;
    while (isTold && browser.asked.query === query) await clock.advance(0.01);
    holder.tab.freeze();
    for (let call = 0; call < 5; call++) for (const { take } of others) take();
    await clock.advance(2_500);
    expect(first.state).toBe('pending');
    holder.tab.thaw();
    await clock.advance(100);
    expect(first).toMatchObject({ state: 'fulfilled' });
    expect(slots.length).toBe(3 + 1 + 10);
    expect(conflictsIn(slots)).toBe(0);
  });

  it('releases it at once when its page leaves', async () => {
    const { clock, browser, holder, others, first } = await withHolder(2, seed);
    const { query } = browser.asked;
    while (browser.asked.query === query) await clock.advance(0.01);
    holder.tab.page.dispatchEvent(new Event('pagehide'));
    holder.tab.freeze();
    const taken = others[0]?.take();
    await clock.advance(50);
    expect(taken).toMatchObject({ state: 'fulfilled' });
    expect(first.state).toBe('pending');
    holder.tab.thaw();
    holder.tab.page.dispatchEvent(new Event('pageshow'));
    await clock.advance(50);
    expect(first.state).toBe('fulfilled');
    expect(browser.asked.steal).toBe(0);
  });
});

describe.each([1, 2, 3, 4])('a page that freezes at the instant at which it gets the lock (seed %s)', (seed) => {
  /** It has the lock, though it does not know it yet. */
  async function withFrozen(count: number) {
    const opened = await withHolder(count, seed);
    const { tab } = opened.holder;
    tab.page.dispatchEvent(new Event('freeze'));
    tab.freeze();
    return { ...opened, tab };
  }

  it('loses it to the next tab after 100 ms, once, however many wait', async () => {
    const { clock, browser, tab, others, slots } = await withFrozen(6);
    const taken = others.map(({ take }) => take());
    await clock.advance(90);
    expect(browser.held).toContainEqual(expect.objectContaining({ tab, name }));
    expect(taken.map(({ state }) => state)).toEqual(others.map(() => 'pending'));
    await clock.advance(60);
    expect(taken.map(({ state }) => state)).toEqual(others.map(() => 'fulfilled'));
    expect(browser.asked.steal).toBe(1);
    expect(conflictsIn(slots)).toBe(0);
  });

  it('decides nothing under the stolen lock when it resumes, and gets its own slot', async () => {
    const { clock, browser, tab, others, first, slots } = await withFrozen(3);
    for (let call = 0; call < 5; call++) for (const { take } of others) take();
    await clock.advance(500);
    expect(first.state).toBe('pending');
    tab.thaw();
    tab.page.dispatchEvent(new Event('resume'));
    await clock.advance(100);
    expect(first).toMatchObject({ state: 'fulfilled' });
    expect(slots.length).toBe(3 + 1 + 10);
    expect(conflictsIn(slots)).toBe(0);
    expect(browser.asked.steal).toBe(1);
  });

  it('loses it to tabs that have already waited for long', async () => {
    const { clock, browser, holder, others } = await withHolder(2, seed);
    holder.tab.freeze();
    const taken = others[0]?.take();
    await clock.advance(250);
    holder.tab.page.dispatchEvent(new Event('freeze'));
    await clock.advance(110);
    expect(taken).toMatchObject({ state: 'fulfilled' });
    expect(browser.asked.steal).toBe(1);
  });

  it('loses it to the next tab even if another froze while stealing it', async () => {
    const { clock, browser, others, slots } = await withFrozen(4);
    const [robber, ...rest] = others as [(typeof others)[0], ...typeof others];
    const unlucky = robber.take();
    while (!browser.heldNames.includes(`${name} robbed`)) await clock.advance(0.05);
    robber.tab.page.dispatchEvent(new Event('freeze'));
    robber.tab.freeze();
    const taken = rest.map(({ take }) => take());
    await clock.advance(500);
    expect(taken.map(({ state }) => state)).toEqual(rest.map(() => 'fulfilled'));
    robber.tab.thaw();
    robber.tab.page.dispatchEvent(new Event('resume'));
    await clock.advance(500);
    expect(unlucky.state).toBe('fulfilled');
    expect(conflictsIn(slots)).toBe(0);
  });

  it('loses it even if one of those who try to steal it at once freezes then', async () => {
    const { clock, browser, others, slots } = await withFrozen(4);
    const taken = others.map(({ take }) => take());
    const robber = () => browser.held.find((held) => held.name === `${name} robbed`)?.tab;
    while (robber() === undefined) await clock.advance(0.05);
    const { tab } = others.find((other) => other.tab === robber()) as (typeof others)[0];
    tab.page.dispatchEvent(new Event('freeze'));
    tab.freeze();
    await clock.advance(500);
    expect(taken.map(({ state }) => state).sort()).toEqual(['fulfilled', 'fulfilled', 'pending']);
    tab.thaw();
    tab.page.dispatchEvent(new Event('resume'));
    await clock.advance(500);
    expect(taken.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(conflictsIn(slots)).toBe(0);
  });

  it('holds no lock that could be stolen while it still looks frozen to others', async () => {
    const { clock, browser, callers } = openTabs(1, seed);
    const [{ tab, take }] = callers as [(typeof callers)[0]];
    take();
    await clock.advance(50);
    tab.page.dispatchEvent(new Event('freeze'));
    tab.freeze();
    await clock.advance(500);
    expect(browser.heldNames).toContain('sluice-frozen');
    tab.thaw();
    tab.page.dispatchEvent(new Event('resume'));
    const taken = take();
    while (taken.state === 'pending') {
      await clock.advance(0.01);
      expect(browser.heldNames).not.toEqual(expect.arrayContaining([name, 'sluice-frozen']));
    }
    expect(browser.heldNames).not.toContain('sluice-frozen');
  });
});

describe('a page that goes to sleep', () => {
  it('leaves the line, and asks again when it wakes', async () => {
    const { clock, browser, holder, others } = await withHolder(2);
    holder.tab.freeze();
    const taken = others[0]?.take();
    await clock.advance(20);
    expect(browser.queue.length).toBe(1);
    others[0]?.tab.page.dispatchEvent(new Event('freeze'));
    await clock.advance(20);
    expect(browser.queue.length).toBe(0);
    holder.tab.thaw();
    await clock.advance(10_000);
    expect(taken).toMatchObject({ state: 'pending' });
    others[0]?.tab.page.dispatchEvent(new Event('resume'));
    await clock.advance(0);
    await clock.advance(20);
    expect(taken).toMatchObject({ state: 'fulfilled' });
  });

  it('keeps no fence that others do not need', async () => {
    const { clock, browser, callers } = openTabs(1);
    callers[0]?.take();
    await clock.advance(200);
    expect(browser.heldNames).toEqual([expect.stringMatching(/^sluice written \d+ sluice:key$/)]);
    callers[0]?.tab.page.dispatchEvent(new Event('pagehide'));
    await clock.advance(1);
    expect(browser.heldNames).toEqual([]);
  });
});

describe('a line behind a cached page', () => {
  it('moves on when a request is given up after a second', async () => {
    const { clock, browser, callers } = openTabs(3);
    browser.isStuck = true;
    const taken = callers.map(({ take }) => take());
    await clock.advance(900);
    expect(taken.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
    await clock.advance(200);
    expect(taken.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(browser.asked.steal).toBe(0);
  });
});

describe('a lock', () => {
  it('fails its waiting operations if it cannot be held within 4 seconds', async () => {
    const { clock, browser, callers } = openTabs(1);
    browser.enqueue = () => {};
    const taken = callers[0]?.take();
    await clock.advance(5_000);
    expect(taken).toMatchObject({
      state: 'rejected',
      error: new Error('The Web Lock "sluice sluice:key" could not be held within 4000 ms.'),
    });
    expect(taken?.at).toBeLessThan(4_200);
  });

  it('that the browser refuses fails the call with the reason', async () => {
    const { clock, callers } = openTabs(1);
    const reason = new DOMException('The document is not active.', 'InvalidStateError');
    Object.assign(callers[0]?.tab.locks as object, { request: () => Promise.reject(reason) });
    const taken = callers[0]?.take();
    await clock.advance(1);
    expect(taken).toMatchObject({ state: 'rejected', error: reason });
  });

  it('is requested once for all waiting operations of one tab, and for each key by itself', async () => {
    const { clock, browser, callers, slots } = openTabs(1);
    const taken = Array.from({ length: 100 }, () => callers[0]?.take());
    await clock.advance(20);
    expect(taken.every((one) => one?.state === 'fulfilled')).toBe(true);
    expect(conflictsIn(slots)).toBe(0);
    // The lock and the fence.
    expect(browser.asked).toMatchObject({ request: 2, query: 1 });
    callers[0]?.take('other');
    await clock.advance(20);
    expect(browser.asked).toMatchObject({ request: 4, query: 2 });
  });

  it('leaves no timer and no fence behind', async () => {
    const { clock, browser, callers } = openTabs(2);
    for (const { take } of callers) take();
    await clock.advance(1_500);
    expect(browser.heldNames.length).toBeLessThan(3);
    await clock.advance(1_000);
    expect(browser.heldNames).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
