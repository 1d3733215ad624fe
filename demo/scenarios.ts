import type { AlgorithmName } from './servers/quota-server.ts';

/** What the throttled client is set to, in the words of the library. */
export type ClientLimit =
  | { readonly kind: 'quota'; readonly limit: number; readonly interval: number; readonly burst: number }
  | { readonly kind: 'bucket'; readonly rate: number; readonly interval: number; readonly burst: number };

export interface ServerSettings {
  readonly algorithm: AlgorithmName;
  readonly limit: number;
  readonly interval: number;
  /** Calls that may go at one instant: of a window the whole limit. */
  readonly burst: number;
}

export interface Scenario {
  readonly server: ServerSettings;
  readonly client: ClientLimit;
}

/**
 * Every server allows 20 calls a second in the long run. What a client can use of that at best, for 300 calls, with
 * the 50 ms (g) that the fetch adapter keeps in hand; "allowed" is the server's rate × the time, plus the client's burst:
 *
 * Windows, N = 60 per W = 3000 ms, quota with burst b = 1:
 *   emission interval T = (W + g) / (N - b + 1) = 3050 / 60 = 50.83 ms, so the last call goes at 299 × T = 15.20 s;
 *   allowed = 20 × 15.20 + 1 = 305.0 calls; 300 / 305.0 = 98.4 %.
 *   The window is 3 s because g is paid once per window: with 20 per 1 s the same sum gives 95.3 %, which leaves nothing
 *   for a timer that is late. The burst is 1 because a quota pays for a burst with its rate: one of 3 (a twentieth of N,
 *   the default) makes T = 3050 / 58 and the share 95.1 %.
 *
 * Buckets, 20 per 1000 ms, T = 50 ms: a limit gives g of its tolerance (b - 1) × T away and keeps its rate, so the last
 * call goes at 299 × T - ((b - 1) × T - g).
 *   token bucket, b = 10: 14.55 s; allowed = 20 × 14.55 + 10 = 301 calls; 300 / 301 = 99.7 %.
 *   leaky bucket, b = 5:  14.80 s; allowed = 20 × 14.80 + 5  = 301 calls; 99.7 %.
 */
export const SCENARIOS: readonly Scenario[] = [
  {
    server: { algorithm: 'fixed-window', limit: 60, interval: 3000, burst: 60 },
    client: { kind: 'quota', limit: 60, interval: 3000, burst: 1 },
  },
  {
    server: { algorithm: 'sliding-window', limit: 60, interval: 3000, burst: 60 },
    client: { kind: 'quota', limit: 60, interval: 3000, burst: 1 },
  },
  {
    server: { algorithm: 'token-bucket', limit: 20, interval: 1000, burst: 10 },
    client: { kind: 'bucket', rate: 20, interval: 1000, burst: 10 },
  },
  {
    server: { algorithm: 'leaky-bucket', limit: 20, interval: 1000, burst: 5 },
    client: { kind: 'bucket', rate: 20, interval: 1000, burst: 5 },
  },
];

export const CALLS = 300;

/** A share of the quota below this is a failure: a throttle that is merely slow keeps every limit. */
export const LEAST_SHARE = 0.95;
