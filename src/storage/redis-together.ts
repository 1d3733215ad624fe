import type { Run } from './redis-message.ts';

/** Calls the script with these keys and arguments. */
type Call = (keys: string[], args: string[]) => Promise<unknown>;

interface Asked {
  readonly key: string;
  readonly run: Run;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The most buckets that one call of the script sees to: the server does nothing else meanwhile. */
const mostTogether = 16;

/** A run of so many calls goes alone and at once: the lane that sends it has others to see to meanwhile. */
const manyCalls = 256;

/** Runs of different buckets that are asked for in the same instant, in one call of the script. */
export class RunsTogether {
  readonly #call: Call;
  #most: number;
  #asked: Asked[] = [];

  /** @param together whether the server takes several keys in one call: a cluster does not */
  constructor(call: Call, together: boolean) {
    this.#call = call;
    this.#most = together ? mostTogether : 1;
  }

  /** Asks for one bucket. Resolves with what the script says of it. */
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
