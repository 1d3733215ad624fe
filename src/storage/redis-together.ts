import type { Run } from './redis-message.ts';

/** Calls the script with these keys and arguments. */
type Call = (keys: string[], args: string[]) => Promise<unknown>;

interface Asked {
  readonly key: string;
  readonly run: Run;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The most buckets in one call of the script: the server does nothing else in that time. */
const mostTogether = 16;

/** A run of this many calls goes alone and at once: its lane has work to do in the meantime. */
const manyCalls = 256;

/** Joins runs of different buckets that are requested in the same instant into one call of the script. */
export class RunsTogether {
  readonly #call: Call;
  #most: number;
  #asked: Asked[] = [];

  /** @param together whether the server accepts several keys in one call: a cluster does not */
  constructor(call: Call, together: boolean) {
    this.#call = call;
    this.#most = together ? mostTogether : 1;
  }

  /** Requests a run of one bucket. Resolves with the script's answer. */
  ask(key: string, run: Run): Promise<unknown> {
    if (this.#most === 1 || run.calls >= manyCalls) return this.#send([{ key, run }]);
    return new Promise((resolve, reject) => {
      this.#asked.push({ key, run, resolve, reject });
      if (this.#asked.length === this.#most) void this.#flush();
      else if (this.#asked.length === 1) void Promise.resolve().then(() => this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    if (asked.length === 0) return;
    try {
      const answer = await this.#send(asked);
      const answers = asked.length === 1 ? [answer] : (JSON.parse(String(answer)) as unknown[]);
      for (const [index, { resolve }] of asked.entries()) resolve(answers[index]);
    } catch (error) {
      // A proxy in front of several servers takes one key at a time. Nothing was done yet.
      const isSplit = asked.length > 1 && String(error).includes('CROSSSLOT');
      if (isSplit) this.#most = 1;
      for (const { key, run, resolve, reject } of asked) isSplit ? resolve(this.#send([{ key, run }])) : reject(error);
    }
  }

  #send(asked: readonly Pick<Asked, 'key' | 'run'>[]): Promise<unknown> {
    const { limits } = (asked[0] as Asked).run;
    const areSame = asked.every(({ run }) => run.limits === limits);
    const numbers = `[${asked.map(({ run }) => run.numbers).join(',')}]`;
    return this.#call(
      asked.map(({ key }) => key),
      ['run', numbers, ...(areSame ? [limits] : asked.map(({ run }) => run.limits))],
    );
  }
}
