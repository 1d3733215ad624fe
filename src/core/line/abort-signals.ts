/** Those who wait for one signal, and the one listener that they share on it. */
interface SharedListener {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const listeners = new WeakMap<AbortSignal, SharedListener>();

/**
 * Calls `callback` when `signal` aborts, until `ignoreAbort` takes it off. However many wait for a signal, it has one listener of
 * ours: platforms walk through all the listeners for each one that comes or goes, and Node warns from the eleventh on.
 */
export function onAbort(signal: AbortSignal, callback: () => void): void {
  let shared = listeners.get(signal);
  if (shared === undefined) {
    const callbacks = new Set<() => void>();
    const listener = () => {
      for (const one of callbacks) one();
      listeners.delete(signal);
    };
    shared = { callbacks, listener };
    listeners.set(signal, shared);
    signal.addEventListener('abort', listener, { once: true });
  }
  shared.callbacks.add(callback);
}

/** Takes a callback off its signal, and with the last one the listener. */
export function ignoreAbort(signal: AbortSignal, callback: () => void): void {
  const shared = listeners.get(signal);
  if (shared === undefined) return;
  shared.callbacks.delete(callback);
  if (shared.callbacks.size > 0) return;
  listeners.delete(signal);
  signal.removeEventListener('abort', shared.listener);
}

/** Why a signal aborted. Old ones do not say: then as new ones say it where nobody gave a reason. */
export function reasonOf({ reason }: AbortSignal): unknown {
  return reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
}
