import { followPage } from './page-life.ts';

/** Hears that the value at a key was changed elsewhere; without a key, that any may have been. */
type NewsListener = (key?: string) => void;

/**
 * News between the tabs and workers of an origin: which keys were paused, reset or given limits of their own. It is a matter of
 * milliseconds and may be lost, so it only says where to look.
 *
 * A channel that is open when a message comes costs a page its place in the back-forward cache. So it is open only while somebody
 * listens and the page is active; after a return everything counts as news.
 * @see https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts
 */
export class TabNews {
  readonly #name: string;
  readonly #listeners = new Set<NewsListener>();
  #channel: BroadcastChannel | undefined;
  #unfollow: (() => void) | undefined;

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

  /** Calls `listener` with the keys that others announce. Returns how to stop. */
  watch(listener: NewsListener): () => void {
    this.#listeners.add(listener);
    if (this.#unfollow === undefined) {
      this.#open();
      this.#unfollow = followPage({
        leave: () => this.#close(),
        comeBack: () => {
          this.#open();
          this.#tell(undefined);
        },
      });
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unfollow?.();
      this.#unfollow = undefined;
      this.#close();
    };
  }

  #open(): void {
    try {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => {
        if (typeof data === 'string') this.#tell(data);
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

  #tell(key: string | undefined): void {
    for (const listener of this.#listeners) listener(key);
  }
}
