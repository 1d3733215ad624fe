import { afterEach, expect, test, vi } from 'vitest';
import { Events, report } from '../../../src/core/base/events.ts';

const event = { key: 'key', until: 5 };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('an event that nobody listens to goes nowhere', () => {
  const events = new Events();
  events.on('resumed', () => expect.unreachable());
  expect(events.wants('paused')).toBe(false);
  expect(() => events.emit('paused', event)).not.toThrow();
});

test('a listener that was added twice and taken off once is told once', () => {
  const events = new Events();
  const told: unknown[] = [];
  const listener = (one: unknown) => told.push(one);
  const off = events.on('paused', listener);
  events.on('paused', listener);
  off();
  off();
  events.emit('paused', event);
  expect(told).toEqual([event]);
});

test('nobody listens once all were taken off, one by one or together', () => {
  const events = new Events();
  events.on('paused', () => {})();
  expect(events.wants('paused')).toBe(false);
  events.on('paused', () => expect.unreachable());
  events.clear();
  expect(events.wants('paused')).toBe(false);
  events.emit('paused', event);
});

test('an error that nobody can catch is reported by the platform, or else in the console', () => {
  const error = new Error('mine');
  const inConsole = vi.spyOn(console, 'error').mockImplementation(() => {});
  const byPlatform = vi.fn();
  vi.stubGlobal('reportError', byPlatform);
  report(error);
  expect([byPlatform.mock.calls, inConsole.mock.calls]).toEqual([[[error]], []]);
  vi.stubGlobal('reportError', undefined);
  report(error);
  expect(byPlatform).toHaveBeenCalledTimes(1);
  expect(inConsole.mock.calls).toEqual([[expect.any(String), error]]);
});
