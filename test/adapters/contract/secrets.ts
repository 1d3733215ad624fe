import { inspect } from 'node:util';
import type { Attributes, Meter } from '@opentelemetry/api';
import { isThrottleError, type KeyValueStorage, keyValueStore, logTo, measureThrottle, type Throttle } from 'sluice';
import { meterThrottle } from 'sluice/opentelemetry';
import { faultyStore } from 'sluice/testing';
import { expect, it } from 'vitest';
import { eventNames } from '../../../src/core/base/events.ts';
import { arrived, type Message, refuseFirst, type Stage, type Subject, setUp, T } from './subject.ts';

/** What no one but the server may see. */
const secret = 'tr0mb0ne';

/** What a throttle tells, all of it, as text by where it is told. */
function listenTo(throttle: Throttle): Record<string, string[]> {
  const told: Record<string, string[]> = { log: [], measures: [], metrics: [] };
  const add = (where: string, ...values: unknown[]) => {
    told[where] ??= [];
    told[where].push(inspect(values, { depth: 10, showHidden: true }));
  };
  for (const name of eventNames) throttle.on(name, (event) => add(name, event));
  const write = (line: string) => add('log', line);
  logTo(throttle, { debug: write, info: write, warn: write, error: write });
  const measure = (...entry: unknown[]) => add('measures', entry);
  measureThrottle(throttle, { now: () => performance.now(), measure, clearMeasures: () => {} } as never);
  const instrument = () => {
    const note = (value: number, attributes?: Attributes) => add('metrics', value, attributes);
    return { add: note, record: note, addCallback: () => {}, removeCallback: () => {} };
  };
  const meter = {
    createHistogram: instrument,
    createCounter: instrument,
    createObservableUpDownCounter: instrument,
    addBatchObservableCallback: () => {},
    removeBatchObservableCallback: () => {},
  };
  meterThrottle(throttle, meter as unknown as Meter);
  return told;
}

/** Where a secret can be in a call. */
const places: Record<string, (url: string) => Message> = {
  'a header': (url) => ({
    url,
    headers: { authorization: `Bearer ${secret}`, 'x-api-key': secret, cookie: `session=${secret}` },
  }),
  'the query': (url) => ({ url: `${url}?api_key=${secret}` }),
  'the path': (url) => ({ url: `${url}/${secret}` }),
  'the name and password of the URL': (url) => ({ url: url.replace('//', `//${secret}:${secret}@`) }),
  'the body': (url) => ({ url, method: 'POST', body: `token=${secret}` }),
};

/** No credential shows in anything but the call itself: not where it is stored, told or logged, nor in an error of ours. */
export function itKeepsSecrets(subject: Subject, stage: Stage): void {
  it.each(Object.entries(places))('shows nothing of a secret in %s', async (place, messageTo) => {
    const stored = new Map<string, unknown>();
    const keys: string[] = [];
    const update: KeyValueStorage['update'] = (key, change) => {
      keys.push(key);
      stored.set(key, change(stored.get(key)));
    };
    let isDown = false;
    const store = faultyStore(keyValueStore({ name: 'map', update }), (_, key) => {
      keys.push(key);
      return isDown ? { error: new Error('gone') } : undefined;
    });
    const { clock, throttle, call } = setUp(
      subject,
      { maxWait: 5 * T },
      { store, onStoreError: 'reject', maxQueue: 3, limits: { rate: 1, interval: T, burst: 1 } },
    );
    const told = listenTo(throttle);
    const ours: unknown[] = [];
    const message = messageTo(stage.url);
    const send = async (more: object = {}) => {
      try {
        await call({ ...message, ...more });
      } catch (error) {
        // The errors of a client are its own, and go through untouched.
        if (isThrottleError(error)) ours.push(error);
      }
    };
    const abort = new AbortController();
    stage.handle = refuseFirst(1, 2);
    // The first is refused, some wait, one is aborted, and one finds the line full.
    const calls = [send(), send(), send({ signal: abort.signal }), send(), send(), send()];
    if (!place.includes('password')) await arrived(stage, 1);
    abort.abort();
    for (let turn = 0; turn < 12; turn++) {
      await clock.advance(T);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    isDown = true;
    const failing = send();
    await clock.advance(T);
    await failing;
    isDown = false;
    const closing = [send(), send(), send()];
    await throttle.close();
    await Promise.all([...calls, ...closing]);

    if (stage.arrivals.length > 0) {
      // It was at work: what is looked at is not empty.
      expect(keys.length).toBeGreaterThan(0);
      expect(ours.length).toBeGreaterThan(0);
      for (const where of ['granted', 'rejected', 'log', 'measures', 'metrics', 'store-error'])
        expect(told[where], where).not.toHaveLength(0);
    }
    const seen = {
      ...told,
      keys,
      stored: inspect([...stored], { depth: 10 }),
      ours: ours.map((error) => shownWhole(error)),
    };
    for (const [where, texts] of Object.entries(seen)) expect(String(texts), where).not.toContain(secret);
  });
}

/** All of an error: its text, what it carries and what caused it. */
const shownWhole = (error: unknown): string => `${error} ${inspect(error, { depth: 10, showHidden: true })}`;
