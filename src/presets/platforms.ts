import {
  byPlan,
  type PresetByPlan,
  type PresetWithLimits,
  type PresetWithoutLimits,
  withLimits,
  withoutLimits,
} from './preset.ts';

/** GitHub, REST and GraphQL, the secondary limits included. */
export const github: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'GitHub',
  countsBy: 'user, installation or address; resource',
  concurrency: 100,
  dialect: {
    refusals: [
      // The headers show it too, except at the very end of a window, when its reset is past before the answer comes.
      { status: [403], body: ['message', 'rate limit exceeded'] },
      { status: [200, 403], body: ['message', 'secondary rate limit'] },
      { status: [200, 403], body: ['errors.*.message', 'secondary rate limit'] },
      { status: [200], body: ['errors.*.type', 'RATE_LIMIT'] },
    ],
    body: {
      limit: 'data.rateLimit.limit',
      remaining: 'data.rateLimit.remaining',
      resetAt: 'data.rateLimit.resetAt',
      unit: 'points',
    },
    leastPause: 60_000,
  },
  source: 'https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api',
  confidence: 'primary',
  note: '60 an hour without a token, 5,000 with one, more for installations. A call may be refused while the quota has much left.',
});

/** GitLab, whose administrators set the limits. */
export const gitlab: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'GitLab',
  countsBy: 'user or address; kind of call',
  source: 'https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/',
  confidence: 'primary',
});

/** Pulls from Docker Hub, without an account or with a personal one. */
export const dockerHub: PresetByPlan<'anonymous' | 'personal'> = /* @__PURE__ */ byPlan({
  api: 'Docker Hub (pulls)',
  countsBy: 'IPv4 address, IPv6 /64 or account',
  plans: { anonymous: [[100, 21_600_000]], personal: [[200, 21_600_000]] },
  maxPause: 21_900_000,
  source: 'https://docs.docker.com/docker-hub/usage/',
  confidence: 'primary',
});

/** The Cloudflare API, whose refusals last five minutes. */
export const cloudflare: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Cloudflare API',
  countsBy: 'user or token',
  limits: [[1_200, 300_000]],
  dialect: { leastPause: 300_000 },
  source: 'https://developers.cloudflare.com/fundamentals/api/reference/limits/',
  confidence: 'primary',
  note: 'Also 200 a second for each address; GraphQL has limits of its own.',
});

/** The REST API of Vercel, with limits for each endpoint. */
export const vercel: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Vercel REST',
  countsBy: 'account or team, and endpoint',
  source: 'https://vercel.com/docs/rest-api',
  confidence: 'secondhand',
});

/** Okta, with limits for each endpoint. */
export const okta: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Okta',
  countsBy: 'org and endpoint',
  source: 'https://developer.okta.com/docs/reference/rate-limits/',
  confidence: 'primary',
});

/** Azure Resource Manager: reads, or writes and deletes. */
export const azureResourceManager: PresetByPlan<'writes' | 'reads'> = /* @__PURE__ */ byPlan({
  api: 'Azure Resource Manager',
  countsBy: 'region, subscription, service principal and kind of call',
  plans: {
    writes: [{ rate: 10, interval: 1_000, burst: 200 }],
    reads: [{ rate: 25, interval: 1_000, burst: 250 }],
  },
  source: 'https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/request-limits-and-throttling',
  confidence: 'primary',
});

/** Microsoft Graph and SharePoint, by resource units. */
export const microsoftGraph: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Microsoft Graph and SharePoint',
  countsBy: 'app and tenant; user for some',
  source: 'https://learn.microsoft.com/en-us/graph/throttling-limits',
  confidence: 'secondhand',
  note: 'Refused calls count too.',
});

/** Binance, by weight: a call costs the weight of its endpoint. */
export const binance: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Binance',
  countsBy: 'address, in weight',
  limits: [[6_000, 60_000]],
  maxPause: 90_000_000,
  source: 'https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits',
  confidence: 'primary',
  note: 'Windows of the wall clock. After 429 comes 418, a ban of two minutes to three days.',
});

/** OpenAI, by model and tier. */
export const openai: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'OpenAI',
  countsBy: 'organization or project, and model',
  source: 'https://platform.openai.com/docs/guides/rate-limits',
  confidence: 'copy',
  note: 'Resets tell when all of it will be back, so a pause may be longer than it must. Failed calls count too.',
  dialect: { refills: true },
});

/** OpenAI's models on Azure, by deployment. */
export const azureOpenai: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Azure OpenAI',
  countsBy: 'deployment',
  source: 'https://learn.microsoft.com/en-us/azure/ai-foundry/openai/quotas-limits',
  confidence: 'secondhand',
});

/** Anthropic, by class of model and tier. */
export const anthropic: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Anthropic',
  countsBy: 'organization, and class of model',
  source: 'https://docs.anthropic.com/en/api/rate-limits',
  confidence: 'primary',
  // The limits are per minute; resets come in whole seconds.
  dialect: { refills: 60_000 },
});
