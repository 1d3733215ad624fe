import type { Algorithm } from './algorithm.ts';
import { FixedWindow } from './fixed-window.ts';
import { LeakyBucket } from './leaky-bucket.ts';
import { SlidingWindow } from './sliding-window.ts';
import { TokenBucket } from './token-bucket.ts';

export type AlgorithmName = 'fixed-window' | 'sliding-window' | 'token-bucket' | 'leaky-bucket';

/** What a quota is, and how it is enforced. */
export interface Rules {
  readonly algorithm: AlgorithmName;
  /** Calls per `interval`. */
  readonly limit: number;
  /** ms. */
  readonly interval: number;
  /** Calls that a bucket accepts at one instant from rest. Token bucket: `limit`; leaky bucket: 1. Windows have none. */
  readonly burst?: number | undefined;
  /** Whether refused calls use up quota too. Default: false. */
  readonly countRejected?: boolean | undefined;
}

export function createAlgorithm({ algorithm, limit, interval, burst, countRejected }: Rules): Algorithm {
  switch (algorithm) {
    case 'fixed-window':
      return new FixedWindow({ limit, interval, countRejected });
    case 'sliding-window':
      return new SlidingWindow({ limit, interval, countRejected });
    case 'token-bucket':
      return new TokenBucket({ limit, interval, burst: burst ?? limit, countRejected });
    case 'leaky-bucket':
      return new LeakyBucket({ limit, interval, burst: burst ?? 1, countRejected });
    default:
      throw new RangeError(`Expected \`algorithm\` to be the name of one, got \`${algorithm satisfies never}\`.`);
  }
}
