import { tick } from '../time/clock.ts';
import { carrying, type Kind } from './kind.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { type Limit, longAgo } from './limit.ts';
import { pacing } from './pace.ts';

// A limit that nobody knows yet: calls begin at its rate, and go faster until the server refuses one. See `pace.ts`.

/** For how long calls count that went before the server told its limits, in ms. */
const counted = 60_000;

/** The arithmetic of limits that are left to the server: the pace says when calls go. */
export const learnedKind: Kind<number> = /* @__PURE__ */ Object.assign({}, leakyBucket, {
  name: 'learned',
  level: undefined,
  begins: ({ rate, interval }) => rate / interval,
  pacing,
  numbersOf: () => ({ even: tick, span: counted, emissionInterval: tick, tolerance: 0 }),
  // Where calls are not counted nobody knows more than of the latest.
  marksOf: ({ span }, tat, _, now) => (tat > now - span ? [longAgo, tat, 1] : [longAgo]),
} satisfies Partial<Kind<number>>);

/** What a key keeps before its server has said anything: one call a second, more with each call. */
export const learnedLimit: Limit = /* @__PURE__ */ carrying(
  { kind: 'learned', rate: 1, interval: 1_000, burst: 1_000_000 },
  learnedKind,
);
