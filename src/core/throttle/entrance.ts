import { checkMethods, checkNumber, checkOptions, wrongType } from '../base/check.ts';
import type { ClosedError } from '../base/errors.ts';
import type { CallGrant } from '../base/grant.ts';
import type { Receipt } from '../base/store.ts';
import { type Cost, checkCost, checkNames, isStrange } from '../limits/cost.ts';
import { reasonOf } from '../line/abort-signals.ts';
import type { WaitRequest } from '../line/waiting-room.ts';
import type { EnterOptions } from './adapter-link.ts';
import type { Lanes } from './lanes.ts';

const signalMethods = ['addEventListener', 'removeEventListener'];

/** The request of a call without options. */
export const noOptions: EnterOptions = {
  cost: undefined,
  maxWait: undefined,
  priority: undefined,
  signal: undefined,
};

/**
 * Checks the options of calls, and lets them go at once or into their lanes.
 *
 * Invariant: a wrong call is rejected before anything is taken, and no call comes in once it closes.
 */
export class Entrance {
  readonly #lanes: Lanes;
  readonly #maxWait: number;
  /** The request to the lane of a call without options. */
  readonly #plainWait: WaitRequest;
  readonly #plainRun: WaitRequest;
  /** Why no more calls come in; undefined while it is open. */
  closing: ClosedError | undefined;
  /** Why other operations are rejected too: the calls in line have gone. */
  closed: ClosedError | undefined;

  /** @param maxWait the longest wait of a call without its own `maxWait`, in ms */
  constructor(lanes: Lanes, maxWait: number) {
    this.#lanes = lanes;
    this.#maxWait = maxWait;
    this.#plainWait = { cost: 1, priority: 0, maxWait, signal: undefined, holdsPlace: false };
    this.#plainRun = { ...this.#plainWait, holdsPlace: true };
  }

  /**
   * Lets a call go at once or puts it into its lane. It is not async: another promise would double the memory of a
   * waiting call.
   * @param holdsPlace whether the call is in flight from its grant until it leaves
   */
  enter(key: string, options: EnterOptions = noOptions, holdsPlace: boolean = false): CallGrant | Promise<CallGrant> {
    if (this.closing !== undefined) throw this.closing;
    checkOptions('options', options);
    const { cost, maxWait, priority, signal } = options;
    // Most calls have no options.
    const isPlain = cost === undefined && maxWait === undefined && priority === undefined && signal === undefined;
    if (!isPlain) return this.#enterChecked(key, options, holdsPlace);
    const granted = this.#lanes.grantNow(key, holdsPlace);
    if (granted !== undefined) return granted;
    this.checkKey(key);
    return this.#lanes.of(key).wait(holdsPlace ? this.#plainRun : this.#plainWait);
  }

  #enterChecked(key: string, options: EnterOptions, holdsPlace: boolean): CallGrant | Promise<CallGrant> {
    const request = this.request(key, options, holdsPlace);
    const { cost } = request;
    const granted = cost === 1 ? this.#lanes.grantNow(key, holdsPlace) : undefined;
    if (granted !== undefined) return granted;
    return this.mayBeWrong(key, cost) ? this.#join(key, request) : this.#lanes.of(key).wait(request);
  }

  /** Checks the options of a call, except the names in its cost. */
  request(key: string, options: EnterOptions, holdsPlace: boolean): WaitRequest {
    const cost = this.check(key, options);
    const maxWait = this.maxWaitOf(options);
    const { priority = 0, signal } = options;
    checkNumber('priority', priority, {});
    if (signal !== undefined) {
      checkMethods('signal', signal, signalMethods);
      if (signal.aborted) throw reasonOf(signal);
    }
    return { cost, priority, maxWait, signal, holdsPlace };
  }

  /** Puts a call into its lane once the names in its cost are known to be right. */
  async #join(key: string, request: WaitRequest): Promise<CallGrant> {
    await this.checkNames(key, request.cost);
    this.checkOpen();
    if (request.signal?.aborted) throw reasonOf(request.signal);
    return this.#lanes.of(key).wait(request);
  }

  /** Checks the options that every call has, and returns its cost. */
  check(key: string, options: Pick<EnterOptions, 'cost'>): Cost {
    if (this.closing !== undefined) throw this.closing;
    this.checkKey(key);
    checkOptions('options', options);
    return options.cost === undefined ? 1 : checkCost(options.cost);
  }

  /** Whether a cost names a limit that the key does not have, unless it has limits of its own. */
  mayBeWrong(key: string, cost: Cost): boolean {
    return this.#lanes.plans.areFixed && isStrange(cost, this.#lanes.plans.of(key));
  }

  /** Checks the names in a cost against the limits that the store has for the key. */
  async checkNames(key: string, cost: Cost): Promise<void> {
    checkNames(cost, (await this.#lanes.store.peek(key, this.#lanes.plans.of(key))).plan);
  }

  /** The longest that a call may wait, in ms. */
  maxWaitOf({ maxWait }: Pick<EnterOptions, 'maxWait'>): number {
    return maxWait === undefined ? this.#maxWait : checkNumber('maxWait', maxWait, { from: 0, infinite: true });
  }

  /** Checks the key of a call that comes while it is open. */
  checkKey(key: string): void {
    this.checkOpen();
    if (typeof key !== 'string') wrongType('key', 'a string', key);
  }

  checkOpen(): void {
    if (this.closed !== undefined) throw this.closed;
  }
}

/** Checks the true cost of a call. */
export function checkTrueCost(cost: Cost, { plan }: Receipt): Cost {
  const checked = checkCost(cost);
  checkNames(checked, plan);
  return checked;
}
