import { numbersFrom } from '../../test/network/jittery-server.ts';

// Time that goes only when nothing else is to be done, for libraries that know none but the machine's: Date, performance and
// timers are replaced before they are loaded.

interface Timer {
  at: number;
  order: number;
  callback: () => void;
  every?: number;
}

export class VirtualTime {
  /** ms since the start. */
  now = 0;
  readonly #timers: Timer[] = [];
  readonly #late = numbersFrom(7);
  #set = 0;

  /** Calls back at an instant, as the network does. */
  at(instant: number, callback: () => void): Timer {
    const timer = { at: Math.max(instant, this.now), order: this.#set++, callback };
    // Mostly the new one is among the last.
    let place = this.#timers.length;
    while (place > 0 && (this.#timers[place - 1] as Timer).at > timer.at) place--;
    this.#timers.splice(place, 0, timer);
    return timer;
  }

  /** As Node's timers: whole milliseconds, at least one, and up to one late. */
  setTimeout(callback: () => void, ms = 0): Timer {
    return this.at(this.now + Math.max(1, Math.trunc(ms) || 0) + this.#late(), callback);
  }

  clear(timer: unknown): void {
    const index = this.#timers.indexOf(timer as Timer);
    if (index >= 0) this.#timers.splice(index, 1);
    if (timer !== null && typeof timer === 'object') delete (timer as Timer).every;
  }

  /** Lets time go by until something holds. `turn` lets all that is ready run. */
  async until(holds: () => boolean, turn: () => Promise<void>, latest: number): Promise<void> {
    for (;;) {
      await turn();
      if (holds()) return;
      const next = this.#timers.shift();
      if (next === undefined) throw new Error('hangs: calls wait, and no timer is set');
      if (next.at > latest) throw new Error(`hangs: not done after ${Math.round(latest / 1_000)} s of virtual time`);
      this.now = Math.max(this.now, next.at);
      next.callback();
    }
  }

  /** Puts this time in the place of the machine's. */
  install(epoch = 1_767_225_600_000): void {
    const time = this;
    const handle = (timer: Timer) =>
      Object.assign(timer, {
        ref: () => timer,
        unref: () => timer,
        hasRef: () => true,
        refresh: () => timer,
      });
    const RealDate = Date;
    const VirtualDate = function (this: unknown, ...args: unknown[]) {
      const date = new RealDate(...((args.length > 0 ? args : [epoch + Math.floor(time.now)]) as [number]));
      return new.target ? date : date.toString();
    };
    Object.setPrototypeOf(VirtualDate, RealDate);
    VirtualDate.prototype = RealDate.prototype;
    Object.assign(VirtualDate, { now: () => epoch + Math.floor(time.now) });
    Object.defineProperty(performance, 'now', { value: () => time.now });
    Object.assign(globalThis, {
      Date: VirtualDate,
      setTimeout: (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
        handle(time.setTimeout(() => callback(...args), ms)),
      clearTimeout: (timer: unknown) => time.clear(timer),
      setInterval: (callback: () => void, ms = 0) => {
        const timer = handle(time.setTimeout(() => {}, ms));
        timer.every = ms;
        timer.callback = () => {
          callback();
          if (timer.every === undefined) return;
          const next = time.setTimeout(timer.callback, ms);
          // The handle that the caller has stands for the next one as well.
          time.clear(next);
          timer.at = next.at;
          time.#again(timer);
        };
        return timer;
      },
      clearInterval: (timer: unknown) => time.clear(timer),
    });
  }

  #again(timer: Timer): void {
    timer.order = this.#set++;
    let place = this.#timers.length;
    while (place > 0 && (this.#timers[place - 1] as Timer).at > timer.at) place--;
    this.#timers.splice(place, 0, timer);
  }
}

export const virtualTime = new VirtualTime();
