import { tick } from '../time/clock.ts';
import { carrying, type Kind } from './kind.ts';
import { leakyBucket } from './leaky-bucket.ts';
import { type Limit, longAgo } from './limit.ts';
import { pacing } from './pace.ts';

// A limit that is not known yet: calls begin at its rate, and go faster until the server refuses one. See `pace.ts`.

/** How long calls count that went before the server sent its limits, in ms. */
const counted = 60_000;

/** The arithmetic of limits that the server defines: the pace decides when calls go. */
export const learnedKind: Kind<number> = /* @__PURE__ */ Object.assign({}, leakyBucket, {
  name: 'learned',
  level: undefined,
  begins: ({ rate, interval }) => rate / interval,
  pacing,
  numbersOf: () => ({ even: tick, span: counted, emissionInterval: tick, tolerance: 0 }),
  // Calls are not counted here: only the latest one is known.
  marksOf: ({ span }, tat, _, now) => (tat > now - span ? [longAgo, tat, 1] : [longAgo]),
} satisfies Partial<Kind<number>>);

/** The limit of a key before its server has sent any: one call a second, more with each call. */
export const learnedLimit: Limit = /* @__PURE__ */ carrying(
  { kind: 'learned', rate: 1, interval: 1_000, burst: 1_000_000 },
  learnedKind,
);
