import { followPage } from './page-life.ts';

/**
 * News between the tabs and workers of an origin: which keys were paused, reset or given limits of their own. It is a matter of
 * milliseconds and may be lost, so it only says where to look.
 *
 * Invariant: its channel is open only while somebody listens and the page is active, as one that is open when a message comes costs
 * a page its place in the back-forward cache. After a return everything counts as news.
 * @see https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts
 */
export class TabNews {
  readonly #name: string;
  #channel: BroadcastChannel | undefined;

  /** @param name tells apart the news of different stores */
  constructor(name: string) {
    this.#name = name;
  }

  /** Tells the others that the value at `key` was changed. Never throws. */
  announce(key: string): void {
    try {
      const channel = this.#channel ?? new BroadcastChannel(this.#name);
      channel.postMessage(key);
      if (channel !== this.#channel) channel.close();
    } catch {
      // Where there are no channels, those who wait find it when they look again.
    }
  }

  /**
   * Calls `listener` with the keys that others announce, and without one when any may have been. One at a time listens.
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
