import { followPage } from './page-life.ts';

/**
 * Notifications between the tabs and workers of an origin: which keys were paused, reset or given their own limits.
 * They take milliseconds and may be lost, so they only tell where to look.
 *
 * Invariant: its channel is open only while there is a listener and the page is active, because an open channel that
 * gets a message removes a page from the back-forward cache. After a return everything counts as changed.
 * @see https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts
 */
export class TabNews {
  readonly #name: string;
  #channel: BroadcastChannel | undefined;

  /** @param name distinguishes different stores */
  constructor(name: string) {
    this.#name = name;
  }

  /** Notifies the others that the value at `key` was changed. Never throws. */
  announce(key: string): void {
    try {
      const channel = this.#channel ?? new BroadcastChannel(this.#name);
      channel.postMessage(key);
      if (channel !== this.#channel) channel.close();
    } catch {
      // Without channels, waiting lines find it when they look again.
    }
  }

  /**
   * Calls `listener` with the keys that others announce, and without a key when any may have changed. There is one
   * listener at a time.
   * @returns how to stop
   */
  watch(listener: (key?: string) => void): () => void {
    this.#open(listener);
    const unfollow = followPage({
      leave: () => this.#close(),
      comeBack: () => {
        this.#open(listener);
        listener();
      },
    });
    return () => {
      unfollow();
      this.#close();
    };
  }

  #open(listener: (key: string) => void): void {
    try {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => {
        if (typeof data === 'string') listener(data);
      };
      // In Node an open channel would keep the process alive.
      (this.#channel as { unref?(): void }).unref?.();
    } catch {
      // As above.
    }
  }

  #close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}
