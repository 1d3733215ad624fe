import { quotaIn } from './server-signal/body.ts';
import { isMarked, namesIn } from './server-signal/marks.ts';
import { dateIn } from './server-signal/more-dates.ts';
import { partsOf } from './server-signal/named-fields.ts';
import type { Reading } from './server-signal/reading.ts';

/** All there is to read: what dialects say, the fields of vendors, quotas and marks in bodies, dates in words. */
export const fullReading: Reading = { namesIn, partsOf, dateIn, isMarked, quotaIn };
