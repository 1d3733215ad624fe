/** The callbacks for one signal, and the one listener that they share. */
interface SharedListener {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const listeners = new WeakMap<AbortSignal, SharedListener>();

/**
 * Calls `callback` when `signal` aborts, until `ignoreAbort` removes it. A signal has one listener of ours for any
 * number of callbacks: platforms walk through all listeners for each one added or removed, and Node warns from the
 * eleventh on.
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

/** Removes a callback from its signal, and with the last one the listener. */
export function ignoreAbort(signal: AbortSignal, callback: () => void): void {
  const shared = listeners.get(signal);
  if (shared === undefined) return;
  shared.callbacks.delete(callback);
  if (shared.callbacks.size > 0) return;
  listeners.delete(signal);
  signal.removeEventListener('abort', shared.listener);
}

/** The reason of an abort. Old platforms have none; then it is the default reason of new ones. */
export function reasonOf({ reason }: AbortSignal): unknown {
  return reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
}
