import { type BucketStore, type Limit, type LocalStore, quota, slidingWindow } from 'sluice';
import type { ManualClock } from 'sluice/testing';
import { expect } from 'vitest';
import { type Plan, planOf } from '../../src/core/limits/plan.ts';
import { Dice } from '../core/bucket/history-model.ts';
import { type Gone, overLimits } from '../core/bucket/limits-in-force.ts';

function drawnLimit(dice: Dice, interval: number): Limit {
  const limit = dice.whole(1, 30);
  const kind = dice.pick(['window', 'quota', 'bucket']);
  if (kind === 'window') return slidingWindow({ limit, interval });
  const burst = dice.whole(1, limit);
  return kind === 'quota' ? quota({ limit, interval, burst }) : { rate: limit, interval, burst: dice.whole(1, 30) };
}

/** A process, and the limits that it asks with. */
interface Sharer {
  readonly store: BucketStore;
  plan: Plan;
}

/**
 * Plays a history on one key of stores that share it: the callers have their own limits, and get others now and then. Looks at
 * each call that is granted.
 * @param stores those of one process each
 */
export async function playChanges(stores: readonly BucketStore[], clock: ManualClock, seed: number, steps: number) {
  const dice = new Dice(seed);
  const intervals = dice.pick([[1000], [1000], [100, 1000]]);
  const choices = Array.from({ length: dice.whole(2, 3) }, () => drawnLimit(dice, dice.pick(intervals)));
  const inForce = new Set<Limit>();
  const drawn = (): Plan => {
    const plan = planOf(dice.pick(choices), 0);
    inForce.add(plan.limits[0] as Limit);
    return plan;
  };
  for (const store of stores) store.useClock?.(clock);
  const sharers: Sharer[] = stores.map((store) => ({ store, plan: drawn() }));
  const gone: Gone[] = [];
  for (let step = 0; step < steps; step++) {
    if (dice.chance(0.6)) await clock.advance(dice.pick([0.5, 3, 20, 100, 100, 333, 1000]) * dice.next());
    const sharer = dice.pick(sharers);
    if (dice.chance(0.1)) {
      const before = sharer.plan;
      sharer.plan = { ...drawn(), since: clock.monotonic() };
      (sharer.store as Partial<LocalStore>).adapt?.(
        () => before,
        () => sharer.plan,
      );
    }
    const { store, plan } = sharer;
    const [under] = plan.limits as [Limit];
    if (dice.chance(0.1)) {
      // A server that tells what is left has the calls counted.
      const { interval } = under;
      const remaining = dice.whole(0, 30);
      const told = { remaining, window: interval, roundTrip: 0, keptBack: dice.pick([0, 0, 1]) };
      await store.sync('key', { remaining, ms: dice.pick([0, interval / 2]), isNewest: true, told }, plan);
    }
    const cost = dice.chance(0.7) ? 1 : dice.whole(1, under.burst ?? 1);
    const ahead = dice.chance(0.1) ? Infinity : 0;
    const costs = new Array<number>(dice.whole(1, 3)).fill(cost);
    const { granted, reserved } = await store.take('key', { plan, costs, ahead });
    for (const { slot: at } of [...granted, ...(reserved === undefined ? [] : [reserved])]) {
      const call = { at, cost, under };
      gone.push(call);

      expect(overLimits(gone, call, [...inForce]), `seed ${seed}, step ${step}`).toBeUndefined();
    }
  }
  return gone.length;
}
