/** Any function, called with anything. */
export type Callable = (...args: unknown[]) => unknown;

/** The real object of each stand-in. */
const behind = new WeakMap<object, object>();

/** The real object of a stand-in; any other value itself. */
export function real<Value>(value: Value): Value {
  return (behind.get(value as object) as Value | undefined) ?? value;
}

/**
 * Makes a stand-in for an object or a function: every operation is passed on to the real one, except those in `traps`.
 * Getters and methods get the real object as `this`, because a stand-in has no private fields.
 */
export function standInFor<Real extends object>(of: Real, traps: Pick<ProxyHandler<object>, 'get' | 'apply'>): Real {
  const standIn = new Proxy(hasFixedParts(of) ? shadowOf(of) : of, {
    set: (_, name, value) => Reflect.set(of, name, real(value), of),
    has: (_, name) => Reflect.has(of, name),
    deleteProperty: (_, name) => Reflect.deleteProperty(of, name),
    getPrototypeOf: () => Reflect.getPrototypeOf(of),
    ...(hasFixedParts(of) ? partsOf(of) : undefined),
    ...traps,
  });
  behind.set(standIn, of);
  return standIn as Real;
}

/** Makes a method work on the real object when it is called on a stand-in. */
export function onReal(method: Callable): Callable {
  return standInFor(method, { apply: (_, self: unknown, args: unknown[]) => Reflect.apply(method, real(self), args) });
}

/** Whether a proxy cannot replace a value, because it would have to return some members unchanged. */
function hasFixedParts(value: object): boolean {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).some(
    ([name, part]) => name !== 'prototype' && part.configurable === false && part.writable === false,
  );
}

/** The target of the proxy instead: an object without conflicting members. */
function shadowOf(value: object): object {
  return typeof value === 'function' ? () => {} : {};
}

/** What the proxy of a shadow has to report from the real object. */
function partsOf(value: object): ProxyHandler<object> {
  return {
    ownKeys: () => Reflect.ownKeys(value),
    getOwnPropertyDescriptor: (_, name) => {
      const part = Reflect.getOwnPropertyDescriptor(value, name);
      return part && { ...part, configurable: true };
    },
    defineProperty: (_, name, part) => Reflect.defineProperty(value, name, part),
  };
}
