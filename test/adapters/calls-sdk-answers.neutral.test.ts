import { createThrottle, throttleCalls } from 'sluice';
import { ManualClock } from 'sluice/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { watch } from './fake-fetch.ts';

// Shapes as the published sources of the SDKs make them, with the names of their classes.

const T = 1000;

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));

const failure = (more: object) => Object.assign(new Error('no'), more);
/** An error with what JSON does not show. */
const hiding = (more: object, hidden: object) =>
  Object.defineProperties(
    failure(more),
    Object.fromEntries(Object.entries(hidden).map(([name, value]) => [name, { value, enumerable: false }])),
  );
const later = { 'retry-after': '5' };

/** Calls what ends in `outcome` the first time, and gives the times at which it was called within a minute. */
async function timesOf(outcome: object): Promise<number[]> {
  const clock = new ManualClock();
  const throttle = createThrottle({ limits: { rate: 1000, interval: T, burst: 1000 }, margin: 0, clock });
  const times: number[] = [];
  const call = throttleCalls(async () => {
    times.push(clock.monotonic());
    if (times.length > 1) return 'ok';
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }, throttle);
  watch(call());
  await clock.advance(0);
  await clock.advance(60 * T);
  return times;
}

describe('a refusal', () => {
  it.each<[string, number, object]>([
    ['HubSpot: ApiException', 5 * T, failure({ code: 429, body: { errorType: 'RATE_LIMIT' }, headers: later })],
    [
      'AWS: TooManyRequestsException',
      5 * T,
      hiding(
        { name: 'TooManyRequestsException', $fault: 'client', $metadata: { httpStatusCode: 429 } },
        { $response: { statusCode: 429, headers: later } },
      ),
    ],
    [
      'AWS: an error that its class does not know, with a time in ms',
      5 * T,
      hiding(
        { name: 'Unknown', $metadata: { httpStatusCode: 429 } },
        { $response: { statusCode: 429, headers: { 'x-amz-retry-after': '5000' } } },
      ),
    ],
    [
      'AWS: ThrottlingException with 400',
      T,
      failure({ name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } }),
    ],
    [
      'AWS: an error of 400 whose service calls it throttling',
      T,
      failure({ name: 'Busy', $metadata: { httpStatusCode: 400 }, $retryable: { throttling: true } }),
    ],
    ['AWS: SlowDown of S3', T, failure({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } })],
    ['AWS SDK 2: Throttling', T, failure({ code: 'Throttling', statusCode: 400, retryable: true })],
    ['SendGrid: ResponseError', 5 * T, failure({ code: 429, response: { headers: later, body: {} } })],
    ['X: ApiResponseError', 5 * T, failure({ code: 429, headers: later, rateLimit: { remaining: 0 } })],
    [
      'Shopify: HttpThrottlingError',
      5 * T,
      failure({
        response: { code: 429, statusText: 'no', body: {}, headers: { 'Retry-After': ['5'] }, retryAfter: 5 },
      }),
    ],
    [
      'Shopify: what its GraphQL client gives',
      5 * T,
      {
        errors: { networkStatusCode: 429, message: 'no', response: new Response('', { status: 429, headers: later }) },
      },
    ],
    [
      'Cohere: an error with rawResponse',
      5 * T,
      failure({ statusCode: 429, rawResponse: { headers: new Headers(later) } }),
    ],
    ['Mistral: an error with headers', 5 * T, failure({ statusCode: 429, headers: new Headers(later), body: '{}' })],
    [
      'Azure: RestError',
      5 * T,
      hiding({ statusCode: 429 }, { response: { status: 429, headers: new Map(Object.entries(later)) } }),
    ],
    [
      'Google: GaxiosError',
      5 * T,
      failure({ status: 429, code: 429, response: { status: 429, headers: new Headers(later) } }),
    ],
    ['Google: GoogleError of gRPC', T, failure({ code: 8, details: 'Quota exceeded', metadata: {} })],
    ['Google GenAI: ApiError', T, failure({ status: 429 })],
    ['Firebase: FirebaseMessagingError', T, failure({ code: 'messaging/message-rate-exceeded' })],
    ['Twilio: RestException', T, failure({ status: 429, code: 20429 })],
    [
      'Stripe: StripeRateLimitError with 400',
      T,
      failure({ statusCode: 400, code: 'rate_limit', type: 'StripeRateLimitError' }),
    ],
    ['Linear: RatelimitedLinearError', 5 * T, failure({ status: 400, type: 'Ratelimited', retryAfter: 5 })],
    [
      'Linear: RatelimitedLinearError without a time',
      6 * T,
      failure({
        status: 400,
        type: 'Ratelimited',
        raw: {
          response: {
            status: 400,
            headers: new Headers({
              'x-ratelimit-requests-remaining': '0',
              'x-ratelimit-requests-reset': String(Date.UTC(2026, 0, 1) + 5 * T),
            }),
          },
        },
      }),
    ],
    [
      'discord.js: RateLimitError, in ms',
      5 * T,
      failure({ name: 'RateLimitError[/channels]', timeToReset: 900, retryAfter: 5 * T }),
    ],
    ['Telegram: GrammyError', 5 * T, failure({ error_code: 429, parameters: { retry_after: 5 } })],
    ['Slack: WebAPIRateLimitedError', 5 * T, failure({ code: 'slack_webapi_rate_limited_error', retryAfter: 5 })],
    ['Contentful: RateLimitExceeded', T, failure({ name: 'RateLimitExceeded' })],
    ['Contentful: an error of an answer without a body', T, failure({ name: '429 Too Many Requests' })],
    [
      'Salesforce: REQUEST_LIMIT_EXCEEDED',
      T,
      failure({ name: 'REQUEST_LIMIT_EXCEEDED', errorCode: 'REQUEST_LIMIT_EXCEEDED' }),
    ],
    [
      'Resend: what it gives',
      5 * T,
      { data: null, error: { statusCode: 429, name: 'rate_limit_exceeded' }, headers: later },
    ],
    ['Supabase storage: what it gives', T, { data: null, error: failure({ status: 429, statusCode: '429' }) }],
  ])('is read: %s', async (_, ms, outcome) => {
    expect(await timesOf(outcome)).toEqual([0, ms]);
  });

  it.each<[string, object]>([
    ['an error of AWS that is another', failure({ name: 'ValidationException', $metadata: { httpStatusCode: 400 } })],
    ['an error of AWS that may be tried again', failure({ $metadata: { httpStatusCode: 500 }, $retryable: {} })],
    ['a code of the API beside the status', failure({ status: 400, code: 429 })],
    ['another code of gRPC', failure({ code: 5, details: 'not found', metadata: {} })],
    ['a DOMException whose code is 8', new DOMException('no', 'NotFoundError')],
    ['a name with a word of a refusal in it', failure({ name: 'InvalidRateLimit', code: 'slow_downloads' })],
    ['a code among the data of an answer', { code: 429, retryAfter: 5, name: 'Throttled' }],
    ['an answer without an error', { data: [], error: null, headers: null }],
  ])('is not %s', async (_, outcome) => {
    expect(await timesOf(outcome)).toEqual([0]);
  });
});
