import type { Clock } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Fence } from '../../src/storage/fence.ts';
import { outcomeOf } from '../core/line/outcome.ts';

/** A fence of one tab, and the names of the locks that all hold. */
function setup(clock: Clock = new ManualClock()) {
  const held = new Set<string>();
  const locks = {
    request: async (name: string, _: unknown, callback: () => unknown) => {
      held.add(name);
      try {
        return await callback();
      } finally {
        held.delete(name);
      }
    },
    query: async () => ({ held: [...held].map((name) => ({ name })) }),
  };
  return { held, locks, fence: new Fence(locks as never, clock) };
}

/** Counts the channels that were made, and those that are open. */
function countChannels() {
  const count = { made: 0, open: 0 };
  vi.stubGlobal(
    'MessageChannel',
    class extends MessageChannel {
      constructor() {
        super();
        count.made++;
        count.open++;
        const close = this.port1.close.bind(this.port1);
        this.port1.close = () => {
          count.open--;
          close();
        };
      }
    },
  );
  onTestFinished(() => void vi.unstubAllGlobals());
  return count;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const never = () => false;

describe('who passes a fence', () => {
  it('waits for the write that it tells, and no longer', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    const channels = countChannels();
    held.add('sluice written 1 key');
    let here = 0;
    const passing = outcomeOf(
      fence.pass('key', () => here, never),
      clock,
    );
    await turns();
    expect([passing.state, channels]).toEqual(['pending', { made: 1, open: 1 }]);
    here = 1;
    await turns();
    expect([passing.value, channels]).toEqual([1, { made: 1, open: 0 }]);
  });

  it('does not wait for what is here, and makes no channel for that', async () => {
    const channels = countChannels();
    const { held, fence } = setup();
    held.add('sluice written 7 key');
    for (const here of [7, 8]) expect(await fence.pass('key', () => here, never)).toBe(7);
    expect(channels.made).toBe(0);
  });

  it('gives up after 250 ms, and does not wait for that write again', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    held.add('sluice written 7 key');
    const pass = () =>
      outcomeOf(
        fence.pass('key', () => 0, never),
        clock,
      );
    const first = pass();
    await turns();
    await clock.advance(249);
    await turns();
    expect(first.state).toBe('pending');
    await clock.advance(1);
    await turns();
    expect(first.value).toBe(7);
    const again = pass();
    await turns();
    expect(again.value).toBe(7);
    held.add('sluice written 8 key');
    const later = pass();
    await turns();
    expect(later.state).toBe('pending');
    await clock.advance(250);
    await turns();
  });

  it('waits for a later write, though its number is lower, as where the wall clock was set back', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    const pass = async () => {
      const passing = outcomeOf(
        fence.pass('key', () => 0, never),
        clock,
      );
      await turns();
      const { state } = passing;
      await clock.advance(250);
      await turns();
      return state;
    };
    held.add('sluice written 7 key');
    expect([await pass(), await pass()]).toEqual(['pending', 'fulfilled']);
    held.clear();
    fence.raise('key', 3);
    await clock.advance(2000);
    held.add('sluice written 5 key');
    expect(await pass()).toBe('pending');
  });

  it('stops waiting when its lock is lost, and waits again for the same write', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    held.add('sluice written 7 key');
    let isLost = false;
    const pass = () =>
      outcomeOf(
        fence.pass(
          'key',
          () => 0,
          () => isLost,
        ),
        clock,
      );
    const passing = pass();
    await turns();
    expect(passing.state).toBe('pending');
    isLost = true;
    await turns();
    expect(passing.value).toBe(7);
    isLost = false;
    const again = pass();
    await turns();
    expect(again.state).toBe('pending');
    await clock.advance(250);
    await turns();
  });

  it('waits by the clock where there are no channels', async () => {
    vi.stubGlobal('MessageChannel', undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    held.add('sluice written 1 key');
    let looks = 0;
    const passing = outcomeOf(
      fence.pass('key', () => (looks++ < 5 ? 0 : 1), never),
      clock,
    );
    await clock.advance(0);
    expect([passing.value, looks, clock.timers]).toEqual([1, 6, 0]);
  });

  it.each([
    'fluice written 9 key',
    'sluice written 9 other',
    'sluice written 9 otherkey',
    'sluice written x key',
    'sluice written -9 key',
    'sluice written 1.5 key',
    'sluice written 9007199254740993 key',
  ])('does not take another lock for a fence: %s', async (name) => {
    const { held, fence } = setup();
    held.add(name);
    expect(await fence.pass('key', () => 0, never)).toBe(0);
    held.add('sluice written 3 key');
    expect(await fence.pass('key', () => 3, never)).toBe(3);
  });
});

describe('a fence', () => {
  it('replaces that of the write before, and stays for a second', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    fence.raise('key', 1);
    await clock.advance(500);
    fence.raise('other', 5);
    fence.raise('key', 2);
    await turns();
    expect([...held].sort()).toEqual(['sluice written 2 key', 'sluice written 5 other']);
    expect(clock.timers).toBe(1);
    await clock.advance(500);
    expect(held.size).toBe(2);
    await clock.advance(1000);
    expect([held.size, clock.timers]).toEqual([0, 0]);
    fence.raise('key', 3);
    await clock.advance(1000);
    expect([held.size, clock.timers]).toEqual([0, 0]);
  });

  it('that is the last of several stays for a second as well', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    fence.raise('a', 1);
    await clock.advance(300);
    fence.raise('b', 2);
    await clock.advance(700);
    expect([...held]).toEqual(['sluice written 2 b']);
    await clock.advance(1000);
    expect([held.size, clock.timers]).toEqual([0, 0]);
  });

  it('is lowered when the page stops if it has stood for 100 ms, and a younger one stays', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    fence.raise('a', 1);
    await clock.advance(1);
    fence.raise('b', 2);
    await clock.advance(99);
    fence.lower();
    await turns();
    expect([...held]).toEqual(['sluice written 2 b']);
    await clock.advance(2000);
  });

  it('that is younger, though its item is older, keeps no other up', async () => {
    const clock = new ManualClock();
    const { held, fence } = setup(clock);
    fence.raise('a', 1);
    fence.raise('b', 2);
    await clock.advance(99);
    fence.raise('a', 3);
    await clock.advance(1);
    fence.lower();
    await turns();
    expect([...held]).toEqual(['sluice written 3 a']);
    await clock.advance(2000);
  });

  it('that the browser refuses is no failure', async () => {
    const { locks, fence } = setup();
    locks.request = () => Promise.reject(new DOMException('The document is not active.', 'InvalidStateError'));
    fence.raise('key', 1);
    await turns();
  });

  it('keeps no process open, on a clock with whatever handles', async () => {
    const unref = vi.fn();
    for (const handle of [{ unref }, {}, 5, undefined]) {
      const { held, fence } = setup({ now: () => 0, monotonic: () => 0, setTimeout: () => handle, clearTimeout() {} });
      fence.raise('key', 1);
      await turns();
      expect(held.size).toBe(1);
    }
    expect(unref).toHaveBeenCalledOnce();
  });
});
