import ky1, { type KyInstance, type Options } from 'ky';
import ky2, { type KyInstance as KyInstance2, type Options as Options2 } from 'ky-2';
import { createThrottle, perSecond } from 'sluice';
import { type KyCall, kyHooks, type ThrottleKyOptions, throttleKy } from 'sluice/ky';
import { describe, expectTypeOf, it } from 'vitest';

const throttle = createThrottle({ limits: perSecond(1) });

describe('throttleKy', () => {
  it('returns the type of its argument, of either version', () => {
    expectTypeOf(throttleKy(ky1, throttle)).toEqualTypeOf<KyInstance>();
    expectTypeOf(throttleKy(ky2, throttle)).toEqualTypeOf<KyInstance2>();
    expectTypeOf(throttleKy(ky2.create({ prefix: 'x' }), throttle).extend({})).toEqualTypeOf<KyInstance2>();
  });

  it('gives functions the URL, the method and the request', () => {
    throttleKy(ky1, throttle, {
      key: ({ url, request }) => `${url.host} ${request.credentials}`,
      match: ({ method }) => method === 'GET',
      settle: async (answer) => (await answer.json()).usage,
    });
    expectTypeOf<NonNullable<ThrottleKyOptions['settle']>>().parameters.toEqualTypeOf<[Response, KyCall]>();
  });

  it('refuses other values', () => {
    // @ts-expect-error
    throttleKy({}, throttle);
    // @ts-expect-error
    throttleKy(ky1, {});
    // @ts-expect-error
    throttleKy(ky1, throttle, { match: true });
  });
});

describe('kyHooks', () => {
  it('fit both versions', () => {
    expectTypeOf(kyHooks(throttle)).toExtend<NonNullable<Options['hooks']>>();
    expectTypeOf(kyHooks(throttle)).toExtend<NonNullable<Options2['hooks']>>();
    ky1.create({ hooks: kyHooks(throttle, { cost: 2 }) });
    ky2.extend({ hooks: kyHooks(throttle) });
  });

  it('leave retries to ky', () => {
    // @ts-expect-error
    kyHooks(throttle, { retry: 1 });
  });
});
