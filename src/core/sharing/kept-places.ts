import type { InFlight } from '../line/in-flight.ts';
import type { Waiter } from '../line/waiting-room.ts';

/**
 * The places kept for the calls that one lane requests from its store. Otherwise two keys would ask for the same place.
 */
export class KeptPlaces {
  readonly #places: InFlight;
  count = 0;

  constructor(places: InFlight) {
    this.#places = places;
  }

  /** Keeps this number of places instead of the earlier one. */
  keep(count: number): void {
    this.#places.asked += count - this.count;
    this.count = count;
  }

  keepFor(callers: readonly Waiter[]): void {
    this.keep(callers.filter(({ holdsPlace }) => holdsPlace).length);
  }

  /** Frees them for others. */
  free(): void {
    this.keep(0);
    this.#places.serve();
  }
}
