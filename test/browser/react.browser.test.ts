import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browser } from './browser.ts';
import { engines } from './engines.ts';
import { type Site, startSite } from './site.ts';

// Twenty components show how many of a thousand calls wait, while the key is paused, while 400 a second go, and afterwards.

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

describe.each(engines.filter(({ found }) => found))('in $name, useThrottleStatus', ({ start }) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await start();
  });
  afterAll(() => browser?.close());

  test.each([
    { react: 18, isStrict: true, isHydrated: true },
    { react: 19, isStrict: false, isHydrated: false },
    { react: 19, isStrict: true, isHydrated: true },
  ])(
    'renders what changes, at most 60 times a second: React $react, strict: $isStrict',
    async ({ react, ...options }) => {
      const tab = await browser.open(`${site.pages}/react-${react}`);
      const report = await tab.call('showByReact', options);
      expect(report).toMatchObject({
        first: 'unknown',
        paused: '1000',
        whilePaused: 0,
        last: '0',
        whileIdle: 0,
        tears: 0,
        afterwards: 0,
        complaints: [],
      });
      expect(report.version).toMatch(new RegExp(`^${react}\\.`));
      expect(report.mostPerSecond).toBeLessThanOrEqual(60);
      // A busy machine draws less often.
      expect(report.shown).toBeGreaterThan(20);
      expect(await tab.call('unhandled', undefined)).toEqual([]);
      await tab.close();
    },
  );
});
