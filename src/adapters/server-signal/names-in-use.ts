import { usageField, vendorFields } from './vendor-fields.ts';

const families = ['ratelimit', 'x-ratelimit', 'x-rate-limit'];
const parts =
  'limit remaining available used observed reset reset-after resettime next policy resource bucket name interval';
const others =
  'date age ratelimit retry-after retry-after-ms x-ms-retry-after-ms x-amz-retry-after x-retry-after x-ratelimit-retry-after x-ratelimit-retryafter x-rate-limit';

/** The names of fields to ask for if names cannot be listed. */
export function namesInUse(): readonly string[] {
  const names = [...others.split(' '), usageField, ...Object.keys(vendorFields)];
  for (const family of families) for (const part of parts.split(' ')) names.push(`${family}-${part}`);
  for (const part of ['limit', 'remaining', 'reset']) {
    for (const dimension of ['requests', 'tokens', 'second', 'minute', 'hour', 'day'])
      names.push(`x-ratelimit-${part}-${dimension}`);
    for (const dimension of ['requests', 'tokens', 'input-tokens', 'output-tokens'])
      names.push(`anthropic-ratelimit-${dimension}-${part}`);
  }
  return names;
}
