import { type Limit, quota, slidingWindow } from 'sluice';
import { canTell, type HeaderFamily, type Resolution } from '../../../demo/servers/header-fields.ts';
import type { ServerQuota, TellingServerOptions } from './telling-server.ts';

/** What a cell measured. */
export interface Outcome {
  /** To be read. */
  readonly said: string;
  /** The aims that were missed; empty if none was. */
  readonly missed: readonly string[];
}

/** One cell of the matrix. */
export interface Cell {
  readonly name: string;
  measure(): Promise<Outcome>;
}

/** Of all servers here: 20 calls a second, and of those with two quotas 300 a minute. */
export const limit = 20;
export const interval = 1_000;
const minute = { limit: 300, interval: 60_000 };
/** Of small buckets. */
const burst = 5;

/** In which part of a second of the wall clock runs begin, in ms: where whole seconds are told, that decides much. */
export const phases: readonly number[] = [370, 0, 905];

/** A server, and limits of a kind that fits it. */
export interface Way {
  readonly name: string;
  readonly quota: ServerQuota;
  /** @param share the part of what the server lets through that they let through. Default: 1. */
  limits(share?: number): Limit;
  /** The same server and limits for a minute. */
  readonly perMinute: { readonly quota: ServerQuota; readonly limits: Limit };
}

type Kind = (limit: number, interval: number, burst: number) => Limit;
const kinds = {
  quota: (limit, interval) => quota({ limit, interval }),
  // Calls that count as 2 need a burst of 2.
  'quota of burst 2': (limit, interval) => quota({ limit, interval, burst: 2 }),
  window: (limit, interval) => slidingWindow({ limit, interval }),
  leaky: (rate, interval, burst) => ({ rate, interval, burst }),
} as const satisfies Record<string, Kind>;

function way(server: Omit<ServerQuota, 'limit' | 'interval'>, kind: keyof typeof kinds): Way {
  const { algorithm, burst, tells, resets } = server;
  const scaled = burst === undefined ? {} : { burst: (burst * minute.limit) / limit };
  const limitsOf: Kind = kinds[kind];
  const words = [algorithm, burst, tells && `tells ${tells}`, resets && `resets ${resets}`, kind];
  return {
    name: words.filter((word) => word !== undefined).join(' '),
    quota: { ...server, limit, interval },
    limits: (share = 1) => limitsOf(share * limit, interval, share * (burst ?? 1)),
    perMinute: {
      quota: { ...server, ...minute, ...scaled },
      limits: limitsOf(minute.limit, minute.interval, scaled.burst ?? 1),
    },
  };
}

const windows = (['fixed', 'sliding'] as const).flatMap((algorithm) => [
  way({ algorithm }, 'quota'),
  way({ algorithm }, 'window'),
]);
const tokens = { algorithm: 'token', burst: limit } as const;
const gcra = { algorithm: 'gcra', burst } as const;

/** Every algorithm with every kind of limit that fits it. */
export const ways: readonly Way[] = [
  ...windows,
  way(tokens, 'quota'),
  way(tokens, 'leaky'),
  way({ algorithm: 'token', burst }, 'leaky'),
  way(gcra, 'leaky'),
];

/** What else servers with buckets tell: when there is one call more, or the calls per interval for the limit. */
export const furtherWays: readonly Way[] = [
  way({ ...tokens, resets: 'more' }, 'leaky'),
  way({ ...gcra, resets: 'more' }, 'leaky'),
  way({ ...gcra, tells: 'rate' }, 'leaky'),
  way({ ...gcra, tells: 'rate', resets: 'more' }, 'leaky'),
];

/** Those whose limits let calls of cost 2 go. */
export const waysOfCost2: readonly Way[] = [
  ...(['fixed', 'sliding'] as const).map((algorithm) => way({ algorithm }, 'quota of burst 2')),
  way(tokens, 'quota of burst 2'),
  ...ways.filter(({ name }) => !name.endsWith('quota')),
];

/** One of each algorithm. */
export const waysToLearn: readonly Way[] = [
  way({ algorithm: 'fixed' }, 'quota'),
  way({ algorithm: 'sliding' }, 'window'),
  way(tokens, 'quota'),
  way(gcra, 'leaky'),
];

export type Telling = Pick<TellingServerOptions, 'family' | 'resolution'>;

export const untold: Telling = { family: 'none', resolution: 'seconds' };

const families: readonly HeaderFamily[] = ['draft-3', 'draft-7', 'draft-11', 'x-epoch', 'x-delta'];
const resolutions: readonly Resolution[] = ['seconds', 'ms'];

/** All ways to tell: every family in every resolution that it has. */
export const tellings: readonly Telling[] = families.flatMap((family) =>
  resolutions.filter((resolution) => canTell(family, resolution)).map((resolution) => ({ family, resolution })),
);

export const nameOf = ({ family, resolution }: Telling): string =>
  family.startsWith('x-') ? `${family} ${resolution}` : family;

export const percent = (part: number): string => `${(100 * part).toFixed(0)} %`;
