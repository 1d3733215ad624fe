import type { Attributes, BatchObservableResult, Counter, Histogram, Meter, Observable } from '@opentelemetry/api';
import { checkMethods, checkOptions } from './core/base/check.ts';
import { isThrottleError } from './core/base/errors.ts';
import { linkedOf } from './core/throttle/adapter-link.ts';
import type { Lanes } from './core/throttle/lanes.ts';
import type { Throttle } from './core/throttle/throttle.ts';

/** The attributes of all keys, or a function that returns those of one key. */
type AttributesOption = Attributes | ((key: string) => Attributes);

/** Options of `meterThrottle`. */
export interface MeterThrottleOptions {
  /**
   * Attributes of every measurement, for all keys or for one. Each combination of values is a time series of its own,
   * so do not use keys that name users or addresses.
   * @default none: all keys count together
   */
  readonly attributes?: AttributesOption;
}

/** A throttle, as it is read at each collection. */
interface Source {
  readonly lanes: Lanes;
  readonly attributes: AttributesOption;
}

/** The number of calls with the same attributes. */
interface Count {
  readonly attributes: Attributes;
  waiting: number;
  inFlight: number;
}

/** The number of combinations of attributes from which on those without a call are dropped. */
const countsKept = 1_000;

/** In seconds. The first bucket is for calls that did not wait. */
const waitBuckets = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600];
/** In seconds; those of the conventions for HTTP requests. */
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * The instruments of one meter. Throttles share them: two that observed the same attributes separately would overwrite
 * each other.
 *
 * Invariant: attributes that were counted once are observed again, as 0 when no call is left, because an SDK repeats
 * the latest value.
 */
class Instruments {
  readonly wait: Histogram;
  readonly duration: Histogram;
  readonly granted: Counter;
  readonly refused: Counter;
  readonly #meter: Meter;
  readonly #waiting: Observable;
  readonly #inFlight: Observable;
  readonly #sources = new Set<Source>();
  /** By a text that identifies the attributes. */
  readonly #counts = new Map<string, Count>();

  constructor(meter: Meter) {
    const histogram = (name: string, description: string, explicitBucketBoundaries: number[]) =>
      meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
    const calls = (description: string) => ({ description, unit: '{call}' });
    this.#meter = meter;
    this.wait = histogram('sluice.call.wait_time', 'How long calls waited for their turn.', waitBuckets);
    this.duration = histogram('sluice.call.duration', 'How long calls took from their turn on.', durationBuckets);
    this.granted = meter.createCounter('sluice.call.granted', calls('Calls that could go.'));
    this.refused = meter.createCounter(
      'sluice.call.refused',
      calls('Calls that a server refused for its quota, each attempt counted.'),
    );
    this.#waiting = meter.createObservableUpDownCounter('sluice.call.waiting', calls('Calls that wait.'));
    this.#inFlight = meter.createObservableUpDownCounter('sluice.call.in_flight', calls('Calls on their way.'));
  }

  get #observables(): Observable[] {
    return [this.#waiting, this.#inFlight];
  }

  add(source: Source): void {
    if (this.#sources.size === 0) this.#meter.addBatchObservableCallback(this.#observe, this.#observables);
    this.#sources.add(source);
  }

  remove(source: Source): void {
    if (this.#sources.delete(source) && this.#sources.size === 0)
      this.#meter.removeBatchObservableCallback(this.#observe, this.#observables);
  }

  readonly #observe = (result: BatchObservableResult): void => {
    for (const count of this.#counts.values()) count.waiting = count.inFlight = 0;
    for (const { lanes, attributes } of this.#sources) {
      // Known from the start. The result of a function is known once a key has a call.
      if (typeof attributes !== 'function') this.#countOf(attributes);
      for (const key of lanes.keys()) {
        const count = this.#countOf(attributesOf(attributes, key));
        count.waiting += lanes.waiting(key);
        count.inFlight += lanes.inFlight(key);
      }
    }
    for (const [id, { attributes, waiting, inFlight }] of this.#counts) {
      result.observe(this.#waiting, waiting, attributes);
      result.observe(this.#inFlight, inFlight, attributes);
      if (this.#counts.size > countsKept && waiting + inFlight === 0) this.#counts.delete(id);
    }
  };

  #countOf(attributes: Attributes): Count {
    const id = JSON.stringify(Object.entries(attributes).sort());
    let count = this.#counts.get(id);
    if (count === undefined) {
      count = { attributes, waiting: 0, inFlight: 0 };
      this.#counts.set(id, count);
    }
    return count;
  }
}

const instrumentsOf = new WeakMap<Meter, Instruments>();

/**
 * Measures a throttle with OpenTelemetry: how long calls wait and take, how many wait and are in flight, how many were
 * granted and refused. The store is not asked.
 * @param meter of `@opentelemetry/api`
 * @returns a function that stops it
 * @throws TypeError for a wrong argument
 * @see docs/observing.md
 * @example
 * import { metrics } from '@opentelemetry/api';
 * import { meterThrottle } from 'sluice/opentelemetry';
 *
 * const stop = meterThrottle(throttle, metrics.getMeter('sluice'), { attributes: { 'sluice.throttle': 'github' } });
 */
export function meterThrottle(throttle: Throttle, meter: Meter, options: MeterThrottleOptions = {}): () => void {
  const { lanes } = linkedOf(throttle);
  checkMethods('meter', meter, ['createHistogram', 'createObservableUpDownCounter', 'addBatchObservableCallback']);
  checkOptions('options', options);
  const { attributes = {} } = options;
  if (typeof attributes !== 'function') checkOptions('attributes', attributes);

  const instruments = instrumentsOf.get(meter) ?? new Instruments(meter);
  instrumentsOf.set(meter, instruments);
  const { wait, duration, granted, refused } = instruments;
  const source: Source = { lanes, attributes };
  instruments.add(source);
  const stops = [
    () => instruments.remove(source),
    throttle.on('granted', (event) => {
      const of = attributesOf(attributes, event.key);
      granted.add(1, of);
      wait.record(event.wait / 1_000, of);
    }),
    throttle.on('rejected', (event) =>
      wait.record(event.wait / 1_000, failed(attributesOf(attributes, event.key), typeOf(event.error))),
    ),
    throttle.on('ended', (event) => {
      const of = attributesOf(attributes, event.key);
      const { outcome } = event;
      if (outcome === 'refused') refused.add(1, of);
      const type = outcome === 'error' ? other : outcome;
      duration.record(event.duration / 1_000, type === 'ok' ? of : failed(of, type));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

const attributesOf = (attributes: AttributesOption, key: string): Attributes =>
  typeof attributes === 'function' ? attributes(key) : attributes;

/** The value of the conventions for other errors. */
const other = '_OTHER';

const failed = (attributes: Attributes, type: string): Attributes => ({ ...attributes, 'error.type': type });

/**
 * The name of an error of sluice or the platform. A signal may abort with any value, and the number of such names has
 * no bound.
 */
const typeOf = (error: unknown): string =>
  isThrottleError(error) || Object.prototype.toString.call(error) === '[object DOMException]'
    ? (error as Error).name
    : other;
