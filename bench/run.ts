import { parseArgs } from 'node:util';
import { adapters } from './adapters.ts';
import { decide } from './decide.ts';
import { fleet } from './fleet.ts';
import { headers } from './headers.ts';
import { http } from './http.ts';
import { map } from './map.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { peers } from './peers/run.ts';
import { redis } from './redis.ts';
import { scaling } from './scaling.ts';
import { signals } from './signals.ts';
import { tabs } from './tabs.ts';

/** Each may be given a checkout of an earlier version, built, to measure it too. */
const benches: Record<string, (against?: string) => Promise<void>> = {
  adapters,
  decide,
  fleet,
  headers,
  http,
  map,
  memory,
  network,
  redis,
  scaling,
  signals,
  tabs,
};

const { positionals: names, values } = parseArgs({
  allowPositionals: true,
  options: { against: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
if (names[0] === 'peers') {
  // Runs only when named: it installs the other libraries and writes into docs. What follows are its parts.
  await peers(names.slice(1), values.quick);
  process.exit();
}
const unknown = names.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`No bench named ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}, peers.`);
  process.exit(2);
}
for (const name of names.length > 0 ? names : Object.keys(benches)) await benches[name]?.(values.against);
