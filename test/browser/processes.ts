import { readdirSync, readFileSync } from 'node:fs';

/** All processes that a process has started, and those that they have started. Linux only, as all of this file. */
export function descendantsOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = parentOf(Number(entry));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found = [root];
  for (const id of found) found.push(...(children.get(id) ?? []));
  return found.slice(1);
}

/** How long a process has computed so far, in ms; 0 if it has ended. */
export function processorTime(id: number): number {
  const fields = fieldsOf(id);
  // In hundredths of a second: in the program itself and in the system on its behalf.
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) * 10;
}

const parentOf = (id: number): number | undefined => {
  const fields = fieldsOf(id);
  return fields && Number(fields[1]);
};

/** What the system tells of a process, from its state on; undefined if it has ended. */
function fieldsOf(id: number): string[] | undefined {
  try {
    // The name of the program stands in parentheses before and may hold anything.
    return readFileSync(`/proc/${id}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ');
  } catch {
    return undefined;
  }
}

/** Ends a process and all that it has started, at once. */
export function killTree(root: number): void {
  for (const id of [root, ...descendantsOf(root)]) {
    try {
      process.kill(id, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}
