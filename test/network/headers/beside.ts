import { run } from './run.ts';
import {
  type Cell,
  interval,
  limit,
  nameOf,
  percent,
  phases,
  type Telling,
  tellings,
  untold,
  type Way,
  ways,
} from './ways.ts';

/** Until the client knows that it is not alone, and what it had from rest is used up, in ms. */
const begin = 2 * interval;

/** Right limits, and a foreign client eats half: few are refused, and most of what is left is used. */
function cell(one: Way, foreign: 'steady' | 'random', telling: Telling): Cell {
  // Nobody can know more of windows of a second than the second in which they end, nor without headers who else is there.
  const { algorithm } = one.quota;
  const endsInSomeSecond = telling.resolution === 'seconds' && ['fixed', 'sliding'].includes(algorithm);
  const isUnknowable = telling.family === 'none' || (telling.family === 'x-epoch' && endsInSomeSecond);
  const least = isUnknowable ? 0.5 : 0.8;
  // Without headers a client has to find out.
  const calls = telling.family === 'none' ? 2_000 : 400;
  return {
    name: `beside ${foreign}: ${one.name}, ${nameOf(telling)}`,
    measure: async () => {
      let refused = 0;
      let ours = 0;
      let left = 0;
      for (const [index, phase] of phases.entries()) {
        const server = { quotas: [one.quota], foreign, ...telling, seed: index + 1 };
        const { accepted, end, ...ran } = await run({ server, limits: one.limits(), calls, phase });
        const until = Math.min(end, 600_000);
        const since = (times: readonly number[]) => times.filter((at) => at > begin && at <= until).length;
        refused += ran.refused.length;
        ours += since(accepted);
        left += ((until - begin) * limit) / interval - since(ran.server.foreignTaken);
      }
      const sent = phases.length * calls;
      const missed: string[] = [];
      if (refused > 0.02 * sent) missed.push('2 % refused');
      if (!(ours >= least * left)) missed.push(`${percent(least)} of what is left`);
      return { said: `${refused} of ${sent} refused, ${percent(ours / left)} of what is left used`, missed };
    },
  };
}

/** Right limits, and a foreign client eats half of the quota, steadily or at random. */
export const cellsBeside: readonly Cell[] = (['steady', 'random'] as const).flatMap((foreign) =>
  ways.flatMap((one) => [untold, ...tellings].map((telling) => cell(one, foreign, telling))),
);
