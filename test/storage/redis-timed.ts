import { createHash } from 'node:crypto';
import { redisScript } from '../../src/storage/redis-script.ts';

export const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

/** The script with the instant taken from one more key, so that time is the test's. */
export const timedScript: string = redisScript.replace(/local now = .*/, 'local now = tonumber(table.remove(KEYS))');
export const timedHash: string = sha1(timedScript);
