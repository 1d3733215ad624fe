import type { FieldMeaning } from './dialect.ts';
import { own } from './own.ts';

/** Fields with names that only one vendor uses. */
export const vendorFields: Readonly<Record<string, FieldMeaning>> = {
  // HubSpot
  'x-hubspot-ratelimit-max': { field: 'limit' },
  'x-hubspot-ratelimit-remaining': { field: 'remaining' },
  'x-hubspot-ratelimit-interval-milliseconds': { field: 'window-ms' },
  'x-hubspot-ratelimit-daily': { field: 'limit', policyName: 'daily' },
  'x-hubspot-ratelimit-daily-remaining': { field: 'remaining', policyName: 'daily' },
  // Shopify
  'x-shopify-shop-api-call-limit': { field: 'used/limit' },
};

/** Salesforce: `api-usage=18/5000; per-app-api-usage=17/250(appName=…)`, used and limit by name. */
export const usageField = 'sforce-limit-info';
const usage = /^\s*([\w-]{1,64})=(\d{1,15}\/\d{1,15})(?:\(|\s*$)/;
const mostUsages = 8;

/** Azure Resource Manager: `x-ms-ratelimit-remaining-subscription-reads: 11999` */
const azure = /^x-ms-ratelimit-remaining-(.+)/;

/** Zendesk: `zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41` */
const zendesk = /^zendesk-ratelimit-(.+)/;
const zendeskParts: readonly (readonly [word: string, FieldMeaning['field']])[] = [
  ['total', 'limit'],
  ['remaining', 'remaining'],
  ['resets', 'reset'],
];

/** The meaning of a vendor's field, with its text; undefined for any other field. */
export function meaningsOf(field: string, text: string): readonly (readonly [FieldMeaning, string])[] | undefined {
  const meaning = own(vendorFields, field);
  if (meaning !== undefined) return [[meaning, text]];
  const resource = azure.exec(field)?.[1];
  if (resource !== undefined) return [[{ field: 'remaining', policyName: resource }, text]];
  const policyName = zendesk.exec(field)?.[1];
  if (policyName !== undefined) {
    const parts = new Map(text.split(';').map((part) => part.trim().split('=') as [string, string | undefined]));
    return zendeskParts.flatMap(([word, field]) => {
      const number = parts.get(word);
      // Only calls to that endpoint count.
      return number === undefined ? [] : [[{ field, policyName, unit: policyName }, number] as const];
    });
  }
  return field === usageField ? usagesIn(text) : undefined;
}

function usagesIn(text: string): readonly (readonly [FieldMeaning, string])[] {
  return text
    .split(';', mostUsages)
    .map((one) => usage.exec(one) ?? [])
    .flatMap(([, policyName, counts]) =>
      counts === undefined ? [] : [[{ field: 'used/limit', policyName } as FieldMeaning, counts] as const],
    );
}
