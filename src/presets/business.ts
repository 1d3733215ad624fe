import {
  byPlan,
  type PresetByPlan,
  type PresetWithLimits,
  type PresetWithoutLimits,
  withLimits,
  withoutLimits,
} from './preset.ts';

/** The GraphQL Admin API of Shopify, in points: a call costs as much as its query. */
export const shopify: PresetByPlan<'standard' | 'advanced' | 'plus' | 'enterprise'> = /* @__PURE__ */ byPlan({
  api: 'Shopify GraphQL Admin',
  countsBy: 'app and store',
  plans: {
    standard: [{ rate: 100, interval: 1_000, burst: 1_000 }],
    advanced: [{ rate: 200, interval: 1_000, burst: 1_000 }],
    plus: [{ rate: 1_000, interval: 1_000, burst: 1_000 }],
    enterprise: [{ rate: 2_000, interval: 1_000, burst: 1_000 }],
  },
  dialect: {
    refusals: [{ body: ['errors.*.extensions.code', 'THROTTLED'] }, { body: ['errors.*.message', 'Throttled'] }],
    body: {
      limit: 'extensions.cost.throttleStatus.maximumAvailable',
      remaining: 'extensions.cost.throttleStatus.currentlyAvailable',
      restoreRate: 'extensions.cost.throttleStatus.restoreRate',
      requested: 'extensions.cost.requestedQueryCost',
      unit: 'points',
    },
  },
  source: 'https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits',
  confidence: 'primary',
  note: 'Refuses with status 200 and THROTTLED in the body. The rates are documented, the burst of 1,000 points is from memory.',
});

/** The REST Admin API of Shopify. */
export const shopifyRest: PresetByPlan<'standard' | 'advanced' | 'plus'> = /* @__PURE__ */ byPlan({
  api: 'Shopify REST Admin (legacy)',
  countsBy: 'app and store',
  plans: {
    standard: [{ rate: 2, interval: 1_000, burst: 40 }],
    advanced: [{ rate: 4, interval: 1_000, burst: 40 }],
    plus: [{ rate: 20, interval: 1_000, burst: 40 }],
  },
  source: 'https://shopify.dev/docs/api/admin-rest/usage/rate-limits',
  confidence: 'primary',
});

/** Stripe, with a live key or in a sandbox. */
export const stripe: PresetByPlan<'live' | 'sandbox'> = /* @__PURE__ */ byPlan({
  api: 'Stripe',
  countsBy: 'account and mode',
  plans: { live: [[100, 1_000]], sandbox: [[25, 1_000]] },
  source: 'https://docs.stripe.com/rate-limits',
  confidence: 'primary',
  note: 'Also 25 a second for each endpoint, and less for some. Never says when to come back.',
});

/** Slack's Web API, a tier at a time: each method has one. */
export const slack: PresetByPlan<'tier1' | 'tier2' | 'tier3' | 'tier4'> = /* @__PURE__ */ byPlan({
  api: 'Slack Web API',
  countsBy: 'method, workspace and app',
  plans: { tier1: [[1, 60_000]], tier2: [[20, 60_000]], tier3: [[50, 60_000]], tier4: [[100, 60_000]] },
  source: 'https://docs.slack.dev/apis/web-api/rate-limits',
  confidence: 'primary',
  note: 'chat.postMessage is about one a second for each channel; some methods are slower for apps outside the Marketplace.',
});

/** Airtable: five calls a second for each base. */
export const airtable: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Airtable',
  countsBy: 'base',
  limits: [[5, 1_000]],
  dialect: { leastPause: 30_000 },
  source: 'https://airtable.com/developers/web/api/rate-limits',
  confidence: 'primary',
  note: 'Refuses for 30 seconds without saying so. Also 50 a second for all the personal tokens of a user.',
});

/** Notion, whose quota per minute depends on the plan. */
export const notion: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Notion',
  countsBy: 'connection, and workspace',
  source: 'https://developers.notion.com/reference/request-limits',
  confidence: 'primary',
  note: 'Used to be three calls a second on average.',
});

/** HubSpot with an OAuth app. */
export const hubspot: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'HubSpot',
  countsBy: 'app and account; account for the day',
  limits: [
    [100, 10_000],
    [250_000, 86_400_000],
  ],
  source: 'https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines',
  confidence: 'copy',
  note: 'The search API allows four a second. Private apps have more, by tier.',
});

/** Salesforce, whose daily quota depends on licenses. */
export const salesforce: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Salesforce REST',
  countsBy: 'org, and connected app',
  dialect: { refusals: [{ status: [403], body: ['*.errorCode', 'REQUEST_LIMIT_EXCEEDED'] }] },
  source: 'https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm',
  confidence: 'primary',
  note: 'A rolling day. That it refuses with 403 is second-hand.',
});

/** Zendesk, whose quota per minute depends on the plan. */
export const zendesk: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Zendesk',
  countsBy: 'account, and endpoint',
  source: 'https://developer.zendesk.com/api-reference/introduction/rate-limits/',
  confidence: 'primary',
});

/** Jira and Confluence in the cloud. */
export const jira: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Jira and Confluence Cloud',
  countsBy: 'tenant, endpoint and method; app',
  source: 'https://developer.atlassian.com/cloud/jira/platform/rate-limiting/',
  confidence: 'primary',
});

/** Linear, by calls and by complexity. */
export const linear: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Linear',
  countsBy: 'user, or OAuth app',
  dialect: { refusals: [{ status: [200, 400], body: ['errors.*.extensions.code', 'RATELIMITED'] }] },
  source: 'https://linear.app/developers/rate-limiting',
  confidence: 'copy',
  note: 'Resets are in ms, whatever older pages say, which is second-hand. That it refuses with 400 is from memory.',
});

/** monday.com, by complexity. */
export const monday: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'monday.com',
  countsBy: 'account, and app',
  source: 'https://developer.monday.com/api-reference/docs/rate-limits',
  confidence: 'secondhand',
});

/** Twilio, which limits calls in flight. */
export const twilio: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Twilio',
  countsBy: 'account, in calls in flight',
  source: 'https://www.twilio.com/docs/api/errors/20429',
  confidence: 'primary',
  note: 'Set `concurrency`: there is no rate. A refused call was never processed.',
});

/** Google Sheets, reads or writes of one user or of a whole project. */
export const googleSheets: PresetByPlan<'user' | 'project'> = /* @__PURE__ */ byPlan({
  api: 'Google Sheets',
  countsBy: 'project, or user and project; reads and writes apart',
  plans: { user: [[60, 60_000]], project: [[300, 60_000]] },
  dialect: { refusals: [{ status: [403], body: ['error.errors.*.reason', 'rateLimitExceeded'] }] },
  source: 'https://developers.google.com/workspace/sheets/api/limits',
  confidence: 'primary',
  note: 'Older Google APIs refuse with 403 and a reason, which is from memory.',
});
