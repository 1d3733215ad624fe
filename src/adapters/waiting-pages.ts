/** The clients of a service worker, as far as they matter here. */
export interface WorkerClients {
  get(id: string): Promise<unknown>;
}

/** A page, or a worker of one, with calls that wait. */
interface Page {
  readonly calls: Set<AbortController>;
  /** Whether the browser has listed it: a client that it never listed is not gone. */
  isKnown: boolean;
  isAskedFor: boolean;
}

/**
 * The calls that wait in a service worker, by the page that made them. No browser tells the worker that a page was
 * closed or reloaded, but all drop its client within milliseconds. So the clients are checked whenever a call comes or
 * leaves.
 */
export class WaitingPages {
  readonly #clients: WorkerClients;
  readonly #pages = new Map<string, Page>();

  constructor(clients: WorkerClients) {
    this.#clients = clients;
  }

  /**
   * Adds a call, which is aborted once its page is gone.
   * @returns a function that removes the call, when it has ended
   */
  add(id: string, call: AbortController): () => void {
    const page = this.#pages.get(id) ?? { calls: new Set(), isKnown: false, isAskedFor: false };
    this.#pages.set(id, page);
    page.calls.add(call);
    this.look();
    return () => {
      page.calls.delete(call);
      if (page.calls.size === 0) this.#pages.delete(id);
    };
  }

  /** Checks which pages are gone. */
  look(): void {
    for (const [id, page] of this.#pages) if (!page.isAskedFor) void this.#askFor(id, page);
  }

  async #askFor(id: string, page: Page): Promise<void> {
    page.isAskedFor = true;
    try {
      if ((await this.#clients.get(id)) !== undefined) page.isKnown = true;
      else if (page.isKnown) for (const call of page.calls) call.abort();
    } catch {
      // Then it counts as present.
    }
    page.isAskedFor = false;
  }
}
