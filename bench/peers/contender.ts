/** At most this many calls in any `interval`, in ms. */
export interface Quota {
  readonly limit: number;
  readonly interval: number;
}

/** Calls a task when the quota allows it; resolves when the task has ended. One that never waits rejects or resolves at once. */
export type Call = <T>(task: () => Promise<T>) => Promise<unknown>;

/** The same with a quota for each key. */
export type KeyedCall = (key: string, task: () => Promise<unknown>) => Promise<unknown>;

/** A library that is loaded. Making is synchronous, as it is for its users. */
export interface Loaded {
  one(quota: Quota): Call;
  /** Its own keys. A library without them gets a Map of instances, which is what its users write. */
  keyed?(quota: Quota): KeyedCall;
}

export const inProcess = ['decide', 'queue', 'utilisation', 'memory'] as const;
export type InProcess = (typeof inProcess)[number];

/** A library in one of the configurations that its documentation advises. */
export interface Contender {
  /** The library, then what tells this row from its others. */
  readonly name: string;
  /** Where npm puts it; undefined if the row is ours or a bare minimum. */
  readonly package?: string;
  /** The page that advises the configuration. */
  readonly page?: string;
  /** Parts that this row is in. Default: all that run in a process of their own. */
  readonly parts?: readonly InProcess[];
  /** Its keys are used where one key is measured too. */
  readonly isKeyed?: boolean;
  /** It spaces calls evenly, by timers of whole milliseconds: a drain of a million a second is not what it is for. */
  readonly isEven?: boolean;
  /** The import statements of a user, for its size. */
  readonly imports?: string;
  load(): Promise<Loaded>;
}

/** What a row came to: numbers, or why there are none. */
export type Numbers = Readonly<Record<string, number>>;
export type Failure = { readonly failed: string };
export type Outcome = Readonly<Record<string, number | Numbers | Failure>> | Failure;

export const noTask = async (): Promise<void> => {};
