/** Those who wait for one signal, and the one listener that they share on it. */
interface Sharing {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const sharings = new WeakMap<AbortSignal, Sharing>();

/**
 * Calls `callback` when `signal` aborts, until `ignoreAbort` takes it off. However many wait for a signal, it has one listener of
 * ours: platforms walk through all the listeners for each one that comes or goes, and Node warns from the eleventh on.
 */
export function onAbort(signal: AbortSignal, callback: () => void): void {
  let sharing = sharings.get(signal);
  if (sharing === undefined) {
    const callbacks = new Set<() => void>();
    const listener = () => {
      for (const one of callbacks) one();
      sharings.delete(signal);
    };
    sharing = { callbacks, listener };
    sharings.set(signal, sharing);
    signal.addEventListener('abort', listener, { once: true });
  }
  sharing.callbacks.add(callback);
}

/** Takes a callback off its signal, and with the last one the listener. */
export function ignoreAbort(signal: AbortSignal, callback: () => void): void {
  const sharing = sharings.get(signal);
  if (sharing === undefined) return;
  sharing.callbacks.delete(callback);
  if (sharing.callbacks.size > 0) return;
  sharings.delete(signal);
  signal.removeEventListener('abort', sharing.listener);
}

/** Why a signal aborted. Old ones do not say: then as new ones say it where nobody gave a reason. */
export function reasonOf({ reason }: AbortSignal): unknown {
  return reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
}
