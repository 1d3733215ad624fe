import type { LocalStore, StoreOperations, TakeAnswer } from '../core/base/store.ts';
import { hear, slowDown } from '../core/bucket/explained.ts';
import { postpone, takeOnSlot } from '../core/bucket/moves.ts';
import type { Plan } from '../core/limits/plan.ts';

/**
 * All operations of the contract. For a store that hands its buckets out, this includes those that it leaves to the
 * users of the buckets.
 */
export function wholeStore(store: StoreOperations | LocalStore): StoreOperations {
  if (!('bucket' in store) || store.bucket === undefined) return store;
  /** The limits of the buckets: `postpone` does not name them. */
  const plans = new Map<string, Plan>();
  const open = (key: string, plan: Plan) => {
    const { now } = store.take(key, { plan, costs: [], ahead: 0 }) as TakeAnswer;
    return { bucket: store.bucket(key, plan, now), now };
  };
  const whole: StoreOperations = {
    name: store.name,
    shared: store.shared,
    take(key, request) {
      plans.set(key, request.plan);
      const { bucket, now } = open(key, request.plan);
      return takeOnSlot(bucket, request, now);
    },
    postpone(key, receipt, ms) {
      const plan = plans.get(key);
      if (plan === undefined) return;
      const { bucket, now } = open(key, plan);
      postpone(bucket, receipt, ms, now);
    },
    giveBack: (...asked) => store.giveBack(...asked),
    settle: (...asked) => store.settle(...asked),
    pause(key, ms, plan, sentAgo) {
      plans.set(key, plan);
      const { bucket, now } = open(key, plan);
      if (sentAgo !== undefined) slowDown(bucket, sentAgo, ms, now);
      return store.pause(key, ms, plan);
    },
    sync(key, said, plan) {
      plans.set(key, plan);
      const { bucket, now } = open(key, plan);
      return hear(bucket, said, now);
    },
    peek: (...asked) => store.peek(...asked),
    override(key, limits, plan) {
      plans.set(key, plan);
      return store.override(key, limits, plan);
    },
    reset: (...asked) => store.reset(...asked),
  };
  return whole;
}
