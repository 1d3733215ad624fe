import { type Grant, type MapContext, type MapOutcome, type Throttle, throttledMap } from 'sluice';
import { expectTypeOf, test } from 'vitest';

declare const throttle: Throttle;
declare const lines: AsyncIterable<string>;

test('gives what the task returns', () => {
  const results = throttledMap(throttle, [1, 2], async (item, grant, context) => {
    expectTypeOf(item).toEqualTypeOf<number>();
    expectTypeOf(grant).toEqualTypeOf<Grant>();
    expectTypeOf(context).toEqualTypeOf<MapContext>();
    return String(item);
  });
  expectTypeOf(results).toEqualTypeOf<AsyncGenerator<string, void, undefined>>();
});

test('takes options that go by the item or the result', () => {
  const results = throttledMap(throttle, lines, (line) => line.length, {
    key: (line) => line.slice(0, 1),
    cost: (line) => ({ tokens: line.length }),
    priority: 1,
    settle: (length) => length,
    onError: 'stop',
  });
  expectTypeOf(results).toEqualTypeOf<AsyncGenerator<number, void, undefined>>();
});

test('gives outcomes when it goes on after errors', () => {
  const results = throttledMap(throttle, lines, (line) => line.length, { onError: 'continue' });
  expectTypeOf(results).toEqualTypeOf<AsyncGenerator<MapOutcome<string, number>, void, undefined>>();
  return async () => {
    for await (const outcome of results) {
      expectTypeOf(outcome.item).toEqualTypeOf<string>();
      if (outcome.status === 'fulfilled') expectTypeOf(outcome.value).toEqualTypeOf<number>();
      // biome-ignore lint/suspicious/noExplicitAny: so the platform has it
      else expectTypeOf(outcome.reason).toEqualTypeOf<any>();
    }
  };
});
