import type { Dialect } from './dialect.ts';
import { retryAfterFields } from './retry-after.ts';
import { usageField, vendorFields } from './vendor-fields.ts';

const families = ['ratelimit', 'x-ratelimit', 'x-rate-limit'];
const parts = [
  'limit',
  'remaining',
  'available',
  'used',
  'observed',
  'reset',
  'reset-after',
  'resettime',
  'next',
  'policy',
  'resource',
  'bucket',
  'name',
  'interval',
];
const dimensions = ['requests', 'tokens', 'second', 'minute', 'hour', 'day'];
const common: readonly string[] = ['date', 'age', 'ratelimit', usageField];

/** The names that are worth asking for where names cannot be listed. */
export function* knownFields({ fields = {}, refusals = [] }: Dialect): Generator<string> {
  yield* common;
  yield* retryAfterFields;
  yield* Object.keys(vendorFields);
  yield* Object.keys(fields);
  for (const { header } of refusals) if (header !== undefined) yield header[0].toLowerCase();
  for (const family of families) for (const part of parts) yield `${family}-${part}`;
  for (const dimension of dimensions)
    for (const part of ['limit', 'remaining', 'reset']) yield `x-ratelimit-${part}-${dimension}`;
  for (const dimension of ['requests', 'tokens', 'input-tokens', 'output-tokens'])
    for (const part of ['limit', 'remaining', 'reset']) yield `anthropic-ratelimit-${dimension}-${part}`;
}
