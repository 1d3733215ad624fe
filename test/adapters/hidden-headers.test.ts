import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { warnOfHiddenTiming } from '../../src/adapters/hidden-headers.ts';

const warn = vi.spyOn(console, 'warn');
beforeEach(() => void warn.mockReset().mockImplementation(() => {}));
afterEach(() => void vi.unstubAllEnvs());

let origins = 0;
const newOrigin = () => `https://api-${origins++}.example`;
const answer = (origin: string, type: ResponseType = 'cors', headers = {}) => ({
  type,
  url: `${origin}/items?key=secret`,
  headers: new Headers(headers),
});

it('warns once per origin of a refusal whose timing the page may not see, without the query', () => {
  const origin = newOrigin();
  warnOfHiddenTiming(answer(origin));
  warnOfHiddenTiming(answer(origin));
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]?.[0]).toContain(`${origin} refused`);
  expect(warn.mock.calls[0]?.[0]).not.toContain('secret');
  warnOfHiddenTiming(answer(newOrigin()));
  expect(warn).toHaveBeenCalledTimes(2);
});

it('says nothing where nothing is hidden', () => {
  warnOfHiddenTiming(answer(newOrigin(), 'basic'));
  warnOfHiddenTiming(answer(newOrigin(), 'default'));
  warnOfHiddenTiming(answer(newOrigin(), 'cors', { 'retry-after': 'soon' }));
  expect(warn).not.toHaveBeenCalled();
});

it('says nothing in production', () => {
  vi.stubEnv('NODE_ENV', 'production');
  warnOfHiddenTiming(answer(newOrigin()));
  expect(warn).not.toHaveBeenCalled();
});
