/** One call of a function or a method, as functions in the options get it. */
export interface MethodCall<Arguments extends readonly unknown[] = readonly unknown[]> {
  /** The path to the method, with dots: `chat.completions.create`. Empty if the target itself is called. */
  readonly method: string;
  /** Its arguments. For a call that is sent later: the arguments of the `lazy` method. */
  readonly args: Arguments;
}

/** What else is known about a call. */
export interface Circumstances {
  /** Where a signal may be found. */
  readonly given?: readonly unknown[];
  /** Whether it requests a page: the end of the pages is not a page. */
  readonly isPage?: boolean;
}

/** Which calls are throttled, and how. */
export interface Holding {
  isMethod(path: string): boolean;
  isLazy(path: string): boolean;
  /** Whether a call at a path is throttled. */
  isHeld(call: MethodCall): boolean;
  /** Whether anything below a path is throttled. */
  leadsOn(path: string): boolean;
  /** Makes a call when its turn comes. */
  hold(call: MethodCall, send: () => unknown, circumstances?: Circumstances): Promise<unknown>;
}
