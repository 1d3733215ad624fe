/** As much of a stream of Node's as it takes to hear it fail. */
export interface NodeStream {
  readonly destroyed?: boolean;
  readonly readableDidRead?: boolean;
  on(event: string, listener: (...args: never) => void): unknown;
  removeListener(event: string, listener: (...args: never) => void): unknown;
}

/** Where Node looks first for whether a stream was read from. Without it one that failed counts as read, and fetch refuses it. */
const disturbed = Symbol.for('nodejs.stream.disturbed');

/**
 * Watches a stream that a call will send. Streams of Node's tell of their error once, and end the process if nobody listens. What was
 * told while the call waits is told again to listeners that come later: the client's.
 * @param failed is called when the stream has failed or was destroyed; perhaps twice
 * @returns what ends the watch, once the client has the stream
 */
export function holdStream(stream: NodeStream, failed: () => void): () => void {
  const listeners = ['error', 'close'].map((event) => {
    const listener = (...args: unknown[]) => {
      if (event === 'close' && !stream.destroyed) return;
      stream.on('newListener', (name: string, later: (...args: unknown[]) => void) => {
        if (name === event) queueMicrotask(() => later.apply(stream, args));
      });
      Object.defineProperty(stream, disturbed, { value: stream.readableDidRead === true, configurable: true });
      // `close` comes with the error. A client that listens in between would take the end for another.
      queueMicrotask(failed);
    };
    stream.on(event, listener);
    return () => stream.removeListener(event, listener);
  });
  return () => {
    for (const remove of listeners) remove();
  };
}

export function isNodeStream(value: unknown): value is NodeStream {
  const { pipe, on, removeListener } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [pipe, on, removeListener].every((method) => typeof method === 'function');
}
