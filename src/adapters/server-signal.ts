import { refusalOf } from './refusal.ts';
import type { ServerAnswer, ServerSignal } from './server-signal/signal.ts';

export type { BodyQuota, Dialect, FieldMeaning, RefusalMark, TimeHint } from './server-signal/dialect.ts';
export type { HeaderSource, ServerAnswer, ServerSignal, SignalBucket } from './server-signal/signal.ts';

/** Reads what an answer says about the quota. Never throws. */
export function readServerSignal({ status, headers, now }: ServerAnswer): ServerSignal {
  const header = (name: string) => (headers as Headers).get(name);
  const refusal = refusalOf({ status, header }, now);
  return {
    throttled: refusal !== undefined,
    ...(refusal?.retryAt === undefined ? undefined : { retryAt: refusal.retryAt }),
    buckets: [],
    ignored: [],
  };
}
