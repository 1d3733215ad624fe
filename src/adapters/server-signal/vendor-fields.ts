import type { FieldMeaning } from './dialect.ts';

/** Fields with names of their own that nothing else can be meant by, so that no dialect is needed for them. */
export const vendorFields: Readonly<Record<string, FieldMeaning>> = {
  // HubSpot
  'x-hubspot-ratelimit-max': { field: 'limit' },
  'x-hubspot-ratelimit-remaining': { field: 'remaining' },
  'x-hubspot-ratelimit-interval-milliseconds': { field: 'window-ms' },
  'x-hubspot-ratelimit-daily': { field: 'limit', policyName: 'daily' },
  'x-hubspot-ratelimit-daily-remaining': { field: 'remaining', policyName: 'daily' },
  // Shopify
  'x-shopify-shop-api-call-limit': { field: 'used/limit' },
  // Zendesk
  'x-rate-limit': { field: 'limit' },
};

/** Families of such fields: what follows the beginning names the quota. */
export const vendorFamilies: readonly { readonly beginning: string; readonly kind: 'remaining' | 'total-remaining' }[] =
  [
    // Azure Resource Manager: `x-ms-ratelimit-remaining-subscription-reads: 11999`
    { beginning: 'x-ms-ratelimit-remaining-', kind: 'remaining' },
    // Zendesk: `zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41`
    { beginning: 'zendesk-ratelimit-', kind: 'total-remaining' },
  ];

/** Salesforce: `api-usage=18/5000; per-app-api-usage=17/250(appName=…)`, used and limit by name. */
export const usageField = 'sforce-limit-info';
