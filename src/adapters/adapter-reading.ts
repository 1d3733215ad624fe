import { checkDialect } from './check-dialect.ts';
import { fullReading } from './full-reading.ts';
import { jsonOf } from './json-body.ts';
import { looksIntoBody } from './server-signal/marks.ts';
import type { AdapterReading } from './server-signal/reading.ts';
import { addBody } from './told-body.ts';

/** All there is to read, and what finds the bodies to read in what adapters are given. */
export const adapterReading: AdapterReading = {
  ...fullReading,
  check: checkDialect,
  looksIntoBody,
  jsonOf,
  addBody,
};
