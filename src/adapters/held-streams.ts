import { hasMethods } from '../core/base/check.ts';

/** Where Node looks first for whether a stream was read from. Without it one that failed counts as read, and fetch refuses it. */
const disturbed: unique symbol = Symbol.for('nodejs.stream.disturbed');

/** As much of a stream of Node's as it takes to hear it fail. */
export interface NodeStream {
  readonly destroyed?: boolean;
  readonly readableDidRead?: boolean;
  [disturbed]?: boolean;
  on(event: string, listener: (...args: never) => void): unknown;
  removeListener(event: string, listener: (...args: never) => void): unknown;
}

/**
 * Watches a stream that a call will send. Streams of Node's tell of their error once, and end the process if nobody listens. What was
 * told while the call waits is told again to listeners that come later: the client's.
 * @param failed is called when the stream has failed or was destroyed; perhaps twice
 * @returns what ends the watch, once the client has the stream: all of it
 */
export function holdStream(stream: NodeStream, failed: () => void): (() => void)[] {
  return ['error', 'close'].map((event) => {
    const listener = (...args: unknown[]) => {
      if (event === 'close' && !stream.destroyed) return;
      stream.on('newListener', (name: string, later: (...args: unknown[]) => void) => {
        if (name === event) queueMicrotask(() => later.apply(stream, args));
      });
      stream[disturbed] = stream.readableDidRead === true;
      // `close` comes with the error. A client that listens in between would take the end for another.
      queueMicrotask(failed);
    };
    stream.on(event, listener);
    return () => stream.removeListener(event, listener);
  });
}

export function isNodeStream(value: unknown): value is NodeStream {
  return hasMethods(value, 'pipe', 'on', 'removeListener');
}
