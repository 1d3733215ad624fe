import { expect, test } from 'vitest';
import { quick } from '../../scripts/quick.ts';

test.each([
  'test/core/bucket/bucket.test.ts',
  'test/core/bucket/bucket.property.test.ts',
  'test/adapters/fetch.dom.test.ts',
  'test/adapters/fetch.neutral.test.ts',
  'test/docs.test.ts',
])('a quick run has %s', (file) => expect(quick(file)).toBe(true));

test.each([
  'test/storage/redis-clients.redis.test.ts',
  'test/browser/quota.browser.test.ts',
  'test/adapters/round-trip.loopback.test.ts',
  'test/adapters/axios.test-d.ts',
  'test/demo/run.test.ts',
  'test/network/presets.test.ts',
  'test/outside/fuzz.test.ts',
  'test/adapters/axios-contract.dom.test.ts',
  'test/storage/contract.neutral.test.ts',
  'test/testing/store-contract.test.ts',
  'test/adapters/many-calls.test.ts',
  'test/core/line/million.test.ts',
  'test/core/time/process-life.test.ts',
])('a quick run leaves out %s', (file) => expect(quick(file)).toBe(false));
