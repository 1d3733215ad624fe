import { jsonOf } from './json-body.ts';
import { isMarked, quotaIn } from './server-signal/body.ts';
import { dateIn } from './server-signal/more-dates.ts';
import type { Reading } from './server-signal/reading.ts';
import { meaningsOf } from './server-signal/vendor-fields.ts';
import { addBody } from './told-body.ts';

/** Everything beyond the general fields: the fields of vendors, bodies, dates in words. */
export const fullReading: Reading = {
  meaningsOf,
  dateIn,
  isMarked,
  quotaIn,
  jsonOf,
  addBody,
};
