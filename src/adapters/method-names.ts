import { wrongType } from '../core/base/check.ts';

/** Paths of methods, with `*` for any one name and `**` for any number, or a function that picks paths. */
export type MethodNames = readonly string[] | ((method: string) => boolean);

/** @throws TypeError if `names` is neither undefined, a list of texts nor a function. */
export function checkMethodNames(option: string, names: unknown): void {
  if (names === undefined || typeof names === 'function') return;
  if (!Array.isArray(names)) wrongType(option, 'a list of paths or a function', names);
  for (const name of names) if (typeof name !== 'string') wrongType(option, 'a list of paths or a function', name);
}

/** The methods that were named. */
export interface NamedMethods {
  includes(path: string): boolean;
  /** Whether a method below this path may be among them. */
  leadsOn(path: string): boolean;
}

/** Reads names of methods. An asterisk or a function does not pick methods that no SDK sends with. */
export function methodsNamed(names: MethodNames | undefined = []): NamedMethods {
  if (typeof names === 'function') return { includes: (path) => !isOrdinary(path) && names(path), leadsOn: () => true };
  const patterns = names.map((name) => (name === '' ? [] : name.split('.')));
  return {
    includes: (path) => {
      if (names.includes(path)) return true;
      const parts = partsOf(path);
      return !isOrdinary(path) && patterns.some((pattern) => fits(pattern, parts));
    },
    leadsOn: (path) => {
      const parts = partsOf(path);
      return patterns.some((pattern) => fitsBelow(pattern, parts));
    },
  };
}

const partsOf = (path: string): string[] => (path === '' ? [] : path.split('.'));

function fits([first, ...rest]: readonly string[], parts: readonly string[]): boolean {
  if (first === undefined) return parts.length === 0;
  if (first === '**') return parts.some((_, index) => fits(rest, parts.slice(index))) || fits(rest, []);
  return parts.length > 0 && (first === '*' || first === parts[0]) && fits(rest, parts.slice(1));
}

function fitsBelow([first, ...rest]: readonly string[], parts: readonly string[]): boolean {
  if (first === undefined || first === '**') return first === '**';
  return parts.length === 0 || ((first === '*' || first === parts[0]) && fitsBelow(rest, parts.slice(1)));
}

/** The members of event emitters, of promises, and of all objects. */
const ordinary = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  ...['on', 'once', 'off', 'emit', 'addListener', 'removeListener', 'removeAllListeners', 'prependListener'],
  ...['prependOnceListener', 'listeners', 'rawListeners', 'listenerCount', 'eventNames', 'setMaxListeners'],
  ...['getMaxListeners', 'addEventListener', 'removeEventListener', 'dispatchEvent'],
  ...['then', 'catch', 'finally', 'toJSON'],
]);

function isOrdinary(path: string): boolean {
  return ordinary.has(path.slice(path.lastIndexOf('.') + 1));
}
