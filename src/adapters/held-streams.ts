import { hasMethods } from '../core/base/check.ts';

/**
 * Where Node looks first for whether a stream was read from. Without it a failed stream counts as read, and fetch
 * refuses it.
 */
const disturbed: unique symbol = Symbol.for('nodejs.stream.disturbed');

/** The part of a Node stream that is needed to notice its failure. */
export interface NodeStream {
  readonly destroyed?: boolean;
  readonly readableDidRead?: boolean;
  [disturbed]?: boolean;
  on(event: string, listener: (...args: never) => void): unknown;
  removeListener(event: string, listener: (...args: never) => void): unknown;
}

/**
 * Watches a stream that a call will send. Node streams emit their error once, and end the process if there is no
 * listener. An error during the wait is emitted again for later listeners: those of the client.
 * @param failed is called when the stream has failed or was destroyed; perhaps twice
 * @returns a function that ends the watch, once the client has the whole stream
 */
export function holdStream(stream: NodeStream, failed: () => void): (() => void)[] {
  return ['error', 'close'].map((event) => {
    const listener = (...args: unknown[]) => {
      if (event === 'close' && !stream.destroyed) return;
      stream.on('newListener', (name: string, later: (...args: unknown[]) => void) => {
        if (name === event) queueMicrotask(() => later.apply(stream, args));
      });
      stream[disturbed] = stream.readableDidRead === true;
      // `close` comes with the error. A client that listens between the two would report another error.
      queueMicrotask(failed);
    };
    stream.on(event, listener);
    return () => stream.removeListener(event, listener);
  });
}

export function isNodeStream(value: unknown): value is NodeStream {
  return hasMethods(value, 'pipe', 'on', 'removeListener');
}
