import type { BodyQuota } from './dialect.ts';
import type { BodyReading } from './reading.ts';

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

/** Whether a body has a text at a place, in any case. */
export function isMarked(body: unknown, [path, text]: readonly [path: string, text: string]): boolean {
  return valuesAt(body, path).some(
    (value) =>
      (typeof value === 'string' || typeof value === 'number') &&
      String(value).slice(0, longestText).toLowerCase().includes(text.toLowerCase()),
  );
}

/** Reads the quota in a body; undefined if there is none. */
export function quotaIn(body: unknown, paths: BodyQuota, now: number): BodyReading | undefined {
  const [limit, remaining] = [numberAt(body, paths.limit), numberAt(body, paths.remaining)];
  const reset = textAt(body, paths.resetAt);
  if ((limit ?? remaining ?? reset) === undefined) return undefined;
  const [restoreRate, requested] = [numberAt(body, paths.restoreRate), numberAt(body, paths.requested)];
  const missing = (requested ?? 0) - (remaining ?? 0);
  const wait = restoreRate && missing > 0 ? Math.ceil((missing / restoreRate) * 1_000 - 1e-6) : undefined;
  return {
    quota: {
      field: 'body',
      unit: paths.unit,
      limit: limit && Math.floor(limit),
      remaining: remaining && Math.floor(remaining),
      resets: reset === undefined ? [] : [{ field: 'body', text: reset }],
      binds: true,
    },
    pause: wait === undefined ? undefined : { until: now + wait, field: 'body' },
  };
}

function numberAt(body: unknown, path: string | undefined): number | undefined {
  const [value] = path === undefined ? [] : valuesAt(body, path);
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function textAt(body: unknown, path: string | undefined): string | undefined {
  const [value] = path === undefined ? [] : valuesAt(body, path);
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 64) : undefined;
}
