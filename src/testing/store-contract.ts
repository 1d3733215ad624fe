import type { StoreOperations } from '../core/base/store.ts';
import { systemClock } from '../core/time/clock.ts';
import { correctionCases } from './contract/corrections.ts';
import { limitCases } from './contract/limits.ts';
import { poolCases } from './contract/pools.ts';
import { postponeCases } from './contract/postpone.ts';
import { reservationCases } from './contract/reservations.ts';
import { sharingCases } from './contract/sharing.ts';
import { takeCases } from './contract/take.ts';
import { toldCases } from './contract/told.ts';
import { type TrialCase, trialOf } from './contract/trial.ts';
import { windowCases } from './contract/windows.ts';

/** Options of `bucketStoreContract`. */
export interface StoreContractOptions {
  /** Makes a store without buckets. Each case makes its own. */
  create(): StoreOperations | Promise<StoreOperations>;
  /**
   * Makes a second handle on the same buckets, as another tab or process would have. Without it the store itself is
   * used, and sharing is not proved.
   */
  sharer?(store: StoreOperations): StoreOperations | Promise<StoreOperations>;
  /** Lets at least `ms` pass on the clock of the store: moves a `ManualClock`, or really waits. */
  advance(ms: number): void | Promise<void>;
  /**
   * The most ms that may pass in a whole case besides those it waits; 0 means that time stands still. With more, a case
   * waits at most 30 times as much, and compares the rest of a wait on one side only. A case that fails after a longer
   * delay proves nothing: it is run again, four times at most. A store behind a network needs more than the default.
   * @default 50 where `advance` really waits, else 0: it is tried once
   */
  readonly precision?: number;
}

/** One fact about a store. `run` rejects if it does not hold. */
export interface StoreContractCase {
  readonly name: string;
  run(): Promise<void>;
}

/** What users of a store that hands its buckets out do on the bucket. */
const leftToBuckets = [...reservationCases, ...postponeCases, ...toldCases].map(
  ({ name, run }): TrialCase => ({
    name,
    run: async (trial) => ('bucket' in trial.store && trial.store.bucket !== undefined ? undefined : run(trial)),
  }),
);

const cases: readonly TrialCase[] = [
  ...takeCases,
  ...leftToBuckets,
  ...correctionCases,
  ...sharingCases,
  ...poolCases,
  ...limitCases,
  ...windowCases,
];

/**
 * Proves a store: one case or more for every sentence of the contract in `StoreOperations`, for any test runner. The
 * cases are independent of each other; if `advance` really waits, they may run at once.
 * @example
 * const clock = new ManualClock();
 * const contract = bucketStoreContract({
 *   create: () => memoryStore({ clock }),
 *   advance: (ms) => clock.advance(ms),
 * });
 * for (const { name, run } of contract) test(name, run);
 */
export function bucketStoreContract(options: StoreContractOptions): readonly StoreContractCase[] {
  let found: Promise<number> | undefined;
  return cases.map(({ name, run }) => ({
    name,
    run: async () => {
      found ??= precisionOf(options);
      const precision = await found;
      for (let attempt = 1; ; attempt++) {
        const { error, wasHeldUp } = await tried(run, `contract: ${name}`, { ...options, precision });
        if (error === undefined) return;
        if (!wasHeldUp || attempt === 5) throw error;
      }
    },
  }));
}

/** The precision, or the default: a manual clock moves faster than real time. */
async function precisionOf({ precision, advance }: StoreContractOptions): Promise<number> {
  if (precision !== undefined) return precision;
  // More than once, because on a busy machine the fastest `advance` can look like a wait.
  for (const ms of [20, 20, 20]) {
    const start = systemClock.monotonic();
    await advance(ms);
    if (systemClock.monotonic() - start < ms / 2) return 0;
  }
  return 50;
}

/** How much longer than necessary a case waits, in ms: timers may be a little early, and some clocks show whole ms. */
const slack = 2;

/** Runs a case once. Returns its failure, if any, and whether it took too long. */
async function tried(
  run: TrialCase['run'],
  key: string,
  options: StoreContractOptions & { readonly precision: number },
): Promise<{ readonly error?: unknown; readonly wasHeldUp: boolean }> {
  const { precision } = options;
  const store = await options.create();
  const sharer = await options.sharer?.(store);
  const start = systemClock.monotonic();
  let asked = 0;
  const advance = async (ms: number) => {
    const wait = precision > 0 ? ms + slack : ms;
    asked += wait;
    await options.advance(wait);
  };
  try {
    await run(trialOf({ store, sharer, key, precision, advance }));
    return { wasHeldUp: false };
  } catch (error) {
    return { error, wasHeldUp: precision > 0 && systemClock.monotonic() - start - asked > precision };
  } finally {
    await store.close?.();
    await sharer?.close?.();
  }
}
