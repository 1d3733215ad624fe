/** Any function, called with anything. */
export type Callable = (...args: unknown[]) => unknown;

/** What stands behind each stand-in. */
const behind = new WeakMap<object, object>();

/** What stands behind a value, if it is a stand-in; else the value itself. */
export function real<Value>(value: Value): Value {
  return (behind.get(value as object) as Value | undefined) ?? value;
}

/**
 * Makes what stands for an object or a function: all that is done to it is done to that one, except what `traps` do. Getters and
 * methods of it see the real one as `this`, whose private fields no stand-in has.
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

/** Whether a proxy of a value could not stand for it: it would have to give some members as they are. */
function hasFixedParts(value: object): boolean {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).some(
    ([name, part]) => name !== 'prototype' && part.configurable === false && part.writable === false,
  );
}

/** What the proxy is of instead: something without members that could contradict. */
function shadowOf(value: object): object {
  return typeof value === 'function' ? () => {} : {};
}

/** What the proxy of a shadow has to tell of the real one. */
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
