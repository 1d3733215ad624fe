/** What a server says about one quota. */
export interface Statement {
  /** What the server calls the quota. */
  readonly name: string;
  readonly limit: number;
  readonly remaining: number;
  /** ms until there is more, or all of it: which of them is the server's business. */
  readonly resetAfter: number;
  /** Length of the window in ms. */
  readonly window: number;
}

/**
 * How quotas are told in header fields: not at all, by draft 3, 7 or 11 of the IETF, or by `X-RateLimit-…` with the instant of
 * the reset or with the time until then.
 */
export type HeaderFamily = 'none' | 'draft-3' | 'draft-7' | 'draft-11' | 'x-epoch' | 'x-delta';

/** `seconds`: whole ones, rounded up. `ms`: as exact as the family can say it. */
export type Resolution = 'seconds' | 'ms';

interface Told {
  /** The server's wall clock in ms since the epoch. */
  readonly now: number;
  readonly resolution: Resolution;
}

type Fields = Record<string, string>;

/** Milliseconds in seconds, rounded up as servers do; what lies below a microsecond came from the arithmetic. */
const seconds = (ms: number): number => Math.ceil((ms - 1e-3) / 1_000) || 0;

/** Of several quotas the one that has least left: old families have fields for one only. */
function leastOf(statements: readonly Statement[]): Statement {
  return statements.reduce((least, one) => (one.remaining < least.remaining ? one : least));
}

const policiesOf = (statements: readonly Statement[]): string =>
  statements.map(({ limit, window }) => `${limit};w=${seconds(window)}`).join(', ');

/** The fields of several quotas differ in the dimension: `X-RateLimit-Limit-Minute`. */
function perQuota(
  statements: readonly Statement[],
  fieldsOf: (statement: Statement) => Readonly<Record<string, string | number>>,
): Fields {
  const fields: Fields = {};
  for (const statement of statements) {
    const dimension = statements.length > 1 ? `-${statement.name}` : '';
    for (const [name, value] of Object.entries(fieldsOf(statement)))
      fields[`x-ratelimit-${name}${dimension}`] = `${value}`;
  }
  return fields;
}

const families: Readonly<Record<HeaderFamily, (statements: readonly Statement[], told: Told) => Fields>> = {
  none: () => ({}),
  'draft-3': (statements) => {
    const { limit, remaining, resetAfter } = leastOf(statements);
    return {
      'ratelimit-limit': `${limit}, ${policiesOf(statements)}`,
      'ratelimit-remaining': `${remaining}`,
      'ratelimit-reset': `${seconds(resetAfter)}`,
    };
  },
  'draft-7': (statements) => {
    const { limit, remaining, resetAfter } = leastOf(statements);
    return {
      ratelimit: `limit=${limit}, remaining=${remaining}, reset=${seconds(resetAfter)}`,
      'ratelimit-policy': policiesOf(statements),
    };
  },
  'draft-11': (statements) => ({
    ratelimit: statements
      .map(({ name, remaining, resetAfter }) => `"${name}";r=${remaining};t=${seconds(resetAfter)}`)
      .join(', '),
    'ratelimit-policy': statements
      .map(({ name, limit, window }) => `"${name}";q=${limit};w=${seconds(window)}`)
      .join(', '),
  }),
  'x-epoch': (statements, { now, resolution }) =>
    perQuota(statements, ({ limit, remaining, resetAfter }) => ({
      limit,
      remaining,
      reset: resolution === 'ms' ? Math.ceil(now + resetAfter) : seconds(now + resetAfter),
    })),
  'x-delta': (statements, { resolution }) =>
    perQuota(statements, ({ limit, remaining, resetAfter }) => ({
      limit,
      remaining,
      ...(resolution === 'ms'
        ? { 'reset-after': (Math.ceil(resetAfter) / 1_000).toFixed(3) }
        : { reset: seconds(resetAfter) }),
    })),
};

/** Whether a family can tell a time so exactly: the fields of the IETF have whole seconds only. */
export function canTell(family: HeaderFamily, resolution: Resolution): boolean {
  return resolution === 'seconds' || family.startsWith('x-');
}

/**
 * The header fields in which a server tells what is left of its quotas, by their lower-case names.
 * @param statements one or several quotas that hold together; families that have fields for one tell the one with least left
 * @param now the server's wall clock in ms since the epoch
 */
export function headerFields(
  family: HeaderFamily,
  statements: readonly Statement[],
  now: number,
  resolution: Resolution = 'seconds',
): Fields {
  return families[family](statements, { now, resolution });
}

/** What a refusal has besides: when to come back, in whole seconds and at least one. */
export function retryAfterField(retryAfter: number): Fields {
  return { 'retry-after': `${Math.max(1, seconds(retryAfter))}` };
}
