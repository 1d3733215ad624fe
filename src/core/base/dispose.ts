/// <reference lib="esnext.disposable" />

/**
 * Lets `await using` end something, on platforms that know how. A property of the object's own: on a prototype, it would keep a class
 * in bundles that do not use it.
 */
export function disposeBy(target: object, dispose: () => Promise<void>): void {
  const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };
  if (asyncDispose !== undefined) Object.defineProperty(target, asyncDispose, { value: dispose });
}
