import type { StoreNews } from '../base/store.ts';
import type { WatchHost } from '../line/sharing.ts';

/** Passes news of a store to the lanes. Returns a function that stops it. */
export function watch(host: WatchHost): (() => void) | undefined {
  const { events, store } = host;
  return store.watch?.(({ key, trouble: error }: StoreNews) => {
    if (error === undefined) lookAgain(host, key).catch(() => {});
    else events.emit('store-error', { key, error, fallback: false });
  });
}

/** Finds out what others did to a key: its pause may have ended early, or its calls may go. */
async function lookAgain(host: WatchHost, key: string): Promise<void> {
  const { clock, gates, store } = host;
  const until = gates.pausedUntil(key);
  if (until > clock.monotonic()) {
    const { pausedFor } = await store.peek(key, host.plan(key));
    if (pausedFor === 0 && gates.pausedUntil(key) === until) gates.of(key).resume(Infinity);
  }
  host.find(key)?.look();
}
