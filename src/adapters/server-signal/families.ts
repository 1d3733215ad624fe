import type { Dialect, FieldMeaning } from './dialect.ts';
import { type Member, membersOf, nameIn, numberIn, wholeNumber } from './list.ts';
import { own } from './own.ts';
import type { QuotaDraft, Quotas } from './quotas.ts';
import type { Reading } from './reading.ts';
import { readDuration } from './retry-time.ts';

/** What a field tells of a quota. Numbers are further resets, by rank: the lowest that can be read counts. `reset` is 1. */
type Part = FieldMeaning['field'] | number;

/** A table of words. Without a prototype, as it has no `constructor`. */
type Words<Value> = Readonly<Record<string, Value | undefined>>;

/** The word in a field's name that says what it tells. The other words name the dimension, such as `requests`. */
const parts: Words<Part> = {
  __proto__: null as never,
  limit: 'limit',
  remaining: 'remaining',
  available: 'remaining',
  used: 'used',
  observed: 'used',
  interval: 'window',
  window: 'window',
  resetafter: 0,
  reset: 'reset',
  resettime: 2,
  next: 3,
};

/** Words of a dimension that are a window, in ms. */
const windows: Words<number> = {
  __proto__: null as never,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  hourly: 3_600_000,
  day: 86_400_000,
  daily: 86_400_000,
};

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
      readPart(quotas.draft(`${vendor} ${policyName}`, { policyName, unit }), field, text, part, quotas);
    }
    if (meanings !== undefined || begin === undefined) continue;
    if (words === 'policy') readMembers(field, begin, text, quotas);
    else readWords(field, begin, words, text, quotas);
  }
}

function readWords(field: string, begin: string, name: string, text: string, quotas: Quotas): void {
  const words = name.replace(/reset-(after|time)/, 'reset$1').split('-');
  const place = words.findIndex((word) => parts[word] !== undefined);
  if (/^(resource|bucket|name)$/.test(name)) quotas.draft(`${begin}|`).policyName ??= text.trim();
  if (place < 0) return;
  const part = parts[words.splice(place, 1)[0] as string] as Part;
  const policyName = words.join('-') || undefined;
  const window = words.map((word) => windows[word]).find(Boolean);
  const unit = words.filter((word) => !windows[word]).join('-');
  const draft = quotas.draft(`${begin}|${policyName ?? ''}`, {
    policyName,
    unit: /token|complexity/.test(unit) ? unit : undefined,
    window,
    windowField: field,
  });
  readPart(draft, field, text, part, quotas);
}

function readPart(draft: QuotaDraft, field: string, text: string, part: Part, quotas: Quotas): void {
  if (part === 'used/limit') {
    const [used = '', limit = ''] = text.split('/');
    readPart(draft, field, used, 'used', quotas);
    readPart(draft, field, limit, 'limit', quotas);
    return;
  }
  if (part === 'reset' || typeof part === 'number') {
    draft.isUnknown ||= numberIn(text) === -1;
    draft.resets[part === 'reset' ? 1 : part] = { field, text: text.replace(/;[^,]*/g, '') };
    return;
  }
  const duration = readDuration(text.trim());
  if (part === 'window' || part === 'window-ms' || (part === 'limit' && duration)) {
    const window = numberIn(text) * (part === 'window' ? 1_000 : 1) || duration;
    if (window === undefined) quotas.ignored.add(field);
    setWindow(draft, field, window);
    return;
  }
  const members = membersOf(text);
  const counts = members
    .map(({ head }) => Math.trunc(numberIn(nameIn(head) ?? head)))
    .filter((count) => !Number.isNaN(count));
  const policies = policiesIn(members, field).filter(({ window }) => window);
  const [first] = counts;
  counts.sort((a, b) => a - b);
  draft.isUnknown ||= counts[0] === -1;
  if (first === undefined) quotas.ignored.add(field);
  // Of several that several proxies sent the one that leaves least counts; of a list with policies the first is the limit.
  draft[part] = part === 'used' ? counts.at(-1) : part === 'limit' && policies[0] ? first : counts[0];
  if (part === 'limit') quotas.policies.push(...policies);
  else setWindow(draft, field, policies[0]?.window);
}

function setWindow(draft: QuotaDraft, field: string, window = 0): void {
  if (window <= 0) return;
  draft.window = window;
  draft.windowField = field;
}

/** Reads `RateLimit` and `RateLimit-Policy` in the syntax of draft 07 and later ones. What breaks a rule is dropped, the rest stays. */
function readMembers(field: string, begin: string, text: string, quotas: Quotas): void {
  const members = membersOf(text);
  if (members.length === 0) quotas.ignored.add(field);
  if (begin !== field) quotas.policies.push(...policiesIn(members, field));
  else
    for (const [index, member] of members.entries()) {
      const [, part = 'limit', number] = /^(?:([a-z]+)=)?(\d{1,15})$/.exec(member.head) ?? [];
      if (number === undefined) readItem(member, field, index, quotas);
      else readWords(field, begin, part, number, quotas);
    }
}

const policiesIn = (members: readonly Member[], field: string): readonly QuotaDraft[] =>
  members.flatMap((member) => policyOf(member, field) ?? []);

/** Reads one policy: `"burst";q=100;w=60`, or `100;w=60` in older drafts; undefined if it breaks a rule. */
function policyOf({ head, parameters }: Member, field: string): QuotaDraft | undefined {
  const { q, w, window = w, qu, name, pk } = parameters;
  const policyName = nameIn(head);
  const limit = wholeNumber(policyName === undefined ? head : q);
  const seconds = wholeNumber(window);
  if (limit === undefined || (window !== undefined && !seconds)) return undefined;
  return {
    policyName: policyName ?? nameIn(name),
    partition: pk,
    limit,
    window: seconds && seconds * 1_000,
    windowField: field,
    unit: nameIn(qu)?.replace(/^requests?$/, ''),
    resets: [],
  };
}

/** Reads one item: `"default";r=50;t=30`. `a` is what an unmerged revision calls `r`; its `w` is the window. */
function readItem({ head, parameters }: Member, field: string, index: number, quotas: Quotas): void {
  const { r, a, w, t, pk } = parameters;
  const policyName = nameIn(head);
  const left = r ?? a;
  const remaining = wholeNumber(left ?? t);
  if (policyName === undefined || remaining === undefined || (t !== undefined && wholeNumber(t) === undefined)) {
    quotas.ignored.add(field);
    return;
  }
  const draft = quotas.draft(`${field}|${index}|`, { policyName, partition: pk });
  if (left !== undefined) draft.remaining = remaining;
  if (r === undefined && a !== undefined) setWindow(draft, field, (wholeNumber(w) ?? 0) * 1_000);
  if (t !== undefined) draft.resets[0] = { field, text: t };
}
