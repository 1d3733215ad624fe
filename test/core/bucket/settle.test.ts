import { describe } from 'vitest';
import { quota } from '../../../src/core/limits/quota.ts';
import { slidingWindow } from '../../../src/core/limits/sliding-window.ts';
import { every, T, table } from './step-table.ts';

describe('settle', () => {
  table('charges what a call cost more', every(3), [
    ['take', 0, 1, 0, 1],
    ['settle', 0, 1, 3],
    ['left', 0, 0],
    ['take', 0, 1, 1],
  ]);

  table('makes debts that the next call waits for', every(3), [
    ['take', 0, 1, 0, 1],
    ['settle', 2, 1, 10],
    ['take', 2, 1, 6],
    ['take', 8, 1, 0],
  ]);

  table('charges a call that was estimated at nothing from its instant on', every(2), [
    ['take', 5, 0, 0, 1],
    ['settle', 6, 1, 4],
    ['take', 6, 1, 2],
  ]);

  table('gives back what has not leaked', every(4), [
    ['take', 0, 4, 0, 1],
    ['settle', 1, 1, 1],
    ['left', 1, 4],
  ]);

  table('gives no more back than has not leaked', every(4), [
    ['take', 0, 4, 0, 1],
    ['take', 3, 3, 0],
    ['left', 3, 0],
    ['settle', 3, 1, 0],
    // One call of four was left of the first.
    ['left', 3, 1],
  ]);

  table('gives nothing back of a call that has leaked', every(4), [
    ['take', 0, 4, 0, 1],
    ['take', 4, 4, 0],
    ['settle', 4, 1, 0],
    ['take', 4, 1, 1],
  ]);

  table('gives nothing back of what was given back for an earlier call', every(20), [
    ['take', 0, 10, 0, 1],
    ['take', 0, 10, 0, 2],
    ['settle', 0, 1, 0],
    ['take', 9, 19, 0],
    ['settle', 9, 2, 0],
    // By the true costs 19 calls went at 9.
    ['take', 9, 1, 0],
    ['take', 9, 1, 1],
  ]);

  table('gives nothing back that a reserved call would have had to wait for', every(1), [
    ['take', 0, 1, 0, 1],
    ['reserve', 0, 1, 1],
    ['settle', 0, 1, 0],
    ['take', 1, 1, 1],
  ]);

  table('gives back in full once the reservation was given back', every(2), [
    ['take', 0, 2, 0, 1],
    ['reserve', 0, 2, 2, 2],
    ['cancel', 0, 2],
    ['settle', 0, 1, 0],
    ['left', 0, 2],
  ]);

  table('lets the latest reservation be given back afterwards', every(4), [
    ['take', 0, 4, 0, 1],
    ['reserve', 0, 1, 1, 2],
    ['settle', 0, 1, 2],
    ['cancel', 0, 2],
    ['left', 0, 2],
  ]);

  table(
    'corrects each limit by its own cost',
    [every(9, 'calls'), every(100, 'data')],
    [
      ['take', 0, { calls: 1, data: 60 }, 0, 1],
      ['settle', 0, 1, { calls: 1, data: 10 }],
      ['left', 0, 8, 90],
      ['take', 0, { calls: 1, data: 30 }, 0, 2],
      ['settle', 0, 2, { calls: 5, data: 95 }],
      ['left', 0, 3, 0],
      ['take', 0, { data: 10 }, 15],
    ],
  );
});

describe('settle under a margin that changed', () => {
  // 10 calls per 10 T; with a margin of 10 T, a call each 2 T.
  const ten = quota({ limit: 10, interval: 10 * T, burst: 1 });

  table('charges and gives back no less than the call was charged', ten, [
    ['margin', 0, 10],
    ['take', 0, 1, 0, 1],
    ['margin', 0, 0],
    ['settle', 0, 1, 3],
    // One call at 2 T each, as it was charged, and two more the same.
    ['take', 0, 1, 6],
  ]);

  table('gives back no more than the call was charged', ten, [
    ['take', 0, 1, 0, 1],
    ['reserve', 0, 1, 1],
    ['margin', 0, 10],
    ['settle', 0, 1, 0],
    ['take', 0, 1, 2],
  ]);
});

describe('postpone', () => {
  table('counts a call from a later instant on', every(1), [
    ['take', 0, 1, 0, 1],
    ['postpone', 2, 1, 1.5],
    ['take', 2, 1, 0.5],
  ]);

  table('counts a call from later than now, if it is told so', every(1), [
    ['take', 0, 1, 0, 1],
    ['postpone', 2, 1, 9],
    ['take', 2, 1, 8],
  ]);

  table('makes what went after it as much later, as far as that has not leaked', every(3), [
    ['take', 0, 1, 0, 1],
    ['take', 2, 3, 0],
    ['postpone', 3, 1, 1],
    ['take', 3, 1, 1],
    ['take', 4, 1, 0],
    ['take', 4, 1, 1],
  ]);

  const window = slidingWindow({ limit: 2, interval: 10 * T });

  table('moves a call in its window', window, [
    ['take', 0, 1, 0, 1],
    ['take', 1, 1, 0],
    ['postpone', 4, 1, 3],
    ['take', 4, 1, 7],
    ['take', 11, 1, 0],
    ['take', 11, 1, 2],
  ]);

  table('counts a call whose slot has left the window, while its later instant has not', window, [
    ['take', 0, 2, 0, 1],
    ['take', 10, 1, 0],
    ['postpone', 10, 1, 0.5],
    ['take', 10, 1, 0.5],
  ]);

  table('leaves a call alone that is older than its window', window, [
    ['take', 0, 2, 0, 1],
    ['take', 20, 1, 0],
    ['postpone', 20, 1, 10],
    ['take', 20, 1, 0],
  ]);

  table('counts the smallest part of time', every(1), [
    ['take', 0, 1, 0, 1],
    ['postpone', 0.5, 1, 0.01],
    ['take', 0.5, 1, 0.51],
  ]);

  table('leaves a call alone whose limits have changed since', every(1), [
    ['take', 0, 1, 0, 1],
    ['change', 0, every(2)],
    ['postpone', 0, 1, 1],
    ['take', 0, 1, 0],
    ['take', 0, 1, 1],
  ]);

  table('moves what was reserved after the call', every(1), [
    ['take', 0, 1, 0, 1],
    ['reserve', 0, 1, 1, 2],
    ['reserve', 0, 1, 2, 3],
    ['postpone', 0.5, 1, 0.5],
    ['arrive', 1, 1, 0.5, 2],
    ['arrive', 1.5, 1, 0, 2],
    ['arrive', 2.5, 1, 0, 3],
    ['take', 2.5, 1, 1],
  ]);

  table('moves what was reserved but once for calls that were late together', every(2), [
    ['take', 0, 1, 0, 1],
    ['take', 0, 1, 0, 2],
    ['reserve', 0, 1, 1, 3],
    ['postpone', 0.5, 1, 0.5],
    ['postpone', 0.5, 2, 0.5],
    ['arrive', 1, 1, 0.5, 3],
    ['arrive', 1.5, 1, 0, 3],
    ['take', 1.5, 1, 1],
  ]);

  table('moves nothing while a later slot stays where it is', every(1), [
    ['take', 0, 1, 0, 1],
    ['reserve', 0, 1, 1, 2],
    ['fix', 0, 1, 2],
    ['postpone', 0.5, 1, 0.5],
    ['arrive', 1, 1, 0, 2],
  ]);

  table('moves the others once the slot that had to stay has come', every(1), [
    ['take', 0, 1, 0],
    ['fix', 0, 1, 1, 1],
    ['reserve', 0, 1, 2, 2],
    ['arrive', 1, 1, 0, 1],
    ['postpone', 1, 1, 0.5],
    ['arrive', 2, 1, 0.5, 2],
  ]);

  table(
    'passes by the limits that the call passed by',
    [every(1, 'calls'), every(1, 'data')],
    [
      ['take', 0, { calls: 1, data: 0 }, 0, 1],
      ['postpone', 1, 1, 0.5],
      ['take', 1, { calls: 0, data: 1 }, 0],
      ['take', 1, { calls: 1, data: 0 }, 0.5],
    ],
  );

  table('counts from later on what is left of a call that cost less', every(4), [
    ['take', 0, 4, 0, 1],
    ['settle', 0, 1, 2],
    ['postpone', 1, 1, 1],
    ['left', 1, 2],
  ]);
});
