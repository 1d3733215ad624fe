// One measurement in a process of its own: what it is comes as an argument, what it came to goes back as a message.
import type { Task } from './in-child.ts';

// It ends when its parent does, however that ends.
process.on('disconnect', () => process.exit());

const { part, contender, parameters } = JSON.parse(process.argv[2] as string) as Task;
const measures = {
  decide: async () => (await import('./decide.ts')).decide,
  queue: async () => (await import('./queue.ts')).queue,
  utilisation: async () => (await import('./utilisation.ts')).utilisation,
  memory: async () => (await import('./memory.ts')).memory,
};
// Before any library is loaded: it may keep what it finds.
if (part === 'utilisation' && !parameters.real) (await import('./virtual-time.ts')).virtualTime.install();
const { contenders } = await import('./contenders.ts');
const found = contenders.find(({ name, parts }) => name === contender && (parts === undefined || parts.includes(part)));
if (found === undefined) throw new Error(`No contender named ${contender} in ${part}.`);
const measure = await measures[part]();
const outcome = await measure(found, parameters);
// Timers and waiting calls of the library may be left.
process.send?.(outcome, () => process.exit());
