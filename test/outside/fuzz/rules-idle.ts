import type { Limit } from 'sluice';
import { costIn, PerfectClient, serverLimit } from './limits.ts';
import type { Departure, Log } from './log.ts';
import { leastMargin } from './setup.ts';
import { isHeard, limitsAt, marginOf, ms, type Rule, regimes } from './terms.ts';

/** The clients that waste nothing, one per limit, with the margin that was kept from some call on. */
function perfectClients({ setup, margins }: Log, from: number): PerfectClient[] {
  const told = margins.filter(({ at }) => at >= from).map(({ margin }) => margin);
  return setup.limits.map((limit) => {
    const follows = (limit.margin ?? setup.margin) === 'auto' && isHeard(setup);
    return new PerfectClient(
      limit,
      follows ? Math.max(8, ...(told.length === 0 ? [50] : told)) : marginOf(limit, setup),
    );
  });
}

/** When the calls from `first` on would have gone, one after the other, from where the calls before left the limits. */
function perfectEnd(
  clients: readonly PerfectClient[],
  departures: readonly Departure[],
  first: number,
  late: number,
): number {
  let at = -Infinity;
  for (const [index, { call, at: wentAt }] of departures.entries()) {
    const calls = (client: PerfectClient) => costIn(client.limit, call.cost);
    const allowAt = Math.max(...clients.map((client) => client.allowAt(calls(client))));
    if (index <= first) at = wentAt;
    else at = allowAt > at ? allowAt + late : at;
    for (const client of clients) client.note(calls(client), at);
  }
  return at;
}

/** With calls that wait no time is lost: as fast as the limits and their margins allow, and a little. */
export const neverIdle: Rule = (log) => {
  const { setup, departures, margins } = log;
  if (setup.profile !== 'saturated' || log.stillWait.length > 0 || departures.length < setup.calls.length)
    return undefined;
  const follows = setup.margin === 'auto' && isHeard(setup);
  const begins = Math.max(...setup.calls.map(({ at }) => at));
  const begun = Math.max(
    0,
    departures.findIndex(({ at }) => at >= begins),
  );
  const first = follows ? Math.max(begun, departures.length >> 1) : begun;
  const from = (departures[first] as Departure).at;
  const clients = perfectClients(log, from);
  const takes = setup.sharers * (setup.storeTakes.before + setup.storeTakes.after);
  // A store that answers more slowly than calls go is what holds them up.
  if (clients.some(({ spacing, window, most }) => (window === 0 ? spacing : most * 4) < 3 * takes)) return undefined;
  const least = follows
    ? Math.min(50, ...margins.map(({ margin }) => margin))
    : leastMargin(setup.limits, setup.margin, false);
  const half =
    Math.min(least, ...setup.limits.map(({ margin }) => (typeof margin === 'number' ? margin : Infinity))) / 2;
  // A sharer that wakes later than half a margin after its slot moves it, and the later ones.
  const late = setup.late.most <= half ? 0 : setup.late.most + takes;
  // Slots that come faster than sharers wake are lost by chance.
  const apart = Math.min(...clients.map(({ spacing, window, most }) => (window > 0 ? window / most : spacing)));
  if (setup.sharers > 1 && late > apart) return undefined;
  const perfect = perfectEnd(clients, departures, first, late);
  const windows = clients.some(({ window }) => window > 0);
  // Marks of a window that were merged are as late as the latest of them.
  const part =
    late > 0
      ? 0.15
      : windows && (setup.limits.length > 1 || setup.sharers > 1 || late > 0 || setup.storeTakes.before > 0)
        ? 0.05
        : 0.02;
  const slot = Math.max(...clients.map(({ spacing }) => spacing));
  const rounds = windows ? 1 + (perfect - from) / Math.min(...clients.map(({ window }) => window || Infinity)) : 1;
  // Calls that leave before the first answer count from their answers, and the next ones wait for that.
  const { there, inside, back, jitter } = setup.way;
  const cold = isHeard(setup) ? departures.filter((one) => one.isCold && one.at >= begins) : [];
  const spells = cold.filter(({ at }, index) => at - (cold[index - 1]?.at ?? -1_000) >= 1_000).length;
  const answers = 2 * spells * Math.min(300, there + inside + back + jitter + setup.ponders);
  const most = perfect + (perfect - from) * part + slot + setup.late.most + 2 + 4 * takes * rounds + answers;
  const last = (departures.at(-1) as Departure).at;
  if (last <= most) return undefined;
  return `${departures.length - first - 1} calls from ${ms(from)} on took ${ms(last - from)} ms, ${ms(perfect - from)} are enough (${Math.round((100 * (perfect - from)) / (last - from))} % used)`;
};

/** Slow answers are no slow connections: APIs of few calls a minute use at least 92 % of what their limit allows. */
export const slowApisUseTheirQuota: Rule = (log) => {
  const { setup, departures } = log;
  if (setup.profile !== 'slow' || log.stillWait.length > 0) return undefined;
  const first = departures[0] as Departure;
  const last = departures.at(-1) as Departure;
  const perfect = perfectEnd(perfectClients(log, 0), departures, 0, 0) - first.at;
  const took = last.at - first.at - (first.answeredAt - first.at);
  if (took * 0.92 <= perfect) return undefined;
  return `${departures.length} calls took ${ms(took)} ms and an answer, ${ms(perfect)} are enough (${Math.round((100 * perfect) / took)} % used)`;
};

/** No sharer of a key that always has calls waits for long while the others go. */
export const nobodyStarves: Rule = (log) => {
  const { setup, departures } = log;
  if (setup.profile !== 'saturated' || setup.sharers === 1) return undefined;
  const clients = perfectClients(log, 0);
  const turn = Math.max(
    ...clients.map(({ window, spacing, tolerance }) => (window > 0 ? window : spacing + tolerance)),
  );
  // Timers that come later than slots are apart decide by chance whose turn it is.
  if (setup.late.most > Math.max(leastMargin(setup.limits, setup.margin, isHeard(setup)) / 2, turn)) return undefined;
  const { before, after } = setup.storeTakes;
  // A store that answers more slowly than calls go is what holds them up.
  if (setup.sharers * (before + after) > turn) return undefined;
  const most =
    (2 * setup.sharers + 2) * (turn + setup.late.most + setup.sharers * (before + after)) + (isHeard(setup) ? 350 : 50);
  const begins = Math.max(...setup.calls.map(({ at }) => at));
  for (let sharer = 0; sharer < setup.sharers; sharer++) {
    let at = begins;
    for (const one of departures.filter((each) => each.call.sharer === sharer && each.at >= begins)) {
      if (one.at - at > most)
        return `sharer ${sharer} waited from ${ms(at)} to ${ms(one.at)}, its turn comes every ${ms(turn)} ms`;
      at = one.at;
    }
  }
  return undefined;
};

/** A change of limits wastes one interval at most. */
export const changesWasteLittle: Rule = (log) => {
  const { setup, departures, changes } = log;
  const isOfAll =
    setup.sharers === 1 || changes.every(({ plan }) => plan.by === 'setLimits' || plan.sharer === undefined);
  if (setup.profile !== 'changing' || !isOfAll || log.stillWait.length > 0 || setup.store === 'slow map')
    return undefined;
  if (setup.calls.some(({ at }) => at > 0)) return undefined;
  const last = changes.at(-1);
  if (last === undefined) return undefined;
  const left = departures.filter(({ order }) => order > last.order);
  if (left.length === 0) return undefined;
  const limits = (regimes(log).at(-1) as { limits: readonly Limit[] }).limits;
  const clients = limits.map((limit) => new PerfectClient(limit, marginOf(limit, setup)));
  // A bucket that comes back into force may still be empty: it remembers as long as it takes to fill.
  const memory = (one: Limit) => Math.max(one.interval, serverLimit(one).tolerance) + marginOf(one, setup);
  const intervals = setup.limits.map((_, place) =>
    Math.max(...limitsAt(setup, place).map(({ limit }) => memory(limit))),
  );
  const from = last.appliedAt + Math.max(...intervals);
  const half =
    leastMargin(setup.changes.flatMap((change) => change.limits ?? []).concat(setup.limits), setup.margin, false) / 2;
  let at = from;
  for (const { call } of left) {
    const allowAt = Math.max(...clients.map((client) => client.allowAt(costIn(client.limit, call.cost))));
    at = allowAt > at ? allowAt + (setup.late.most <= half ? 0 : setup.late.most) : at;
    for (const client of clients) client.note(costIn(client.limit, call.cost), at);
  }
  // With each change, each other sharer of the key loses the slot that it holds.
  const lost = (setup.sharers - 1) * changes.length;
  const slot = Math.max(...clients.map(({ spacing }) => spacing)) * (1 + lost);
  const end = (left.at(-1) as Departure).at;
  // Of sharers that are seldom answered, most calls may have to open a connection, and count from their answers.
  const { there, inside, back, jitter } = setup.way;
  const spells = left.filter(({ isCold }) => isCold).length + (isHeard(setup) ? 2 : 0);
  const cold = spells * Math.min(300, there + inside + back + jitter);
  if (end <= at + (at - from) * 0.05 + slot + cold + setup.late.most + 2) return undefined;
  return `${left.length} calls after the change at ${ms(last.appliedAt)} took until ${ms(end)}; one interval and ${ms(at - from)} ms are enough: ${ms(at)}`;
};
