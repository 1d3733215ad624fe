import type { Dialect, FieldMeaning } from './dialect.ts';
import { type Member, membersOf, nameIn, wholeNumber } from './list.ts';
import { own } from './own.ts';
import type { QuotaDraft, Quotas } from './quotas.ts';
import type { Reading } from './reading.ts';
import { readDuration, units } from './retry-time.ts';

/** The meaning of a field. Numbers are resets, by rank: the lowest readable one counts. */
type Part = FieldMeaning['field'] | number;

/** The word in a field's name that gives its meaning. The other words name the dimension, such as `requests`. */
const parts: Readonly<Record<string, Part>> = {
  limit: 'limit',
  remaining: 'remaining',
  available: 'remaining',
  used: 'used',
  observed: 'used',
  interval: 'window',
  window: 'window',
  resetafter: 0,
  reset: 1,
  resettime: 2,
  next: 3,
};

/** Words of a dimension that are a window. They begin with the sign of its unit. */
const windowWord = /^(?:second|minute|hour|day|hourly|daily)$/;

/**
 * The fields of IETF drafts 00 to 11 and the X-RateLimit families, also with what Anthropic and Contentful put before it: what they
 * begin with, and the words behind it.
 */
export const familyName: RegExp = /^((?:x-|anthropic-|x-contentful-)?rate-?limit)(?:-(.+))?$/;

/**
 * Reads all fields that tell about quotas.
 * @see draft-ietf-httpapi-ratelimit-headers, versions 00 to 11
 */
export function readFamilies(
  fields: ReadonlyMap<string, string>,
  quotas: Quotas,
  { fields: ofDialect = {} }: Dialect,
  reading: Reading | undefined,
): void {
  for (const [field, text] of fields) {
    const ofOwn = own(ofDialect, field);
    const meanings = ofOwn ? [[ofOwn, text] as const] : reading?.meaningsOf(field, text);
    const [, begin, words = 'policy'] = familyName.exec(field) ?? [];
    for (const [{ field: part, policyName, unit }, text] of meanings ?? []) {
      // Fields of one vendor and one name describe one quota.
      const vendor = ofOwn ? '' : field.replace(/limit.*/, '');
      readPart(quotas.draft(`${vendor} ${policyName}`, { field, policyName, unit }), field, text, part, quotas);
    }
    if (meanings !== undefined || begin === undefined) continue;
    if (words === 'policy') readMembers(field, begin, text, quotas);
    else readWords(field, begin, words, text, quotas);
  }
}

function readWords(field: string, begin: string, name: string, text: string, quotas: Quotas): void {
  const words = name.replace(/reset-(after|time)/, 'reset$1').split('-');
  const place = words.findIndex((word) => own(parts, word) !== undefined);
  if (/^(resource|bucket|name)$/.test(name)) quotas.draft(`${begin}|`, { field }).policyName ??= text.trim();
  if (place < 0) return;
  const part = parts[words.splice(place, 1)[0] as string] as Part;
  const policyName = words.join('-');
  const unit = words.filter((word) => !windowWord.test(word)).join('-');
  const window = words.find((word) => windowWord.test(word));
  const draft = quotas.draft(`${begin}|${policyName}`, {
    field,
    policyName: policyName || undefined,
    unit: /token|complexity/.test(unit) ? unit : undefined,
    window: units[window?.[0] as string],
  });
  readPart(draft, field, text, part, quotas);
}

function readPart(draft: QuotaDraft, field: string, text: string, part: Part, quotas: Quotas): void {
  draft.isUnknown ||= /(?:^|,)\s*-1(?![\d.])/.test(text);
  if (draft.isUnknown) return;
  if (part === 'used/limit') {
    const [used = '', limit = ''] = text.split('/');
    readPart(draft, field, used, 'used', quotas);
    readPart(draft, field, limit, 'limit', quotas);
    return;
  }
  if (part === 'reset' || typeof part === 'number') {
    draft.resets[part === 'reset' ? 1 : part] = { field, text: text.replace(/;[^,]*/g, '') };
    return;
  }
  let told = readDuration(text.trim());
  if (part === 'window' || part === 'window-ms' || (part === 'limit' && told)) {
    told ??= readDuration(text.trim() + (part === 'window' ? 's' : 'ms'));
    draft.window = told || draft.window;
  } else {
    const members = membersOf(text);
    const policies = members.flatMap((member) => draftOf(member, field) ?? []).filter(({ window }) => window);
    const counts = members
      .map(({ head }) => wholeNumber((nameIn(head) ?? head).replace(/\.\d+$/, '')))
      .filter((count) => count >= 0);
    told = counts[0];
    // Several proxies may send several values: the lowest counts. In a list with policies, the first is the limit.
    const isFirst = part === 'limit' && policies.length > 0;
    draft[part] = isFirst || told === undefined ? told : Math[part === 'used' ? 'max' : 'min'](...counts);
    if (part === 'limit') quotas.policies.push(...policies);
    else draft.window = policies[0]?.window ?? draft.window;
  }
  if (told === undefined) quotas.ignored.add(field);
}

/**
 * Reads `RateLimit` and `RateLimit-Policy` in the syntax of draft 07 and later. Invalid members are dropped, the rest
 * stays.
 */
function readMembers(field: string, begin: string, text: string, quotas: Quotas): void {
  const members = membersOf(text);
  if (members.length === 0) quotas.ignored.add(field);
  for (const [index, member] of members.entries()) {
    const [, part = 'limit', number] = /^(?:([a-z]+)=)?(\d{1,15})$/.exec(member.head) ?? [];
    const draft = draftOf(member, field);
    if (begin !== field) {
      if (draft?.limit !== undefined) quotas.policies.push(draft);
    } else if (number !== undefined) readWords(field, begin, part, number, quotas);
    else if (draft && (draft.remaining ?? draft.resets[0]) !== undefined) quotas.draft(`${field}|${index}|`, draft);
    else quotas.ignored.add(field);
  }
}

/**
 * Reads one member of a list: a policy such as `"burst";q=100;w=60`, or `100;w=60` in older drafts, or a statement such
 * as `"burst";r=50;t=30`. `a` is what an unmerged revision calls `r`. Undefined if it breaks a rule.
 */
function draftOf({ head, parameters }: Member, field: string): QuotaDraft | undefined {
  const { q, r, a, w, t, window = r === undefined ? w : undefined, qu, name, pk } = parameters;
  const policyName = nameIn(head);
  const numbers = [policyName === undefined ? head : q, r ?? a, window, t].map((text) => text && wholeNumber(text));
  const [limit, remaining, seconds] = numbers as (number | undefined)[];
  if (numbers.some(Number.isNaN) || seconds === 0) return undefined;
  return {
    field,
    policyName: policyName ?? nameIn(name),
    partition: pk,
    limit,
    remaining,
    window: seconds && seconds * 1_000,
    unit: nameIn(qu)?.replace(/^requests?$/, ''),
    resets: t === undefined ? [] : [{ field, text: t }],
  };
}
