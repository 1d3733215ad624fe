import type { InFlight } from '../line/in-flight.ts';
import type { Waiter } from '../line/waiting-room.ts';

/** The places that are kept for the calls which one lane asks its store for: else two keys would ask for the same place. */
export class KeptPlaces {
  readonly #places: InFlight;
  #kept = 0;

  constructor(places: InFlight) {
    this.#places = places;
  }

  /** Keeps so many places instead of those before. */
  keep(count: number): void {
    this.#places.asked += count - this.#kept;
    this.#kept = count;
  }

  keepFor(callers: readonly Waiter[]): void {
    this.keep(callers.filter(({ holdsPlace }) => holdsPlace).length);
  }

  /** Lets others have them. */
  free(): void {
    this.keep(0);
    this.#places.serve();
  }
}
