import { type Limits, quota, slidingWindow } from 'sluice';
import type { ApiSettings } from '../servers/simulated-api.ts';

/** All that can be set up on the page. A link carries it, and all tabs have the same. */
export interface Setup extends Required<Omit<ApiSettings, 'countRejected'>> {
  readonly client: 'fetch' | 'axios' | 'ky' | 'sdk';
  readonly store: 'memory' | 'local-storage' | 'indexed-db';
  /** `fit`: what suits the server's rules. */
  readonly kind: 'fit' | 'quota' | 'sliding-window' | 'bucket' | 'server';
  /** Calls per `per` ms, `atOnce` of them at one instant; for the kinds that have numbers of their own. */
  readonly calls: number;
  readonly per: number;
  readonly atOnce: number;
  /** ms; below 0: `'auto'`. */
  readonly margin: number;
  /** Of the calls that are sent next. */
  readonly priority: number;
  /** Whether the same calls go without sluice too. */
  readonly plain: boolean;
}

/** A server with the demo's numbers, a network like that of a phone at home. */
export const initialSetup: Setup = {
  algorithm: 'sliding-window',
  limit: 60,
  interval: 3_000,
  burst: 10,
  latency: 80,
  jitter: 20,
  connect: 60,
  others: 0,
  failures: 0,
  tells: false,
  client: 'fetch',
  store: 'indexed-db',
  kind: 'fit',
  calls: 60,
  per: 3_000,
  atOnce: 3,
  margin: -1,
  priority: 0,
  plain: true,
};

const choices: Readonly<Record<string, readonly string[]>> = {
  algorithm: ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'],
  client: ['fetch', 'axios', 'ky', 'sdk'],
  store: ['memory', 'local-storage', 'indexed-db'],
  kind: ['fit', 'quota', 'sliding-window', 'bucket', 'server'],
};

const ranges: Readonly<Record<string, readonly [from: number, to: number]>> = {
  limit: [1, 10_000],
  interval: [100, 600_000],
  burst: [1, 10_000],
  latency: [0, 5_000],
  jitter: [0, 5_000],
  connect: [0, 5_000],
  others: [0, 1_000],
  failures: [0, 100],
  calls: [1, 10_000],
  per: [100, 600_000],
  atOnce: [1, 10_000],
  margin: [-1, 5_000],
  priority: [-10, 10],
};

/** Makes a set-up of whatever was given: what is missing or wrong is as it is at first. */
export function setupFrom(given: Readonly<Record<string, unknown>>): Setup {
  const entries = Object.entries(initialSetup).map(([name, initial]) => [name, fieldFrom(name, given[name], initial)]);
  return Object.fromEntries(entries) as unknown as Setup;
}

function fieldFrom(name: string, value: unknown, initial: unknown): unknown {
  if (value === undefined || value === null || value === '') return initial;
  if (typeof initial === 'boolean') return value === true || value === 'true';
  const allowed = choices[name];
  if (allowed !== undefined) return allowed.includes(String(value)) ? String(value) : initial;
  const [from, to] = ranges[name] ?? [0, 0];
  const number = Math.round(Number(value));
  return Number.isFinite(number) ? Math.min(to, Math.max(from, number)) : initial;
}

/** Writes a set-up as the fragment of a link: what differs from the first one. */
export function setupToHash(setup: Setup): string {
  const changed = Object.entries(setup).filter(([name, value]) => value !== initialSetup[name as keyof Setup]);
  return changed.length === 0 ? '' : `#${new URLSearchParams(changed.map(([name, value]) => [name, String(value)]))}`;
}

export const setupFromHash = (hash: string): Setup =>
  setupFrom(Object.fromEntries(new URLSearchParams(hash.replace(/^#/, ''))));

export const isWindow = ({ algorithm }: Pick<Setup, 'algorithm'>): boolean => algorithm.endsWith('window');

/** What the server accepts at one instant from rest. */
export const burstOf = (setup: Setup): number => (isWindow(setup) ? setup.limit : setup.burst);

/** The settings of the server, as its URL carries them. */
export function settingsOf(setup: Setup): ApiSettings {
  const { algorithm, limit, interval, latency, jitter, connect, others, failures, tells } = setup;
  return { algorithm, limit, interval, burst: burstOf(setup), latency, jitter, connect, others, failures, tells };
}

/** The limit of the client, before it is one. */
export interface LimitChoice {
  readonly kind: 'quota' | 'sliding-window' | 'bucket' | 'server';
  readonly calls: number;
  readonly per: number;
  /** Of a quota undefined where it is the default. */
  readonly atOnce: number | undefined;
}

export function limitChoice(setup: Setup): LimitChoice {
  const { kind, limit, interval, burst, calls, per, atOnce } = setup;
  if (kind === 'fit')
    return isWindow(setup)
      ? { kind: 'quota', calls: limit, per: interval, atOnce: undefined }
      : { kind: 'bucket', calls: limit, per: interval, atOnce: burst };
  if (kind === 'server') return { kind, calls: limit, per: interval, atOnce: undefined };
  return { kind, calls, per, atOnce: kind === 'sliding-window' ? undefined : Math.min(atOnce, calls) };
}

/** The `limits` of the throttle. */
export function limitsOf(setup: Setup): Limits {
  const { kind, calls, per, atOnce } = limitChoice(setup);
  if (kind === 'server') return 'server';
  if (kind === 'sliding-window') return slidingWindow({ limit: calls, interval: per });
  if (kind === 'bucket') return { rate: calls, interval: per, burst: atOnce ?? 1 };
  return quota({ limit: calls, interval: per, ...(atOnce === undefined ? {} : { burst: atOnce }) });
}

/** How many calls the client's bucket holds, and ms per call that leaks from it. */
export function bucketOf(setup: Setup): { readonly holds: number; readonly emission: number } {
  const { kind, calls, per, atOnce } = limitChoice(setup);
  if (kind === 'sliding-window' || kind === 'server') return { holds: calls, emission: per / calls };
  // The default burst of a quota: a twentieth.
  const holds = atOnce ?? Math.max(1, Math.floor(calls / 20));
  return { holds, emission: kind === 'quota' ? per / (calls - holds + 1) : per / calls };
}
