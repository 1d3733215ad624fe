import { type Cost, type Limit, quota, slidingWindow } from 'sluice';
import { Dice } from '../../core/bucket/history-model.ts';
import { costIn, PerfectClient, serverLimit } from './limits.ts';
import {
  type CallPlan,
  type ChangePlan,
  leastMargin,
  type Profile,
  profiles,
  type Setup,
  type StoreKind,
  type SyncPlan,
} from './setup.ts';

/** How often each profile comes, of 20. */
const shares: Readonly<Record<Profile, number>> = {
  saturated: 7,
  settling: 3,
  changing: 3,
  stopped: 2,
  cold: 2,
  slow: 1,
  mixed: 2,
};
const table = profiles.flatMap((profile) => Array<Profile>(shares[profile]).fill(profile));

/** Calls that would go later are left out of worlds in which costs are settled, in ms. */
const longestSettling = 900_000;

/** When the rest follows where one call of each sharer goes ahead, in ms. */
const warmAfter = 800;

/** The profile of a seed. */
export const profileOf = (seed: number): Profile => table[seed % table.length] as Profile;

/** Draws what a world is about. */
export function setupOf(seed: number, only?: StoreKind): Setup {
  const profile = profileOf(seed);
  const dice = new Dice(seed * 7_919 + 13);
  return new Draw(seed, profile, dice, only).draw();
}

class Draw {
  readonly #fresh: Dice;

  constructor(
    readonly seed: number,
    readonly profile: Profile,
    readonly dice: Dice,
    readonly only: StoreKind | undefined,
  ) {
    this.#fresh = dice;
  }

  real(from: number, to: number): number {
    return from + this.#fresh.next() * (to - from);
  }

  draw(): Setup {
    const { dice, profile, seed } = this;
    const store = this.only ?? dice.pick<StoreKind>(['memory', 'memory', 'map', 'map', 'slow map']);
    const sharers = store === 'memory' ? 1 : dice.pick([1, 2, 2, 3, 4]);
    const isSlow = store === 'slow map' || (store === 'redis' && dice.chance(0.5));
    const takes = isSlow ? dice.pick([1, 4, 15]) : 0;
    const storeTakes = { before: this.real(0, takes), after: isSlow && dice.chance(0.5) ? this.real(0, takes) : 0 };
    const by = this.by();
    const margin = this.margin();
    const limits = profile === 'saturated' && dice.chance(0.3) ? [this.tight()] : this.limits(margin);
    const least = leastMargin(limits, margin, by === 'fetch' || by === 'any');
    const most = dice.pick([0, 0.5, 0.5, 1, 1, 4, 4, 24]);
    const late = { most, always: dice.chance(0.5) };
    const half = least / 2;
    const jitter = dice.pick([0, 0, half / 2, half, Math.max(0, least - Math.min(most, half))]) * this.real(0.5, 1);
    const way = { there: this.real(0.1, 60), inside: this.real(0, 40), back: this.real(0.1, 60), jitter };
    const base = {
      seed,
      profile,
      store,
      sharers,
      hears: dice.chance(0.5),
      storeTakes,
      limits,
      margin,
      late,
      way,
      ponders: profile === 'slow' ? 0 : dice.pick([0, 0, 20]),
      opening: undefined,
      changes: [],
      pauses: [],
      syncs: [],
      plain: by === 'fetch' && dice.chance(0.6),
    };
    switch (profile) {
      case 'saturated':
        return { ...base, calls: this.saturated(base, by) };
      case 'settling':
        return this.settling(base, by);
      case 'changing':
        return this.changing(base, by);
      case 'stopped':
        return this.stopped(base, by);
      case 'cold':
        return this.cold(base);
      case 'slow':
        return this.slow(base);
      case 'mixed':
        return this.mixed(base);
    }
  }

  by(): CallPlan['by'] | 'any' {
    const { dice, profile } = this;
    if (profile === 'mixed') return 'any';
    if (profile === 'cold' || profile === 'slow') return 'fetch';
    return dice.pick(['fetch', 'fetch', 'run', 'wait'] as const);
  }

  margin(): number | 'auto' {
    const { dice, profile } = this;
    if (profile === 'changing') return dice.pick([0, 0, 10, 25]);
    return dice.pick(['auto', 'auto', 'auto', 0, 0, 10, 20, 50, this.real(5, 60)] as const);
  }

  limits(
    margin: number | 'auto',
    names = this.dice.pick([[undefined], [undefined], [undefined], ['requests', 'tokens'], [undefined, undefined]]),
  ): Limit[] {
    const { dice } = this;
    return names.map((name, index) => {
      const interval =
        index === 0
          ? dice.pick([100, 250, 1000, 1000, 1000, this.real(300, 2000)])
          : dice.pick([2000, 5000, 10_007, 60_000]);
      const count = index === 0 ? dice.pick([1, 2, 5, 7, 10, 20, 33, 40, 64, 100]) : dice.pick([10, 25, 60, 150]);
      return this.limit(
        interval,
        count,
        name,
        margin === 'auto' ? undefined : dice.pick([undefined, undefined, undefined, 0, 20]),
      );
    });
  }

  /** A limit that makes up for no time that is lost. */
  tight(): Limit {
    const { dice } = this;
    const interval = dice.pick([250, 1000, this.real(300, 1500)]);
    const count = dice.pick([20, 40, 64, 100]);
    const kind = dice.pick(['leaky', 'quota', 'window'] as const);
    if (kind === 'quota') return quota({ limit: count, interval, burst: 1 });
    const few = dice.whole(1, 3);
    if (kind === 'window') return slidingWindow({ limit: few, interval: (few * interval) / count });
    return { rate: dice.pick([count, count * this.real(0.3, 1)]), interval };
  }

  limit(interval: number, count: number, name?: string, margin?: number): Limit {
    const { dice } = this;
    const more = { ...(name === undefined ? {} : { name }), ...(margin === undefined ? {} : { margin }) };
    const kind = dice.pick(['leaky', 'quota', 'quota', 'window', 'window'] as const);
    if (kind === 'window') return slidingWindow({ limit: count, interval, ...more });
    if (kind === 'quota') {
      const burst = dice.pick([undefined, undefined, 1, 2, Math.ceil(count / 3), count > 40 ? 1 : count]);
      return quota({
        limit: count,
        interval,
        ...(burst === undefined ? {} : { burst: Math.min(burst, count) }),
        ...more,
      });
    }
    const rate = dice.pick([count, count, count * this.real(0.3, 1)]);
    return { rate, interval, burst: dice.pick([1, 1, 2, 5, Math.max(1, count), this.real(1, 6)]), ...more };
  }

  call(id: number, sharer: number, at: number, by: CallPlan['by'], more: Partial<CallPlan> = {}): CallPlan {
    return { id, sharer, at, by, cost: 1, priority: 0, settle: undefined, quitsAfter: undefined, ...more };
  }

  /** How many calls keep the limits busy for a few windows. */
  enough(limits: readonly Limit[], most = 240): number {
    const counts = limits.map(serverLimit).map(({ perWindow, limit }) => perWindow ?? limit.rate + (limit.burst ?? 1));
    const least = limits.length === 1 ? 60 : 16;
    return Math.round(Math.max(least, Math.min(most, 2.6 * Math.min(...counts), 40 + 2.6 * Math.max(...counts))));
  }

  /** All calls at once, as many for each sharer; most often after one that has found out what the way is like. */
  saturated({ sharers, limits }: Pick<Setup, 'sharers' | 'limits'>, by: CallPlan['by'] | 'any'): CallPlan[] {
    const each = Math.ceil(this.enough(limits) / sharers);
    const isWarm = by === 'fetch' && this.dice.chance(0.7);
    return Array.from({ length: each * sharers }, (_, id) =>
      this.call(id, id % sharers, isWarm && id >= sharers ? warmAfter : 0, by as CallPlan['by']),
    );
  }

  /** A cost that fits all limits, for the last of them where they have names. */
  cost(limits: readonly Limit[], most = 1): Cost {
    const { dice } = this;
    const named = limits.find(({ name }) => name === 'tokens');
    const burst = (limit: Limit) => (limit.kind === 'sliding-window' ? limit.rate : (limit.burst ?? 1));
    if (named !== undefined) return { tokens: dice.whole(0, Math.max(1, Math.floor(burst(named) * most))) };
    return dice.whole(1, Math.max(1, Math.floor(Math.min(...limits.map(burst)) * most)));
  }

  settling(base: Omit<Setup, 'calls'>, by: CallPlan['by'] | 'any'): Setup {
    const { dice } = this;
    const limits = dice.chance(0.5)
      ? base.limits
      : [this.limit(this.real(1000, 60_000), dice.pick([100, 300, 1000]), 'tokens')];
    const count = dice.pick([dice.whole(1, 8), dice.whole(4, 50)]);
    const isLate = dice.chance(0.5);
    // Where each call is answered before the next one comes, a settled cost shows in the status by itself.
    const apart = dice.pick([0, 0, 300]);
    const all = Array.from({ length: count }, (_, id) => {
      const cost = this.cost(limits, dice.pick([0.1, 0.5, 1]));
      const settle = dice.chance(0.7)
        ? {
            cost: this.settled(cost),
            after: isLate ? this.real(0, 20_000) : dice.pick([0, 0, this.real(0, 300), this.real(0, 3000)]),
          }
        : undefined;
      return this.call(id, dice.whole(0, base.sharers - 1), apart * id * this.real(0.5, 1), by as CallPlan['by'], {
        cost,
        settle,
      });
    });
    const clients = limits.map((limit) => new PerfectClient(limit, 50));
    let end = 0;
    const calls = all.filter(({ cost }) => {
      end = Math.max(end, ...clients.map((client) => client.allowAt(costIn(client.limit, cost))));
      for (const client of clients) client.note(costIn(client.limit, cost), end);
      return end < longestSettling;
    });
    const opening = by === 'fetch' && dice.chance(0.5) ? { most: 300, each: dice.chance(0.5) } : undefined;
    return { ...base, limits, calls, plain: false, opening };
  }

  settled(cost: Cost): Cost {
    const { dice } = this;
    const one = (calls: number) =>
      dice.chance(0.75) ? Math.floor(calls * dice.next()) : Math.ceil(calls * (1 + dice.next() / 2));
    return typeof cost === 'number' ? one(cost) : { tokens: one(cost.tokens as number) };
  }

  changing(base: Omit<Setup, 'calls'>, by: CallPlan['by'] | 'any'): Setup {
    const { dice } = this;
    const names = base.limits.map(({ name }) => name);
    const alike = dice.chance(0.5);
    const draws = names.map(() => ({
      interval: dice.pick([250, 1000, 1000, 2000]),
      count: dice.pick([2, 5, 10, 20, 50]),
    }));
    const some = () =>
      names.map((name, index) => {
        const { interval, count } = draws[index] as { interval: number; count: number };
        if (alike) return this.limit(interval, count, name);
        return this.limit(dice.pick([250, 1000, 1000, 2000]), dice.pick([1, 2, 5, 10, 20, 50, 100]), name);
      });
    const sets = Array.from({ length: 3 }, some);
    let now = 0;
    let at = 0;
    const changes = Array.from({ length: dice.whole(1, 4) }, (): ChangePlan => {
      at += dice.pick([this.real(0, 20), this.real(0, 600), this.real(0, 3000)]);
      const isOwn = dice.chance(0.3);
      now = (now + dice.whole(1, 2)) % 3;
      return {
        at,
        by: isOwn ? 'setLimits' : 'configure',
        sharer: isOwn || dice.chance(0.3) ? dice.whole(0, base.sharers - 1) : undefined,
        limits: isOwn && dice.chance(0.2) ? undefined : sets[now],
      };
    });
    const isBusy = dice.chance(0.6);
    const fastest = Math.max(...sets.flat().map(({ rate, interval, burst = 1 }) => (rate + burst) / interval));
    const length = Math.min(160, Math.max(30, Math.round(fastest * (at + 1500))));
    const calls = Array.from({ length }, (_, id) =>
      this.call(id, id % base.sharers, isBusy ? 0 : this.real(0, at + 1500), by as CallPlan['by']),
    );
    return { ...base, limits: sets[0] as Limit[], changes, calls };
  }

  stopped(base: Omit<Setup, 'calls'>, by: CallPlan['by'] | 'any'): Setup {
    const { dice } = this;
    const plans = () =>
      Array.from({ length: dice.whole(0, 3) }, () => ({
        at: this.real(0, 2500),
        sharer: dice.whole(0, base.sharers - 1),
        ms: dice.pick([this.real(1, 100), this.real(100, 1000), this.real(1000, 8000)]),
      }));
    const syncs = plans().map((plan): SyncPlan => ({ ...plan, remaining: dice.pick([0, 0, 1, 2, 5, 20]) }));
    if (dice.chance(0.5)) {
      // Two that hold side by side: the shorter leaves less.
      const at = this.real(0, 1500);
      const sharer = () => dice.whole(0, base.sharers - 1);
      syncs.push({ at, sharer: sharer(), ms: this.real(100, 1000), remaining: dice.pick([0, 0, 1]) });
      syncs.push({
        at: at + this.real(0, 100),
        sharer: sharer(),
        ms: this.real(3000, 9000),
        remaining: dice.pick([1, 2, 5]),
      });
    }
    const each = Math.ceil(Math.min(120, this.enough(base.limits)) / base.sharers);
    const calls = Array.from({ length: each * base.sharers }, (_, id) =>
      this.call(id, id % base.sharers, dice.chance(0.7) ? 0 : this.real(0, 4000), by as CallPlan['by']),
    );
    return { ...base, syncs, pauses: plans(), calls };
  }

  /** Quiet spells, each followed by more calls than a window holds. */
  cold(base: Omit<Setup, 'calls'>): Setup {
    const { dice } = this;
    const interval = dice.pick([1000, 1000, this.real(1000, 3000)]);
    const limits = [this.limit(interval, dice.pick([5, 10, 20, 40, 64]))];
    const calls: CallPlan[] = [];
    let at = 0;
    for (let spell = dice.whole(1, 3); spell > 0; spell--) {
      const count = Math.round(this.enough(limits, 160) * this.real(0.4, 1));
      const spread = dice.pick([0, 0, this.real(0, 800)]);
      for (let call = 0; call < count; call++)
        calls.push(this.call(calls.length, calls.length % base.sharers, at + this.real(0, spread), 'fetch'));
      at += 2.6 * interval + spread + this.real(3500, 8000);
    }
    const opening = { most: dice.pick([60, 120, 300]), each: dice.chance(0.5) };
    return { ...base, limits, calls, opening };
  }

  /** APIs with few calls a minute and slow answers: each call finds its connection closed. */
  slow(base: Omit<Setup, 'calls'>): Setup {
    const { dice } = this;
    const limits = [quota({ limit: dice.pick([6, 6, 10, 15]), interval: 60_000 })];
    const calls = Array.from({ length: 24 * base.sharers }, (_, id) => this.call(id, id % base.sharers, 0, 'fetch'));
    const opening = dice.chance(0.5) ? { most: 300, each: dice.chance(0.5) } : undefined;
    const inside = dice.pick([3_900, 4_000, 9_000, this.real(3000, 10_000)]);
    return { ...base, limits, calls, opening, way: { ...base.way, inside }, ponders: dice.pick([0, 0, 3000]) };
  }

  mixed(base: Omit<Setup, 'calls'>): Setup {
    const { dice } = this;
    const count = dice.whole(30, 140);
    const length = dice.pick([0, 1000, 5000]);
    const settles = dice.chance(0.5);
    const calls = Array.from({ length: count }, (_, id) => {
      const by = dice.pick(['fetch', 'fetch', 'run', 'wait', 'wait', 'allow', 'reserve'] as const);
      const cost = dice.chance(0.6) ? 1 : this.cost(base.limits, 0.4);
      return this.call(id, dice.whole(0, base.sharers - 1), this.real(0, length), by, {
        cost,
        priority: dice.pick([0, 0, 0, 1, -1]),
        settle: settles && dice.chance(0.4) ? { cost: this.settled(cost), after: this.real(0, 500) } : undefined,
        quitsAfter: dice.chance(0.3) ? dice.pick([0, this.real(0, 200), this.real(0, 3000)]) : undefined,
      });
    });
    const isStopped = dice.chance(0.4);
    const { pauses, syncs } = isStopped ? this.stopped(base, 'wait') : base;
    const isChanged = !isStopped && base.margin !== 'auto' && dice.chance(0.4);
    const { limits, changes } = isChanged ? this.changing(base, 'wait') : base;
    const fits = calls.map((call) => (isChanged ? { ...call, cost: 1, settle: undefined } : call));
    return { ...base, plain: false, calls: fits, pauses, syncs, limits, changes };
  }
}
