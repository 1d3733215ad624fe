import type { FieldMeaning } from './dialect.ts';
import { membersOf, nameOf, readCount, windowOf } from './numbers.ts';
import type { QuotaDraft, Quotas } from './quotas.ts';
import { readDuration } from './retry-time.ts';
import { usageField, vendorFamilies, vendorFields } from './vendor-fields.ts';

/** What a field of the X-RateLimit families tells. */
type Part = 'limit' | 'remaining' | 'used' | 'window' | 'name' | 'reset-after' | 'reset' | 'reset-time' | 'next';

/** The word in a field's name that says what it tells. The other words name the dimension, such as `requests`. */
const words: ReadonlyMap<string, Part> = new Map([
  ['limit', 'limit'],
  ['remaining', 'remaining'],
  ['available', 'remaining'],
  ['used', 'used'],
  ['observed', 'used'],
  ['interval', 'window'],
  ['window', 'window'],
  ['reset', 'reset'],
  ['resettime', 'reset-time'],
  ['next', 'next'],
]);

/** Words that name the quota in their text. */
const namingWords: readonly string[] = ['resource', 'bucket', 'name'];

/** The better one tells when more will be there, the earlier it stands. */
const resetParts: readonly Part[] = ['reset-after', 'reset', 'reset-time', 'next'];

const windows: ReadonlyMap<string, number> = new Map([
  ['second', 1_000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['hourly', 3_600_000],
  ['day', 86_400_000],
  ['daily', 86_400_000],
]);

/** Also with what some vendors put before it. */
const familyName = /^(x-|anthropic-|x-contentful-)?(rate-?limit)-(.+)$/;

/** Whether a field is for `readQuotaFields`. */
export function isQuotaField(name: string): boolean {
  if (Object.hasOwn(vendorFields, name) || name === usageField) return true;
  return name.includes('limit-') && (familyName.test(name) || vendorFamilies.some((family) => isOf(family, name)));
}

const isOf = ({ beginning }: { beginning: string }, name: string): boolean => name.startsWith(beginning);

/** Key of the quota that the fields of one family without a dimension describe. */
export const familyKey = (family: string): string => `${family}|`;

/** Reads the X-RateLimit families, the fields of vendors and those of a dialect. */
export function readQuotaFields(
  fields: ReadonlyMap<string, string>,
  quotas: Quotas,
  ofDialect: Readonly<Record<string, FieldMeaning>>,
): void {
  for (const [field, text] of fields) {
    const own = ownOf(ofDialect, field);
    const meaning = own ?? ownOf(vendorFields, field);
    const family = own === undefined ? field.slice(0, field.indexOf('limit') + 'limit'.length) : 'dialect';
    if (meaning !== undefined) readMeaning(field, text, meaning, family, quotas);
    else if (field === usageField) readUsages(text, quotas);
    else if (!readFamily(field, text, quotas)) readVendorFamily(field, text, quotas);
  }
}

function ownOf(table: Readonly<Record<string, FieldMeaning>>, field: string): FieldMeaning | undefined {
  return Object.hasOwn(table, field) ? table[field] : undefined;
}

function readMeaning(
  field: string,
  text: string,
  { field: part, policyName, unit }: FieldMeaning,
  family: string,
  quotas: Quotas,
): void {
  const draft = quotas.draft(`${family}|${policyName ?? ''}`, { policyName, unit });
  if (draft === undefined) return;
  if (part === 'used/limit') {
    const [, used = '', limit = ''] = /^(\d+)\/(\d+)$/.exec(text.trim()) ?? [];
    readPart(draft, field, used, 'used', quotas);
    readPart(draft, field, limit, 'limit', quotas);
  } else if (part === 'window-ms') readWindow(draft, field, text, 1, quotas);
  else readPart(draft, field, text, part, quotas);
}

function readFamily(field: string, text: string, quotas: Quotas): boolean {
  const [, prefix, family, rest] = familyName.exec(field) ?? [];
  if (rest === undefined) return false;
  const dimension = rest.split('-');
  const begin = `${prefix ?? ''}${family}`;
  if (dimension.length === 1 && namingWords.includes(rest)) {
    const draft = quotas.draft(familyKey(begin));
    if (draft !== undefined) draft.policyName ??= text.trim();
    return true;
  }
  const place = dimension.findIndex((word) => words.has(word));
  if (place === -1) return true;
  let part = words.get(dimension[place] as string) as Part;
  const next = dimension[place + 1];
  if (part === 'reset' && (next === 'after' || next === 'time')) {
    part = `reset-${next}`;
    dimension.splice(place, 2);
  } else dimension.splice(place, 1);
  const policyName = dimension.join('-');
  const draft = quotas.draft(`${begin}|${policyName}`, dimensionOf(dimension));
  if (draft === undefined) return true;
  if (policyName !== '') draft.policyName = policyName;
  if (draft.window !== undefined) draft.windowField ??= field;
  readPart(draft, field, text, part, quotas);
  return true;
}

/** What the words of a dimension tell: `minute` a window, `input-tokens` a unit. */
function dimensionOf(dimension: readonly string[]): Pick<QuotaDraft, 'unit' | 'window'> {
  const window = windows.get(dimension.find((word) => windows.has(word)) ?? '');
  const unit = dimension.filter((word) => !windows.has(word)).join('-');
  return { ...(window && { window }), ...(/token|complexity/.test(unit) && { unit }) };
}

function readPart(draft: QuotaDraft, field: string, text: string, part: Part, quotas: Quotas): void {
  const rank = resetParts.indexOf(part);
  if (rank !== -1) {
    if (/^\s*-1(\.0+)?\s*$/.test(text)) draft.unknown = true;
    draft.resets[rank] = { field, text: text.replace(/;[^,]*/g, '') };
  } else if (part === 'window') readWindow(draft, field, text, 1_000, quotas);
  else if (part === 'limit') readLimit(draft, field, text, quotas);
  else if (part === 'remaining' || part === 'used') {
    const count = countOf(draft, text, part === 'used' ? Math.max : Math.min);
    if (count === undefined) quotas.ignored.add(field);
    else draft[part] = count;
    if (part === 'remaining') setWindow(draft, field, windowOf(membersOf(text)[0]?.parameters ?? ''));
  }
}

/** Reads a number of units; of several that several proxies sent the one that `choose` picks. */
function countOf(draft: QuotaDraft, text: string, choose: (...counts: number[]) => number): number | undefined {
  const counts = membersOf(text)
    .map(({ head }) => readCount(head))
    .filter((count) => count !== undefined);
  if (counts.includes(-1)) draft.unknown = true;
  return counts.length > 0 ? choose(...counts) : undefined;
}

/** Reads a limit: a number, several of them, a number and the policies behind it, or how long the period is. */
function readLimit(draft: QuotaDraft, field: string, text: string, quotas: Quotas): void {
  const period = readDuration(text.trim());
  if (period !== undefined) {
    setWindow(draft, field, period);
    return;
  }
  const members = membersOf(text);
  if (!members.some(({ parameters }) => parameters !== '')) {
    draft.limit = countOf(draft, text, Math.min);
    if (draft.limit === undefined) quotas.ignored.add(field);
    return;
  }
  const limit = readCount(members[0]?.head ?? '');
  if (limit === undefined) {
    quotas.ignored.add(field);
    return;
  }
  if (limit === -1) draft.unknown = true;
  draft.limit = limit;
  const policies = members.filter(({ parameters }) => parameters !== '');
  const own = policies.find(({ head }) => readCount(head) === limit);
  setWindow(draft, field, windowOf(own?.parameters ?? ''));
  draft.policyName ??= nameOf(own?.parameters ?? '');
  for (const policy of policies) {
    const count = readCount(policy.head);
    if (policy === own || count === undefined || count < 0) continue;
    const other = quotas.draft(`${field}|${policy.head}${policy.parameters}`, {
      policyName: nameOf(policy.parameters),
    });
    if (other === undefined) return;
    other.limit = count;
    setWindow(other, field, windowOf(policy.parameters));
  }
}

function readWindow(draft: QuotaDraft, field: string, text: string, unit: number, quotas: Quotas): void {
  const number = /^\s*(\d{1,12}(?:\.\d{1,9})?)\s*$/.exec(text)?.[1];
  const window = number === undefined ? readDuration(text.trim()) : Number(number) * unit;
  if (window === undefined) quotas.ignored.add(field);
  setWindow(draft, field, window);
}

function setWindow(draft: QuotaDraft, field: string, window: number | undefined): void {
  if (window === undefined || !(window > 0)) return;
  draft.window = window;
  draft.windowField = field;
}

function readUsages(text: string, quotas: Quotas): void {
  for (const usage of text.split(';').slice(0, 8)) {
    const [, policyName, used, limit] = /^\s*([\w-]{1,64})=(\d{1,15})\/(\d{1,15})(?:\(|\s*$)/.exec(usage) ?? [];
    const draft = policyName === undefined ? undefined : quotas.draft(`${usageField}|${policyName}`, { policyName });
    if (draft === undefined) continue;
    draft.used = Number(used);
    draft.limit = Number(limit);
  }
}

function readVendorFamily(field: string, text: string, quotas: Quotas): void {
  const family = vendorFamilies.find((family) => isOf(family, field));
  if (family === undefined) return;
  const draft = quotas.draft(field, { policyName: field.slice(family.beginning.length) });
  if (draft === undefined) return;
  if (family.kind === 'remaining') {
    readPart(draft, field, text, 'remaining', quotas);
    return;
  }
  const parts = new Map(text.split(';').map((part) => part.trim().split('=') as [string, string | undefined]));
  readPart(draft, field, parts.get('total') ?? '', 'limit', quotas);
  readPart(draft, field, parts.get('remaining') ?? '', 'remaining', quotas);
  readPart(draft, field, parts.get('resets') ?? '', 'reset', quotas);
}
