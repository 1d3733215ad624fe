// On paper, in virtual time: many processes on one bucket, and what it would cost to lease several slots at once.

const rate = 1_000;
const seconds = 60;
const emissionInterval = 1_000 / rate;

interface Outcome {
  /** Operations of the store per call. */
  readonly operations: number;
  /** The unused share of the leased slots. */
  readonly wasted: number;
  /** The share of the rate that was used. */
  readonly used: number;
}

/** Numbers from 0 to below 1, the same in each run. */
function dice(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Calls come at random to processes; one without a slot that is still to come leases the next few of the bucket.
 * @param load how many calls come, of those that the rate lets go
 */
function simulate(processes: number, slotsPerLease: number, load: number): Outcome {
  const random = dice();
  const slots: number[][] = Array.from({ length: processes }, () => []);
  let [tat, now, calls, leases, went] = [0, 0, 0, 0, 0];
  const end = seconds * 1_000;
  while (now < end) {
    now += (-Math.log(1 - random()) / (rate * load)) * 1_000;
    const mine = slots[Math.floor(random() * processes)] as number[];
    while (mine.length > 0 && (mine[0] as number) < now) mine.shift();
    if (mine.length === 0) {
      leases++;
      tat = Math.max(tat, now);
      for (let slot = 0; slot < slotsPerLease; slot++) mine.push(tat + slot * emissionInterval);
      tat += slotsPerLease * emissionInterval;
    }
    calls++;
    if ((mine.shift() as number) < end) went++;
  }
  const total = leases * slotsPerLease;
  return { operations: leases / calls, wasted: (total - calls) / total, used: went / (rate * seconds) };
}

export async function scaling(): Promise<void> {
  console.log(`scaling: ${rate} calls per second, ${seconds} s in virtual time, with a load of nine tenths`);
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`.padStart(9);
  for (const processes of [8, 100, 1_000]) {
    for (const slots of [1, 2, 5, 10]) {
      const { operations, wasted, used } = simulate(processes, slots, 0.9);
      const name = `${processes.toLocaleString('en')} processes, ${slots} ${slots === 1 ? 'slot' : 'slots'} a lease`;
      console.log(
        `  ${name.padEnd(36)}${operations.toFixed(2)} operations a call${percent(wasted)} wasted${percent(used)} of the rate`,
      );
    }
  }
}
