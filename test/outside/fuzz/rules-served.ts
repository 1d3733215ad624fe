import type { Limit } from 'sluice';
import { costIn, instant, PerfectClient, serverLimit } from './limits.ts';
import type { Departure } from './log.ts';
import type { CallPlan } from './setup.ts';
import { firstOf, hasSettled, isHeard, lateness, ms, type Rule, said } from './terms.ts';

/** Everybody is served, and nobody with an error of ours. */
export const everybodyIsServed: Rule = ({ outcomes, stillWait, ranOutAt, departures, hung }) => {
  if (stillWait.length > 0) {
    const [first] = stillWait as [CallPlan];
    const last = departures.at(-1)?.at ?? 0;
    return `${stillWait.length} of ${outcomes.length} calls still wait at ${ms(ranOutAt)}, first call ${first.id} of sharer ${first.sharer}; the last one left at ${ms(last)}`;
  }
  if (hung.length > 0) return hung.join(', ');
  const failed = outcomes.find(({ state }) => state === 'failed');
  return failed && `call ${failed.call.id} (${failed.call.by}) failed: ${failed.error}`;
};

/** A settlement shows in the status at once: a window takes all of it, a bucket what has not leaked. */
export const settlementsShow: Rule = (log) => {
  const { setup, seen, departures } = log;
  if (setup.store === 'slow map' || setup.store === 'redis') return undefined;
  return firstOf(seen, ({ departure, at, from, to, before, after }) =>
    firstOf(setup.limits, (limit, index) => {
      const less = costIn(limit, from) - costIn(limit, to);
      const was = before.limits[index];
      const is = after.limits[index];
      if (less === 0 || was === undefined || is === undefined) return undefined;
      const age = at - departure.at + lateness(setup);
      const text = `call ${departure.call.id} left at ${ms(departure.at)}${departure.isCold ? ' over a new connection' : ''}, answered at ${ms(departure.answeredAt)}, settled at ${ms(at)} from ${costIn(limit, from)} to ${costIn(limit, to)}`;
      if (limit.kind === 'sliding-window') {
        if (age >= limit.interval - instant || was.remaining === 0) return undefined;
        const expected = Math.min(limit.rate, Math.max(0, was.remaining + less));
        return is.remaining === expected
          ? undefined
          : said(limit, `${text}: remaining goes from ${was.remaining} to ${is.remaining}, not ${expected}`);
      }
      const { spacing } = serverLimit(limit);
      const gained = was.resetAfter - is.resetAfter;
      if (less < 0) {
        if (was.resetAfter === 0 || gained <= less * spacing + instant) return undefined;
        return said(limit, `${text}: resetAfter goes from ${was.resetAfter} to ${is.resetAfter}`);
      }
      const others = departures
        .flatMap((one) => (one === departure ? [] : one.settled.map((settled) => ({ one, settled }))))
        .filter(({ settled }) => settled.at >= departure.at)
        .reduce(
          (sum, { one, settled }) => sum + Math.max(0, costIn(limit, one.call.cost) - costIn(limit, settled.to)),
          0,
        );
      const kept = new PerfectClient(limit, 100).spacing;
      const expected = Math.min(less * spacing, costIn(limit, from) * spacing - age - others * kept);
      return gained >= expected - instant
        ? undefined
        : said(
            limit,
            `${text}: resetAfter goes from ${was.resetAfter} to ${is.resetAfter}, at least ${ms(expected)} ms should come back`,
          );
    }),
  );
};

/** What a call cost in the end: the least it may count as, and the most. */
function costInTheEnd({ call, at, settled }: Departure, limit: Limit): { readonly low: number; readonly high: number } {
  let low = costIn(limit, call.cost);
  let high = low;
  for (const { to, at: toldAt } of settled) {
    const cost = costIn(limit, to);
    // A window takes no note of a call that has left it, without its margin.
    const isSure = limit.kind !== 'sliding-window' || toldAt - at < limit.interval - 60;
    low = isSure ? cost : Math.min(low, cost);
    high = isSure ? cost : Math.max(high, cost);
  }
  return { low, high };
}

/** In the end every sharer's status says what the log says. */
export const statusAgrees: Rule = (log) => {
  const { setup, departures, final } = log;
  if (log.stillWait.length > 0 || setup.changes.length > 0 || setup.syncs.length > 0) return undefined;
  const early = lateness(setup) + setup.storeTakes.after + instant;
  const quits = setup.calls.some(({ quitsAfter }) => quitsAfter !== undefined);
  const takes = setup.storeTakes.before + setup.storeTakes.after;
  // A slot that was missed by much is lost, if others built on it.
  const lost = setup.sharers > 1 && (setup.late.most + takes > 0 || setup.opening !== undefined) ? 2 : 0;
  return firstOf(final, ({ at, status }) =>
    firstOf(setup.limits, (limit, index) => {
      const told = status.limits[index]?.remaining ?? Number.NaN;
      const own = limit.margin ?? setup.margin;
      const margin = own === 'auto' ? status.margin : own;
      const when = `at ${ms(at)} remaining is ${told}`;
      if (limit.kind === 'sliding-window') {
        const window = limit.interval + (own === 'auto' ? 0 : margin);
        const longest = (limit.interval + Math.max(margin, own === 'auto' ? 100 : 0)) * (1 + 1 / 31) + takes;
        let least = 0;
        let most = 0;
        for (const one of departures) {
          const { low, high } = costInTheEnd(one, limit);
          if (at - one.at + early < window) least += low;
          if (at - (one.isCold && isHeard(setup) ? one.answeredAt : one.at) < longest) most += high;
        }
        const highest = Math.max(0, limit.rate - least);
        if (told > highest) return said(limit, `${when}, at least ${least} were used: at most ${highest}`);
        const lowest = Math.max(0, limit.rate - most);
        if (told < lowest - lost && !quits)
          return said(limit, `${when}, at most ${most} were used: at least ${lowest}`);
        return undefined;
      }
      if (own === 'auto') return undefined;
      const earliest = new PerfectClient(limit, margin);
      const latest = new PerfectClient(limit, margin);
      for (const one of departures) earliest.note(costInTheEnd(one, limit).low, one.at - early);
      // What may count from its answer may also count for two: its bucket cannot tell what it would have leaked.
      const goneBy = (one: Departure) => (one.isCold && isHeard(setup) ? one.answeredAt : one.at + instant);
      for (const one of [...departures].sort((a, b) => goneBy(a) - goneBy(b)))
        latest.note(costInTheEnd(one, limit).high * (goneBy(one) > one.at + instant ? 2 : 1), goneBy(one));
      const burst = Math.floor(limit.burst ?? 1);
      const highest = Math.min(burst, Math.floor(earliest.remaining(at) + 0.01));
      if (told > highest) return said(limit, `${when}, at most ${highest} by the log`);
      if (hasSettled(setup) || quits || setup.opening !== undefined) return undefined;
      const lowest = Math.min(burst, Math.floor(latest.remaining(at - takes) - 0.01));
      return told < lowest - lost ? said(limit, `${when}, at least ${lowest} by the log`) : undefined;
    }),
  );
};

/** No promise is left alone with its rejection. */
export const nothingUnhandled: Rule = ({ unhandled }) =>
  unhandled.length === 0 ? undefined : `${unhandled.length} unhandled, the first: ${unhandled[0]}`;
