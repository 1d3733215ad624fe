import type { Statement } from '../../../demo/servers/header-fields.ts';
import type { Told } from '../headers/telling-server.ts';

/** What a vendor's answers tell of its quotas. */
export type Tell = (statements: readonly Statement[], now: number) => Told;

const inHeaders =
  (fieldsOf: (statement: Statement, now: number) => Readonly<Record<string, string | number>>): Tell =>
  ([statement], now) => ({ headers: texts(fieldsOf(statement as Statement, now)) });

function texts(fields: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, `${value}`]));
}

/** Milliseconds in whole seconds, rounded up; what lies below a microsecond came from the arithmetic. */
const seconds = (ms: number): number => Math.ceil((ms - 1e-3) / 1_000) || 0;
const iso = (ms: number): string => new Date(Math.floor(ms)).toISOString();

/** Retry-After with refusals, or not even that. */
export const nothing: Tell = () => ({ headers: {} });

/** `X-RateLimit-…` with the second of the reset since the epoch, and further fields. */
export const epochSeconds = (prefix: string, further: Readonly<Record<string, string>> = {}): Tell =>
  inHeaders(({ limit, remaining, resetAfter }, now) => ({
    [`${prefix}-limit`]: limit,
    [`${prefix}-remaining`]: remaining,
    [`${prefix}-reset`]: seconds(now + resetAfter),
    ...further,
  }));

export const githubFields: Tell = (statements, now) => {
  const [{ limit, remaining }] = statements as [Statement];
  return epochSeconds('x-ratelimit', { 'x-ratelimit-used': `${limit - remaining}`, 'x-ratelimit-resource': 'core' })(
    statements,
    now,
  );
};

export const gitlabFields: Tell = inHeaders(({ limit, remaining, resetAfter }, now) => ({
  'ratelimit-limit': limit,
  'ratelimit-observed': limit - remaining,
  'ratelimit-remaining': remaining,
  'ratelimit-name': 'throttle_authenticated_api',
  'ratelimit-reset': seconds(now + resetAfter),
  'ratelimit-resettime': new Date(1_000 * seconds(now + resetAfter)).toUTCString(),
}));

/** Drafts 08 to 11 of the IETF, for each quota. */
export const ietfFields: Tell = (statements) => ({
  headers: {
    ratelimit: statements
      .map(({ name, remaining, resetAfter }) => `"${name}";r=${remaining};t=${seconds(resetAfter)}`)
      .join(', '),
    'ratelimit-policy': statements
      .map(({ name, limit, window }) => `"${name}";q=${limit};w=${seconds(window)}`)
      .join(', '),
  },
});

export const blueskyFields: Tell = inHeaders(({ limit, remaining, resetAfter, window }, now) => ({
  'ratelimit-limit': limit,
  'ratelimit-remaining': remaining,
  'ratelimit-reset': seconds(now + resetAfter),
  'ratelimit-policy': `${limit};w=${seconds(window)}`,
}));

export const dockerHubFields: Tell = inHeaders(({ limit, remaining, window }) => ({
  'ratelimit-limit': `${limit};w=${seconds(window)}`,
  'ratelimit-remaining': `${remaining};w=${seconds(window)}`,
  'docker-ratelimit-source': '192.0.2.1',
}));

/** A number and what is left of it, without any time. */
export const timeless: Tell = inHeaders(({ limit, remaining }) => ({
  'x-ratelimit-limit': limit,
  'x-ratelimit-remaining': remaining,
}));

export const crossrefFields: Tell = inHeaders(({ limit, window }) => ({
  'x-rate-limit-limit': limit,
  'x-rate-limit-interval': `${seconds(window)}s`,
  'x-api-pool': 'polite',
}));

export const discordFields: Tell = inHeaders(({ limit, remaining, resetAfter }, now) => ({
  'x-ratelimit-limit': limit,
  'x-ratelimit-remaining': remaining,
  'x-ratelimit-reset': ((now + resetAfter) / 1_000).toFixed(3),
  'x-ratelimit-reset-after': (resetAfter / 1_000).toFixed(3),
  'x-ratelimit-bucket': 'abcd1234',
}));

export const redditFields: Tell = inHeaders(({ limit, remaining, resetAfter }) => ({
  'x-ratelimit-used': limit - remaining,
  'x-ratelimit-remaining': remaining.toFixed(1),
  'x-ratelimit-reset': seconds(resetAfter),
}));

/** An instant to the microsecond. */
export const mastodonFields: Tell = inHeaders(({ limit, remaining, resetAfter }, now) => ({
  'x-ratelimit-limit': limit,
  'x-ratelimit-remaining': remaining,
  'x-ratelimit-reset': iso(now + resetAfter).replace('Z', '685Z'),
}));

/** An instant to the minute. */
export const jiraFields: Tell = inHeaders(({ limit, remaining, resetAfter }, now) => ({
  'x-ratelimit-limit': limit,
  'x-ratelimit-remaining': remaining,
  'x-ratelimit-reset': iso(60_000 * Math.ceil((now + resetAfter) / 60_000)).replace(':00.000Z', 'Z'),
  'x-ratelimit-nearlimit': String(remaining < limit / 5),
}));

/** Requests and complexity; instants in ms. */
export const linearFields: Tell = (statements, now) => ({
  headers: Object.assign(
    { 'x-complexity': '40' },
    ...statements.map(({ name, limit, remaining, resetAfter }) =>
      texts({
        [`x-ratelimit-${name}-limit`]: limit,
        [`x-ratelimit-${name}-remaining`]: remaining,
        [`x-ratelimit-${name}-reset`]: Math.ceil(now + resetAfter),
      }),
    ),
  ),
});

/** Requests and tokens, with durations as Go writes them, or in whole seconds. */
export const openaiFields =
  (duration: (ms: number) => string): Tell =>
  (statements) => ({
    headers: Object.assign(
      {},
      ...statements.map(({ name, limit, remaining, resetAfter }) =>
        texts({
          [`x-ratelimit-limit-${name}`]: limit,
          [`x-ratelimit-remaining-${name}`]: remaining,
          [`x-ratelimit-reset-${name}`]: duration(resetAfter),
        }),
      ),
    ),
  });

/** `120ms`, `8.64s`, `6m0s` */
export function goDuration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const rest = `${Number((Math.ceil(ms - minutes * 60_000) / 1_000).toFixed(3))}s`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

export const wholeSeconds = (ms: number): string => `${seconds(ms)}`;

/** Instants in whole seconds, rounded up or cut off: one that was captured lay a second before the Date of its answer. */
export const anthropicFields =
  (round: (seconds: number) => number): Tell =>
  (statements, now) => ({
    headers: Object.assign(
      {},
      ...statements.map(({ name, limit, remaining, resetAfter }) =>
        texts({
          [`anthropic-ratelimit-${name}-limit`]: limit,
          [`anthropic-ratelimit-${name}-remaining`]: remaining,
          [`anthropic-ratelimit-${name}-reset`]: iso(1_000 * round((now + resetAfter) / 1_000)).replace('.000Z', 'Z'),
        }),
      ),
    ),
  });

/** The limit of ten seconds, and that of the day where there is one; no resets. */
export const hubspotFields: Tell = (statements) => {
  const [{ limit, remaining, window }, daily] = statements as [Statement, Statement | undefined];
  return {
    headers: texts({
      'x-hubspot-ratelimit-max': limit,
      'x-hubspot-ratelimit-remaining': remaining,
      'x-hubspot-ratelimit-interval-milliseconds': window,
      ...(daily && {
        'x-hubspot-ratelimit-daily': daily.limit,
        'x-hubspot-ratelimit-daily-remaining': daily.remaining,
      }),
    }),
  };
};

export const salesforceFields: Tell = inHeaders(({ limit, remaining }) => ({
  'sforce-limit-info': `api-usage=${limit - remaining}/${limit}`,
}));

export const azureFields =
  (kind: 'reads' | 'writes'): Tell =>
  ([statement]) => ({
    headers: { [`x-ms-ratelimit-remaining-subscription-${kind}`]: `${statement?.remaining}` },
  });

export const binanceFields: Tell = inHeaders(({ limit, remaining }) => ({ 'x-mbx-used-weight-1m': limit - remaining }));

export const shopifyRestFields: Tell = inHeaders(({ limit, remaining }) => ({
  'x-shopify-shop-api-call-limit': `${limit - remaining}/${limit}`,
}));

/** Nothing in the headers: the body says how many points are left. */
export const shopifyBody =
  (cost: number, restoreRate: number): Tell =>
  ([statement]) => ({
    headers: { 'content-type': 'application/json' },
    body: {
      extensions: {
        cost: {
          requestedQueryCost: cost,
          throttleStatus: {
            maximumAvailable: statement?.limit,
            currentlyAvailable: statement?.remaining,
            restoreRate,
          },
        },
      },
    },
  });

/** The limit of the account twice. */
export const zendeskFields: Tell = inHeaders(({ limit, remaining, resetAfter }) => ({
  'x-rate-limit': limit,
  'x-rate-limit-remaining': remaining,
  'ratelimit-limit': limit,
  'ratelimit-remaining': remaining,
  'ratelimit-reset': seconds(resetAfter),
}));

/** Every tenth call goes to an endpoint of 100 a minute, whose answers tell of that limit too. */
export const zendeskEndpoint: Tell = (statements, now) => {
  const [{ limit, remaining, resetAfter }] = statements as [Statement];
  const { headers } = zendeskFields(statements, now);
  const calls = limit - remaining;
  if (calls % 10 !== 1) return { headers };
  const left = 100 - Math.ceil(calls / 10);
  const told = `total=100; remaining=${left}; resets=${seconds(resetAfter)}`;
  return { headers: { ...headers, 'zendesk-ratelimit-tickets-index': told } };
};
