import type { BodyQuota, RefusalMark } from './dialect.ts';
import type { Pause } from './pause.ts';
import { type Quota, type QuotaDraft, Quotas } from './quotas.ts';
import type { Arrival } from './retry-time.ts';

const mostMembers = 32;
const longestText = 1_024;

/** The values at a path such as `errors.*.code`: `*` stands for the members of a list, of which 32 are looked at. */
export function valuesAt(body: unknown, path: string): readonly unknown[] {
  let values = [body];
  for (const name of path.split('.')) {
    values = values.flatMap((value) => {
      if (typeof value !== 'object' || value === null) return [];
      if (name === '*') return Array.isArray(value) ? value.slice(0, mostMembers) : [];
      return Object.hasOwn(value, name) ? [(value as Record<string, unknown>)[name]] : [];
    });
    values = values.slice(0, mostMembers);
  }
  return values;
}

/** Whether an answer has one of the marks of a refusal. */
export function hasMark(
  refusals: readonly RefusalMark[],
  status: number,
  fields: ReadonlyMap<string, string>,
  body: unknown,
): boolean {
  return refusals.some((mark) => holds(mark, status, fields, body));
}

function holds(
  { status: statuses, header, body: place }: RefusalMark,
  status: number,
  fields: ReadonlyMap<string, string>,
  body: unknown,
): boolean {
  if (statuses === undefined && header === undefined && place === undefined) return false;
  if (statuses !== undefined && !statuses.includes(status)) return false;
  if (header !== undefined && !contains(fields.get(header[0].toLowerCase()), header[1])) return false;
  return place === undefined || valuesAt(body, place[0]).some((value) => contains(value, place[1]));
}

function contains(value: unknown, text: string): boolean {
  if (typeof value !== 'string' && typeof value !== 'number') return false;
  return String(value).slice(0, longestText).toLowerCase().includes(text.toLowerCase());
}

/** What a body tells about a quota, and until when a refused call has to wait for what it costs. */
export interface BodyReading {
  readonly quota: Quota;
  readonly pause: Pause | undefined;
}

/** Reads the quota in a body; undefined if there is none. */
export function readBody(body: unknown, paths: BodyQuota, arrival: Arrival): BodyReading | undefined {
  const [limit, remaining] = [numberAt(body, paths.limit), numberAt(body, paths.remaining)];
  const reset = textAt(body, paths.resetAt);
  if (limit === undefined && remaining === undefined && reset === undefined) return undefined;
  const quotas = new Quotas(new Set());
  const draft = quotas.draft('body', { unit: paths.unit }) as QuotaDraft;
  draft.limit = limit === undefined ? undefined : Math.floor(limit);
  draft.remaining = remaining === undefined ? undefined : Math.floor(remaining);
  if (reset !== undefined) draft.resets = [{ field: 'body', text: reset }];
  const [quota] = quotas.read(arrival, {});
  const [restoreRate, requested] = [numberAt(body, paths.restoreRate), numberAt(body, paths.requested)];
  const missing = (requested ?? 0) - (remaining ?? 0);
  const wait = restoreRate && missing > 0 ? Math.ceil((missing / restoreRate) * 1_000 - 1e-6) : undefined;
  return quota && { quota, pause: wait === undefined ? undefined : { at: arrival.now + wait, source: 'body' } };
}

function numberAt(body: unknown, path: string | undefined): number | undefined {
  const [value] = path === undefined ? [] : valuesAt(body, path);
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function textAt(body: unknown, path: string | undefined): string | undefined {
  const [value] = path === undefined ? [] : valuesAt(body, path);
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 64) : undefined;
}
