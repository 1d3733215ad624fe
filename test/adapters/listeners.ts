/** Counts the listeners that are on a signal from now on. */
export function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    const [, listener, options] = args;
    listeners.add(listener);
    addEventListener.apply(signal, args);
    if (typeof options !== 'object' || !options.once) return;
    // Those go of themselves when they were called.
    addEventListener.call(signal, 'abort', () => listeners.delete(listener), { once: true });
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return () => listeners.size;
}
