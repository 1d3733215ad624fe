import { type Run, run, type Setting, type Sharing } from './run.ts';
import {
  type Cell,
  interval,
  limit,
  nameOf,
  type Outcome,
  percent,
  phases,
  type Telling,
  tellings,
  untold,
  waysToLearn,
} from './ways.ts';

/** ms. */
const duration = 60_000;
/** The share of the true rate is taken over this many ms, and is to be found so soon. */
const stretch = 5 * interval;
const soon = 10 * interval;

/** What there is to learn, and from when on: ms from the begin of the run. */
interface Lesson {
  readonly name: string;
  readonly setting: Pick<Setting, 'server' | 'limits'>;
  readonly from: number;
}

interface Sharers {
  readonly name: string;
  readonly clients: number;
  readonly sharing: Sharing | undefined;
}

/** Soon most of the true rate is used, few calls are refused, and those that share a key get equal parts. */
function outcome({ server, accepted: all, refused }: Run, from: number, least: number, clients: number): Outcome {
  const accepted = all.filter((at) => at >= from);
  const within = (begin: number, end: number) => accepted.filter((at) => at >= begin && at < end).length;
  const enough = (least * limit * stretch) / interval;
  const foundAt = [from, ...accepted].find((at) => at + stretch <= duration && within(at, at + stretch) >= enough);
  const since = foundAt ?? duration / 2;
  const share = within(since, duration) / (((duration - since) * limit) / interval);
  const { inFlightAtRefusal = 0 } = server;
  const until = refused.filter((at) => at < since + stretch).length;
  const after = refused.length - until;
  const sent = Array<number>(clients).fill(0);
  for (const { client, accepted } of server.seen) if (accepted) sent[client] = (sent[client] ?? 0) + 1;
  const evenness = (Math.min(...sent) * clients) / Math.max(1, all.length);

  const missed: string[] = [];
  if (foundAt === undefined || foundAt - from > soon)
    missed.push(`${percent(least)} within ${soon / interval} windows`);
  if (share < least) missed.push(`${percent(least)} from then on`);
  if (until > inFlightAtRefusal + (since + stretch) / interval)
    missed.push('until then those in flight and 1 a window');
  if (after > (duration - since - stretch) / interval) missed.push('afterwards 1 refused a window');
  if (evenness < 0.75) missed.push('75 % of an equal part');
  const found = foundAt === undefined ? 'never found' : `found after ${((foundAt - from) / 1_000).toFixed(1)} s`;
  const even = clients > 1 ? `; the least gets ${percent(evenness)} of an equal part` : '';
  const refusals = `${until} refused until then (${inFlightAtRefusal} were in flight), ${after} after`;
  return { said: `${found}, ${percent(share)} from then on; ${refusals}${even}`, missed };
}

function cell({ name, setting, from }: Lesson, { name: who, clients, sharing }: Sharers, telling: Telling): Cell {
  const least = telling.family === 'none' ? 0.85 : 0.9;
  return {
    name: `learning, ${who}: ${name}, ${nameOf(telling)}`,
    measure: async () => {
      // More than there is time for.
      const calls = Math.ceil((1.1 * duration * limit) / interval);
      const server = { ...setting.server, ...telling };
      const [phase = 0] = phases;
      const one = await run({ ...setting, server, clients, sharing, calls, duration, phase });
      return outcome(one, from, least, clients);
    },
  };
}

const lessons: readonly Lesson[] = waysToLearn.flatMap(({ name, quota, limits }) => {
  const server = { quotas: [quota], ...untold };
  const low = { ...quota, limit: limit / 4, ...(quota.burst && { burst: Math.ceil(quota.burst / 4) }) };
  const from = 10_000;
  const raised = { ...untold, quotas: [low], later: { after: from, quotas: [quota] } };
  return [
    ...[2, 10].map((share) => ({
      name: `${share} x too high, ${name}`,
      setting: { server, limits: limits(share) },
      from: 0,
    })),
    { name: `from nothing, ${name}`, setting: { server, limits: 'server' as const }, from: 0 },
    // What was learned is a quarter of what the server lets through from then on.
    { name: `4 x too low, ${name}`, setting: { server: raised, limits: 'server' as const }, from },
  ];
});

const alone: Sharers = { name: 'one', clients: 1, sharing: undefined };
const shared: readonly Sharers[] = [
  { name: '4 tabs', clients: 4, sharing: 'tabs' },
  { name: '8 processes', clients: 8, sharing: 'processes' },
];
/** Enough for those that share: the families differ for one as they do for several. */
const few = [untold, ...tellings.filter(({ family }) => family === 'draft-11' || family === 'x-delta')];

/** Limits that a user wrote too high, and limits that are left to the server. */
export const cellsLearning: readonly Cell[] = [
  ...lessons.flatMap((lesson) => [untold, ...tellings].map((telling) => cell(lesson, alone, telling))),
  ...shared.flatMap((sharers) => lessons.flatMap((lesson) => few.map((telling) => cell(lesson, sharers, telling)))),
];
