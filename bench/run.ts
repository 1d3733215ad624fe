import { adapters } from './adapters.ts';
import { decide } from './decide.ts';
import { fleet } from './fleet.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { redis } from './redis.ts';
import { scaling } from './scaling.ts';
import { signals } from './signals.ts';
import { tabs } from './tabs.ts';

const benches: Record<string, () => Promise<void>> = {
  adapters,
  decide,
  fleet,
  memory,
  network,
  redis,
  scaling,
  signals,
  tabs,
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`No bench named ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
for (const name of names.length > 0 ? names : Object.keys(benches)) await benches[name]?.();
