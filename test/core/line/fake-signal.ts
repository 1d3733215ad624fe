/** An abort signal that counts its listeners. */
export class FakeSignal extends EventTarget {
  aborted = false;
  reason: unknown;
  readonly #listeners = new Map<unknown, { readonly once: boolean }>();

  /** Listeners that are on now. */
  get listeners(): number {
    return this.#listeners.size;
  }

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    const [, listener, options] = args;
    super.addEventListener(...args);
    this.#listeners.set(listener, { once: typeof options === 'object' && options.once === true });
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    super.removeEventListener(...args);
    this.#listeners.delete(args[1]);
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.dispatchEvent(new Event('abort'));
    for (const [listener, { once }] of this.#listeners) if (once) this.#listeners.delete(listener);
  }

  /** This signal, as the options want it. */
  get signal(): AbortSignal {
    return this as unknown as AbortSignal;
  }
}
