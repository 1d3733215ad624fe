import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../src/core/base/grant.ts';
import type { Link } from '../../../src/core/throttle/adapter-link.ts';
import { JoinedLink } from '../../../src/core/throttle/joined-link.ts';

const grants = ['amy', 'api'].map((key): Grant => ({ key, at: 5 }));
const [first] = grants as [Grant, Grant];

/** Two links that log what they are told, joined. Only the second listens to servers. */
function setup(own: readonly [Partial<Link>, Partial<Link>] = [{}, {}]) {
  const log: unknown[][] = [];
  const linkOf = (name: string, own: Partial<Link>) => {
    const note =
      (act: string) =>
      (...told: unknown[]) =>
        void log.push([name, act, ...told]);
    return {
      clock: new ManualClock(),
      maxPause: 10,
      areLimitsLearned: false,
      leave: note('leave'),
      warn: note('warn'),
      noteDeparture: note('noteDeparture'),
      noteArrival: note('noteArrival'),
      listen: note('listen'),
      ...own,
    } as unknown as Link;
  };
  const parts = [
    { link: linkOf('first', own[0]), listens: false },
    { link: linkOf('second', own[1]), listens: true },
  ];
  const entered: unknown[] = [];
  const enter = async (...call: unknown[]) => {
    entered.push(call);
    return first;
  };
  const joined = new JoinedLink(parts, enter, (grant) => (grant === first ? grants : []));
  return { joined, parts, log, entered };
}

describe('the link of several throttles', () => {
  test('lets a call wait for all of them, and never go without a wait', async () => {
    const { joined, entered } = setup();
    const options = { cost: 2, maxWait: undefined, priority: undefined, signal: undefined };
    expect(await joined.enter('amy', options)).toBe(first);
    expect(entered).toEqual([['amy', options]]);
    expect(joined.enterNow()).toBeUndefined();
  });

  test('has the clock of the first and the longest of their pauses', () => {
    const { joined, parts } = setup([{ maxPause: 30 }, { maxPause: 20 }]);
    expect(joined.clock).toBe(parts[0]?.link.clock);
    expect(joined.maxPause).toBe(30);
  });

  test.each([
    ['the throttle that listens learns them', false, true, true],
    ['only the other throttle learns them', true, false, false],
    ['none learns them', false, false, false],
  ])('tells whether servers define the limits: %s', (_, one, other, areLearned) => {
    const { joined } = setup([{ areLimitsLearned: one }, { areLimitsLearned: other }]);
    expect(joined.areLimitsLearned).toBe(areLearned);
  });

  test('tells each throttle of its own grant', () => {
    const { joined, log } = setup();
    const { signal } = new AbortController();
    joined.noteDeparture(first, true);
    joined.noteArrival(first);
    joined.leave(first, 'ok', signal);
    expect(log).toEqual([
      ['first', 'noteDeparture', grants[0], true],
      ['second', 'noteDeparture', grants[1], true],
      ['first', 'noteArrival', grants[0]],
      ['second', 'noteArrival', grants[1]],
      ['first', 'leave', grants[0], 'ok', signal],
      ['second', 'leave', grants[1], 'ok', signal],
    ]);
  });

  test('passes answers only to a throttle that listens, under its own key', () => {
    const { joined, log } = setup();
    const signal = { throttled: false, buckets: [], ignored: [] };
    joined.listen('amy', first, signal, 7);
    expect(log).toEqual([['second', 'listen', 'api', grants[1], signal, 7]]);
  });

  test('warns the listeners of each', () => {
    const { joined, log } = setup();
    joined.warn('dialect', 'amy', 'Unknown.');
    expect(log).toEqual([
      ['first', 'warn', 'dialect', 'amy', 'Unknown.'],
      ['second', 'warn', 'dialect', 'amy', 'Unknown.'],
    ]);
  });
});
