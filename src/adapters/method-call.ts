/** One call of a function or a method, as the options' functions see it. */
export interface MethodCall<Arguments extends readonly unknown[] = readonly unknown[]> {
  /** The path to the method, with dots: `chat.completions.create`. Empty if the target itself is called. */
  readonly method: string;
  /** What it was called with. For what is only sent later: what the `lazy` method was called with. */
  readonly args: Arguments;
}

/** What is known of a call besides. */
export interface Circumstances {
  /** Where a signal may be found. */
  readonly given?: readonly unknown[];
  /** Whether it asks for a page: the end of the pages is none. */
  readonly isPage?: boolean;
}

/** Which calls are held back, and how. */
export interface Holding {
  isMethod(path: string): boolean;
  isLazy(path: string): boolean;
  /** Whether a call of them is one to hold back. */
  isHeld(call: MethodCall): boolean;
  /** Whether anything below a path is held back. */
  leadsOn(path: string): boolean;
  /** Makes a call when its turn comes. */
  hold(call: MethodCall, send: () => unknown, circumstances?: Circumstances): Promise<unknown>;
}
