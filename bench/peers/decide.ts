import { median } from '../side-by-side.ts';
import { type Contender, type KeyedCall, type Loaded, noTask, type Outcome, type Quota } from './contender.ts';

// What a call costs that may go at once, until its `.then`: many are made in a turn, as a program does that has many.

const callsPerTurn = 1_000;
/** ms a round. */
const roundTime = 100;
const callsPerRound = 200_000;

/** Never full: the bench makes fewer calls. */
const oneQuota: Quota = { limit: 2_000_000, interval: 60_000 };
const keyQuota: Quota = { limit: 100, interval: 60_000 };

/** A quota for each key: by the library's own keys, or by an instance for each. */
export function keyedCall({ one, keyed }: Loaded, quota: Quota): KeyedCall {
  if (keyed !== undefined) return keyed(quota);
  const instances = new Map<string, ReturnType<Loaded['one']>>();
  return (key, task) => {
    let call = instances.get(key);
    if (call === undefined) {
      call = one(quota);
      instances.set(key, call);
    }
    return call(task);
  };
}

const failures: unknown[] = [];
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

async function round(call: KeyedCall, keys: readonly string[], from: number): Promise<{ ns: number; made: number }> {
  let ended = 0;
  const count = () => {
    ended++;
  };
  const start = performance.now();
  let made = 0;
  while (made < callsPerRound && performance.now() - start < roundTime) {
    for (let turn = 0; turn < callsPerTurn; turn++, made++) {
      void call(keys[(from + made) % keys.length] as string, noTask).then(count, (error) => failures.push(error));
    }
    for (let step = 0; step < 20 && ended < made; step++) await undefined;
    while (ended < made) {
      if (failures.length > 0) throw failures[0];
      await nextTurn();
    }
  }
  return { ns: ((performance.now() - start) / made) * 1e6, made };
}

/** @returns `ns`: a call with one key, or with this many */
export async function decide(contender: Contender, { rounds = 5, keys: count = 1 }): Promise<Outcome> {
  const loaded = await contender.load();
  const keys = Array.from({ length: count }, (_, index) => `key ${index}`);
  let call: KeyedCall;
  if (count > 1 || contender.isKeyed) call = keyedCall(loaded, count > 1 ? keyQuota : oneQuota);
  else {
    const one = loaded.one(oneQuota);
    call = (_, task) => one(task);
  }
  // Each key is used once before: what a new one costs is another question.
  for (let index = 0; index < count; index += callsPerTurn) {
    await Promise.all(keys.slice(index, index + callsPerTurn).map((key) => call(key, noTask)));
  }
  let made = 0;
  const times: number[] = [];
  for (let turn = -1; turn < rounds; turn++) {
    const result = await round(call, keys, made);
    made += result.made;
    if (turn >= 0) times.push(result.ns);
  }
  return { ns: median(times) };
}
