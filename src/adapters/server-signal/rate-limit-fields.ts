import { familyKey } from './quota-fields.ts';
import type { QuotaDraft, Quotas } from './quotas.ts';
import { type BareItem, type Item, parseDictionary, parseList } from './structured-fields.ts';

// The IETF fields. Drafts 00 to 06 send a triple of fields that is read like the X-RateLimit families, and from 04 on policies
// beside it; draft 07 sends a dictionary, later ones a list of items.

/** What a policy tells. One from before draft 08 has no name. */
interface Policy {
  readonly policyName: string | undefined;
  readonly partition: string | undefined;
  readonly limit: number;
  readonly window: number | undefined;
  readonly unit: string | undefined;
}

/**
 * Reads `RateLimit` and `RateLimit-Policy`. Comes after the X-RateLimit families, whose policies may stand in the latter.
 * @see draft-ietf-httpapi-ratelimit-headers, versions 04 to 11
 */
export function readRateLimitFields(fields: ReadonlyMap<string, string>, quotas: Quotas): void {
  const policies = new Set(policyFields.flatMap((field) => readPolicies(field, fields.get(field), quotas)));
  const text = fields.get(rateLimitField);
  const items = text === undefined ? [] : parseList(text);
  if (items === undefined) readDictionary(text as string, quotas);
  for (const [index, item] of items?.entries() ?? []) readItem(item, index, policies, quotas);
  for (const key of [rateLimitField, ...families.map(familyKey)]) joinByLimit(quotas.find(key), policies);
  for (const policy of policies) {
    const { limit, policyName, unit } = policy;
    const draft = quotas.draft(`${policyField}|${policyName}|${limit}|${policy.window}`, { policyName, unit });
    if (draft !== undefined) setPolicy(draft, policy);
  }
}

const rateLimitField = 'ratelimit';
const policyField = 'ratelimit-policy';

/** Where the triple of older drafts may stand, and where its policies. */
const families = ['ratelimit', 'x-ratelimit', 'x-rate-limit'];
const policyFields = ['ratelimit-policy', 'x-ratelimit-policy', 'x-rate-limit-policy'];

/** Whether a field is for `readRateLimitFields`. */
export function isRateLimitField(name: string): boolean {
  return name === rateLimitField || policyFields.includes(name);
}

function readPolicies(field: string, text: string | undefined, quotas: Quotas): readonly Policy[] {
  if (text === undefined) return [];
  const items = parseList(text);
  if (items === undefined) quotas.ignored.add(field);
  return items?.map(policyOf).filter((policy) => policy !== undefined) ?? [];
}

/** Reads one policy: `"burst";q=100;w=60`, or `100;w=60` in older drafts. One that breaks a rule is dropped, the others stay. */
function policyOf({ bare, parameters }: Item): Policy | undefined {
  const policyName = nameIn(bare);
  const limit = policyName === undefined ? countIn(bare) : countIn(parameters.get('q'));
  const window = parameters.get('w') ?? parameters.get('window');
  const seconds = countIn(window);
  const unit = parameters.get('qu');
  if (limit === undefined || (window !== undefined && !seconds)) return undefined;
  if (unit !== undefined && nameIn(unit) === undefined) return undefined;
  return {
    policyName: policyName || undefined,
    partition: partitionIn(parameters),
    limit,
    window: seconds === undefined ? undefined : seconds * 1_000,
    unit: unit === undefined || /^requests?$/.test(String(unit.value)) ? undefined : String(unit.value),
  };
}

/** Reads one item: `"default";r=50;t=30`. `a` is what an unmerged revision calls `r`; its `w` is the window. */
function readItem({ bare, parameters }: Item, index: number, policies: Set<Policy>, quotas: Quotas): void {
  const policyName = nameIn(bare);
  const hasRemaining = parameters.has('r');
  const left = parameters.get('r') ?? parameters.get('a');
  const time = parameters.get('t');
  const window = hasRemaining || !parameters.has('a') ? undefined : countIn(parameters.get('w'));
  const remaining = countIn(left);
  const seconds = countIn(time);
  const isBroken = (left && remaining === undefined) || (time && seconds === undefined);
  if (policyName === undefined || isBroken || (remaining ?? seconds) === undefined) {
    quotas.ignored.add(rateLimitField);
    return;
  }
  const draft = quotas.draft(`${rateLimitField}|${index}|${policyName}`, { policyName });
  if (draft === undefined) return;
  draft.remaining = remaining;
  if (window) setPolicyWindow(draft, window * 1_000);
  if (seconds !== undefined) draft.resets[0] = { field: rateLimitField, text: String(seconds) };
  joinByName(draft, policyName, partitionIn(parameters), policies);
}

function joinByName(draft: QuotaDraft, name: string, partition: string | undefined, policies: Set<Policy>): void {
  const named = [...policies].filter((policy) => policy.policyName === name);
  const exact = named.find((policy) => policy.partition === partition);
  const policy = exact ?? named.find((one) => one.partition === undefined || partition === undefined);
  if (policy === undefined) return;
  policies.delete(policy);
  setPolicy(draft, policy);
}

/** Reads draft 07: `limit=100, remaining=50, reset=5`. */
function readDictionary(text: string, quotas: Quotas): void {
  const members = parseDictionary(text);
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((key) => countIn(members?.get(key)?.bare));
  if (members === undefined || (limit ?? remaining ?? reset) === undefined) {
    quotas.ignored.add(rateLimitField);
    return;
  }
  const draft = quotas.draft(rateLimitField);
  if (draft === undefined) return;
  draft.limit = limit;
  draft.remaining = remaining;
  if (reset !== undefined) draft.resets[0] = { field: rateLimitField, text: String(reset) };
}

/** Finds the policy of a quota that the server did not name: the one of the same limit, or the only one. */
function joinByLimit(draft: QuotaDraft | undefined, policies: Set<Policy>): void {
  if (draft === undefined) return;
  const [only] = policies;
  const isOnly = draft.limit === undefined && policies.size === 1;
  const policy = isOnly ? only : [...policies].find(({ limit }) => limit === draft.limit);
  if (policy === undefined) return;
  policies.delete(policy);
  draft.policyName ??= policy.policyName;
  setPolicy(draft, policy);
}

function setPolicy(draft: QuotaDraft, { limit, window, unit }: Policy): void {
  draft.limit = limit;
  draft.unit ??= unit;
  if (draft.window === undefined && window !== undefined) setPolicyWindow(draft, window);
}

function setPolicyWindow(draft: QuotaDraft, window: number): void {
  draft.window = window;
  draft.windowField = policyField;
}

/** A name in quotes, or without as in the draft's own examples. */
function nameIn(item: BareItem): string | undefined {
  return item.type === 'string' || item.type === 'token' ? item.value : undefined;
}

function countIn(item: BareItem | undefined): number | undefined {
  return item?.type === 'integer' && item.value >= 0 ? item.value : undefined;
}

/** The partition key as it was sent: it is compared, never decoded. */
function partitionIn(parameters: Item['parameters']): string | undefined {
  const key = parameters.get('pk');
  return key === undefined ? undefined : String(key.value);
}
