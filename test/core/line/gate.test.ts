import { ManualClock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { Events } from '../../../src/core/base/events.ts';
import type { CallGrant } from '../../../src/core/base/grant.ts';
import { Gate, Gates } from '../../../src/core/line/gate.ts';
import { GoAloneGate } from '../../../src/core/line/go-alone-gate.ts';

/** The gates of a throttle, and the keys that went on after a pause. */
function made() {
  const clock = new ManualClock();
  const events = new Events();
  const gates = new Gates({ clock, events });
  const resumed: string[] = [];
  events.on('resumed', ({ key }) => void resumed.push(key));
  return { clock, gates, resumed, now: () => clock.monotonic() };
}

describe('a gate', () => {
  test('lets a call go at the very instant at which the pause ends', async () => {
    const { clock, gates, resumed, now } = made();
    const gate = gates.of('key');
    gate.pause(100);
    await clock.advance(99);
    expect([gate.open(now(), 0), gate.isIdle(now())]).toEqual([false, false]);
    await clock.advance(1);
    expect([gate.open(now(), 0), gate.isIdle(now())]).toEqual([true, true]);
    expect(resumed).toEqual(['key']);
  });

  test('lets a call go at the very instant at which it opens', () => {
    const { clock } = made();
    class Opening extends Gate {
      override opensAt(now: number): number {
        return now;
      }
    }
    expect(new Opening('key', { clock, events: new Events() }).open(5, 0)).toBe(true);
  });

  test('is clear only while it holds nothing back', () => {
    const { gates, now } = made();
    gates.upgrade(GoAloneGate);
    const isClear = (key: string) => gates.of(key).isClear(now(), 0);
    gates.of('paused').pause(100);
    (gates.of('alone') as GoAloneGate).goAlone();
    expect(['fresh', 'paused', 'alone'].map(isClear)).toEqual([true, false, false]);
  });

  test('tells of a pause once if the same comes twice', () => {
    const { clock } = made();
    const events = new Events();
    let paused = 0;
    events.on('paused', () => paused++);
    const gate = new Gate('key', { clock, events });
    for (const ms of [100, 100, 50]) gate.pause(ms);
    expect(paused).toBe(1);
  });

  test('whose pause is over tells so when another key is paused', async () => {
    const { clock, gates, resumed } = made();
    gates.pause('first', 100);
    await clock.advance(100);
    gates.pause('second', 100);
    expect(resumed).toEqual(['first']);
  });

  test('is gone when all are cleared', () => {
    const { gates } = made();
    gates.pause('key', 100);
    gates.clear();
    expect([gates.find('key'), gates.pausedUntil('key')]).toEqual([undefined, -Infinity]);
  });

  test('stays closed through a pause when gates that know more take its place', () => {
    const { gates, now } = made();
    gates.of('key').pause(100);
    gates.upgrade(GoAloneGate);
    expect(gates.of('key')).toBeInstanceOf(GoAloneGate);
    expect([gates.of('key').opensAt(now(), 0), gates.of('other').opensAt(now(), 0)]).toEqual([now() + 100, -Infinity]);
  });

  test('is kept among a thousand, then dropped if it says nothing more, and its pause ends', async () => {
    const { clock, gates, resumed } = made();
    gates.of('over').pause(100);
    gates.of('paused').pause(10_000);
    await clock.advance(100);
    for (let index = 2; index < 1_000; index++) gates.of(`key ${index}`);
    expect(gates.find('over')).toBeDefined();
    gates.of('one more');
    expect([gates.find('over'), gates.find('key 2')]).toEqual([undefined, undefined]);
    expect([gates.find('paused'), gates.find('one more')]).toEqual([expect.anything(), expect.anything()]);
    expect(resumed).toEqual(['over']);
  });

  test('is kept at least until there are twice as many as were needed when some were dropped', () => {
    const { gates } = made();
    for (let index = 0; index < 1_000; index++) gates.of(`key ${index}`).pause(1_000);
    gates.of('idle');
    for (let index = 1_001; index < 2_000; index++) gates.of(`key ${index}`).pause(1_000);
    expect(gates.find('idle')).toBeDefined();
    gates.of('one more');
    expect(gates.find('idle')).toBeUndefined();
  });
});

describe('a gate behind which a call goes alone', () => {
  const grant = {} as CallGrant;
  function alone() {
    const { clock, gates, now } = made();
    gates.upgrade(GoAloneGate);
    const gate = gates.of('key') as GoAloneGate;
    return { clock, gate, now, opensAt: () => gate.opensAt(now(), 0), most: () => gate.most(now(), 0) };
  }

  test('lets one call go, then none until that has ended', () => {
    const { gate, now, opensAt, most } = alone();
    gate.goAlone();
    expect([most(), opensAt(), gate.isIdle(now())]).toEqual([1, -Infinity, true]);
    gate.pass(grant, true, now());
    expect([opensAt(), gate.isIdle(now()), gate.goesAlone]).toEqual([now() + 10_000, false, true]);
    gate.end({} as CallGrant);
    expect(gate.goesAlone).toBe(true);
    gate.end(grant);
    gate.pause(50);
    expect(gate.isIdle(now())).toBe(false);
    gate.reset();
    expect([most(), opensAt(), gate.isIdle(now()), gate.goesAlone]).toEqual([Infinity, -Infinity, true, false]);
  });

  test('waits for the call for at most its patience, or its pause if that is longer', async () => {
    const { clock, gate, now, opensAt } = alone();
    gate.goAlone(500);
    gate.goAlone(200);
    gate.pass(grant, true, now());
    gate.pause(300);
    expect(opensAt()).toBe(now() + 500);
    gate.pause(600);
    expect(opensAt()).toBe(now() + 600);
    await clock.advance(500);
    expect([opensAt(), gate.goesAlone]).toEqual([now() + 100, false]);
  });

  test('uses the latest patience once a call is in flight', () => {
    const { gate, now, opensAt } = alone();
    gate.goAlone(500);
    gate.pass(grant, true, now());
    gate.goAlone(200);
    gate.pass(grant, true, now());
    expect(opensAt()).toBe(now() + 200);
  });

  test('does not wait for a call whose end is not visible, or after a reset', () => {
    const { gate, now, opensAt } = alone();
    gate.goAlone();
    gate.pass(grant, false, now());
    expect([opensAt(), gate.goesAlone]).toEqual([-Infinity, false]);
    gate.goAlone();
    gate.pass(grant, true, now());
    gate.reset();
    expect([opensAt(), gate.goesAlone]).toEqual([-Infinity, false]);
  });
});
