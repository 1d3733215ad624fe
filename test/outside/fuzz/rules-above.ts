import { instant, mostIn, PerfectClient, serverLimit } from './limits.ts';
import type { Departure } from './log.ts';
import { firstOf, hasSettled, lateness, limitsAt, ms, newsTakes, type Rule, said, uncovered } from './terms.ts';
import { byArrival, byDeparture, tooMany, tooSoon } from './windows.ts';

/** No server that keeps the same numbers refuses a call: N per window, or the bucket of the same rate and burst. */
export const neverAbove: Rule = (log) => {
  const { setup } = log;
  if (setup.changes.length > 0) return undefined;
  const settles = hasSettled(setup);
  // What costs more or less later is judged where the client knows of it: when calls leave.
  const placed = settles ? byDeparture(log) : byArrival(log);
  return firstOf(setup.limits, (limit) => {
    const { perWindow, window, spacing, tolerance } = serverLimit(limit);
    const excess = uncovered(limit, setup, settles ? 0 : undefined);
    if (perWindow !== undefined) return said(limit, tooMany(log, placed, limit, window - excess - instant, perWindow));
    // Calls that wait for one connection arrive together: no bucket of the client's can help it.
    if (setup.opening !== undefined) return undefined;
    return said(limit, tooSoon(log, placed, limit, spacing, tolerance + excess));
  });
};

/** Calls leave as DESIGN says, margin and all: at most half a margin after their slots. Where the margin is fixed. */
export const keepsTheMargin: Rule = (log) => {
  const { setup } = log;
  if (setup.changes.length > 0 || hasSettled(setup) || setup.opening !== undefined) return undefined;
  const late = lateness(setup) + setup.storeTakes.after;
  return firstOf(setup.limits, (limit) => {
    const margin = limit.margin ?? setup.margin;
    if (margin === 'auto') return undefined;
    const { perWindow, window } = serverLimit(limit);
    const client = new PerfectClient(limit, margin);
    if (perWindow !== undefined)
      return said(limit, tooMany(log, byDeparture(log), limit, window + margin - late - instant, perWindow));
    return said(limit, tooSoon(log, byDeparture(log), limit, client.spacing, client.tolerance + late));
  });
};

/** While limits change, no window of any of them sees more than the largest of them allows. */
export const neverAboveTheLargest: Rule = (log) => {
  const { setup } = log;
  if (setup.changes.length === 0) return undefined;
  return firstOf(setup.limits, (_, place) => {
    const all = limitsAt(setup, place).map(({ limit, since }) => ({ ...serverLimit(limit), since }));
    // What went under a limit counts until it is as old as its interval: a longer window cannot be told of more.
    const shortest = Math.min(...all.map(({ limit }) => limit.interval));
    const known = all.filter(({ limit }) => limit.interval <= shortest);
    return firstOf(known, ({ limit, window, since }) => {
      const most = Math.max(...all.map((one) => mostIn(one, window)));
      const excess = Math.max(...all.map((one) => uncovered(one.limit, setup)));
      // Before the first change the other limits are nobody's business, and before it is in force nobody knows of this one.
      const first = Math.max(since, Math.min(...setup.changes.map(({ at }) => at)));
      const arrivals = byArrival(log).filter(({ departure }) => departure.at >= first - window);
      return said(limit, tooMany(log, arrivals, limit, window - excess - instant, most));
    });
  });
};

/** Nothing leaves during a pause: here at once, elsewhere once the store has told. */
export const nothingDuringAPause: Rule = ({ setup, departures, pauses }) =>
  firstOf(pauses, ({ sharer, at, order, until, appliedAt }) => {
    const during = departures.find((one) => {
      if (one.call.by === 'reserve' || one.at >= until - instant) return false;
      return one.call.sharer === sharer ? one.order > order : one.at > appliedAt + newsTakes(setup);
    });
    if (during === undefined) return undefined;
    return `call ${during.call.id} of sharer ${during.call.sharer} left at ${ms(during.at)}, paused by ${sharer} from ${ms(at)} until ${ms(until)}`;
  });

/** No more leave than the server said are left, until it has more; several statements hold side by side. */
export const keepsCeilings: Rule = ({ setup, departures, syncs }) =>
  firstOf(syncs, ({ sharer, at, order, until, appliedAt, remaining, inFlight }) => {
    const { before, after } = setup.storeTakes;
    const isLocal = setup.store === 'memory';
    const since = isLocal ? at : appliedAt + setup.sharers * (before + after);
    const counted = departures.filter((one) => {
      if (one.at >= until - instant || (one.call.by === 'reserve' && one.askedAt <= since)) return false;
      return isLocal ? one.order > order : one.at > since;
    });
    const inPool = (one: Departure) => (typeof one.call.cost === 'number' ? one.call.cost : 1);
    const left = counted.reduce((sum, one) => sum + inPool(one), 0);
    // Each of the others may hold one slot that it reserved before.
    const held =
      setup.sharers > 1
        ? (setup.sharers - 1) * Math.max(...setup.calls.map(({ cost }) => (typeof cost === 'number' ? cost : 1)))
        : 0;
    const most = Math.max(0, remaining - inFlight) + held;
    if (left <= most) return undefined;
    return `${left} calls left after sharer ${sharer} said at ${ms(at)} that ${remaining} are left until ${ms(until)}, ${inFlight} being on their way: the first at ${ms((counted[0] as Departure).at)}, the last at ${ms((counted.at(-1) as Departure).at)}`;
  });
