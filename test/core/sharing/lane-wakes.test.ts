import { describe, expect, test } from 'vitest';
import { sharedLine, T } from './shared-line.ts';

/** So late that the next slot is due when a lane wakes for its slot. */
const tooLate = 500;

/**
 * A line that woke too late for its slot, at 901, and reserves none any more. One call went then, `waiting` more wait.
 */
async function lateLine(options: Parameters<typeof sharedLine>[0] = {}, waiting = 5) {
  const line = sharedLine(options);
  const { clock, timers, wait } = line;
  timers.late = tooLate;
  wait();
  wait();
  const calls = Array.from({ length: waiting }, () => wait());
  await clock.advance(910);
  return { ...line, calls };
}

describe('a lane that woke too late to use its slot', () => {
  test('reserves none until it wakes in time, and loses no call', async () => {
    const { clock, timers, wait, calls, requests } = await lateLine();
    await clock.advance(100);
    // A newcomer makes it look, which is no wake.
    calls.push(wait());
    await clock.advance(900);
    expect(requests.map(({ ahead }) => ahead)).toEqual([Infinity, 0, 0]);
    timers.late = 0;
    await clock.advance(10 * T);
    expect(requests.map(({ ahead }) => ahead).slice(3, 5)).toEqual([0, Infinity]);
    expect(calls.map(({ state }) => state)).toEqual(Array(6).fill('fulfilled'));
  });

  test('lets others ask first after a grant, but not after a refusal', async () => {
    const { clock, timers, requests, other } = await lateLine();
    await clock.advance(1_802 - 910);
    // Another process takes the slot one moment before.
    const decision = other().allow();
    await clock.advance(1);
    timers.late = 0;
    await clock.advance(600);
    expect((await decision).allowed).toBe(true);
    // The grants were given at 902 and, to the other process, at 1803.
    expect(requests.map(({ at }) => at)).toEqual([0, 901, 902 + T + 1 + tooLate, 1_803 + T]);
  });

  test('does not yield where no others take from the store', async () => {
    const { clock, requests } = await lateLine({ shared: false });
    await clock.advance(1_000);
    expect(requests.map(({ at }) => at)).toEqual([0, 901, 902 + T + tooLate]);
  });

  test('asks at once for a newcomer of higher priority', async () => {
    const { clock, timers, wait } = sharedLine({ limits: { rate: 1, interval: T, burst: 5 } });
    timers.late = 5 * T;
    for (let call = 0; call < 2; call++) wait({ cost: 5 });
    const large = wait({ cost: 5 });
    await clock.advance(11 * T);
    timers.late = 0;
    const urgent = wait({ priority: 1 });
    await clock.advance(1.5 * T);
    expect([urgent.state, large.state]).toEqual(['fulfilled', 'pending']);
    await clock.advance(20 * T);
    expect(large.state).toBe('fulfilled');
  });

  test('asks at once when its store tells that others have changed the key', async () => {
    const { clock, inner, tell, calls } = await lateLine({ limits: { rate: 1, interval: T, burst: 1 } });
    await clock.advance(50);
    inner.reset('default');
    tell();
    await clock.advance(2);
    expect(calls[0]?.at).toBe(961);
  });

  test('reserves none for later calls either, though its line was empty', async () => {
    const { clock, wait, requests } = await lateLine({}, 0);
    await clock.advance(100);
    const call = wait();
    wait();
    await clock.advance(900);
    expect(requests.map(({ ahead }) => ahead)).toEqual([Infinity, 0, 0, 0]);
    expect(call.state).toBe('fulfilled');
  });

  test('reserves none for slots that are less than a millisecond apart either', async () => {
    const { clock, timers, wait, requests, other } = sharedLine({
      limits: { rate: 2, interval: 1 },
      answersAfter: 0.25,
    });
    timers.late = 0.8;
    wait();
    wait();
    await clock.advance(5);
    const sharer = other();
    for (let call = 0; call < 20; call++) void sharer.reserve();
    await clock.advance(1);
    wait();
    await clock.advance(20);
    expect(requests.map(({ ahead }) => ahead)).toEqual([Infinity, 0, 0, 0]);
  });

  test('keeps the margin of the limits that the store has for this key, even if it gets nothing', async () => {
    const line = sharedLine();
    const { clock, timers, requests, wait, other } = line;
    const sharer = other();
    void sharer.setLimits('default', { rate: 1, interval: T, margin: 40 });
    await clock.advance(10);
    timers.late = tooLate;
    for (let call = 0; call < 5; call++) wait();
    await clock.advance(1_000);
    // Another process has taken the slot when the lane wakes.
    for (let turn = 0; turn < 12; turn++) {
      void sharer.allow();
      await clock.advance(50);
    }
    timers.late = 0;
    requests.length = 0;
    await clock.advance(2 * T);
    expect(requests[0]).toMatchObject({ ahead: 0, late: 19 });
  });
});

describe('a lane that wakes late', () => {
  test('asks for the present time of its slot, and says by how much it missed it', async () => {
    const { clock, timers, wait, requests } = sharedLine({ margin: 20, answersAfter: 8 });
    timers.late = 15;
    wait();
    wait();
    await clock.advance(2 * T);
    expect(requests.map(({ instead, late }) => [instead?.slot !== undefined, late])).toEqual([
      [false, 0],
      [true, 10],
    ]);
  });

  test('goes on its slot if it is only as late as a call may leave', async () => {
    const { clock, timers, wait, requests } = sharedLine({ margin: 20 });
    timers.late = 10;
    wait();
    wait();
    await clock.advance(2 * T);
    expect(requests).toHaveLength(1);
  });

  test('asks a store that answers at once and cannot notify it, and counts the call on its slot', async () => {
    const { clock, timers, wait, requests, throttle } = sharedLine({
      margin: 20,
      answersAfter: 0,
      store: { hears: false },
    });
    const start = clock.now();
    timers.late = 8;
    wait();
    let at: number | undefined;
    void throttle.wait().then((grant) => {
      at = grant.at;
    });
    await clock.advance(2 * T);
    expect(requests.map(({ instead }) => instead !== undefined)).toEqual([false, true]);
    expect(at).toBe((requests[1]?.instead?.slot as number) + start);
  });

  test('counts a first call that waited for the end of a pause as late as it may leave', async () => {
    const { clock, wait, throttle, requests } = sharedLine({ margin: 20 });
    void throttle.pause('default', clock.now() + 100);
    wait();
    await clock.advance(T);
    expect(requests.map(({ late }) => late)).toEqual([10]);
  });

  test('says how long ago its slot was due, though the call that takes it has only just come', async () => {
    const { clock, timers, wait, requests } = sharedLine({ margin: 20, answersAfter: 0, store: { hears: false } });
    timers.late = 8;
    wait();
    wait();
    // The margin of 20 makes 420 ms of an emission interval of 400.
    await clock.advance(420 + 3);
    wait({ priority: 1 });
    await clock.advance(T);
    expect(requests[1]).toMatchObject({ instead: {}, late: 3 });
  });

  test('does not ask a store that answers at once and notifies it', async () => {
    const { clock, wait, requests } = sharedLine({ answersAfter: 0 });
    wait();
    wait();
    await clock.advance(T);
    expect(requests).toHaveLength(1);
  });
});

describe('after the process was frozen', () => {
  test('a lane uses no answer that came too late: it gives all back and asks again', async () => {
    const { clock, wait, asked } = sharedLine({ answersAfter: 10 });
    const calls = [wait(), wait()];
    await clock.advance(5);
    clock.frozenFor = 60_000;
    await clock.advance(50);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending']);
    expect(asked).toEqual({ take: 2, giveBack: 1, settle: 1 });
  });

  test('a lane uses no slot from an answer that came too late', async () => {
    const { clock, wait, asked } = sharedLine({ answersAfter: 10, limits: { rate: 1, interval: 200_000 } });
    wait();
    await clock.advance(20);
    wait();
    await clock.advance(5);
    clock.frozenFor = 60_000;
    await clock.advance(50);
    expect(asked).toEqual({ take: 3, giveBack: 1 });
  });

  test('a call does not go whose maxWait ended in the meantime', async () => {
    const { clock, wait, throttle } = sharedLine();
    void throttle.pause('default', clock.now() + 300);
    const call = wait({ maxWait: 600 });
    await clock.advance(100);
    clock.frozenFor = 5_000;
    await clock.advance(1_000);
    expect(call.error).toMatchObject({ name: 'WaitTooLongError', maxWait: 600 });
  });

  test('a lane looks for pauses before it lets a call go', async () => {
    const { clock, wait, other } = sharedLine({ limits: { rate: 1, interval: 3_000 } });
    wait();
    const call = wait();
    await clock.advance(50);
    void other().pause('default', clock.now() + 20_000);
    await clock.advance(50);
    // Its timer for the next look fires when the slot is due.
    clock.frozenFor = 2_001;
    await clock.advance(10_000);
    expect(call.state).toBe('pending');
    await clock.advance(20_000);
    expect(call.state).toBe('fulfilled');
  });
});

test('a lane does not look for others in a store that no others use', async () => {
  const { clock, wait, asked } = sharedLine({ shared: false, limits: { rate: 1, interval: 5_000 } });
  wait();
  const call = wait();
  await clock.advance(6_000);
  expect([call.at, asked]).toEqual([5_001, { take: 1 }]);
});
