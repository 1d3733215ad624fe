/// <reference lib="esnext.disposable" />

/**
 * Lets `await using` end something, on platforms with that symbol. It is a property of the object: on a prototype, it
 * would keep the class in bundles that do not use it.
 */
export function disposeBy(target: object, dispose: () => Promise<void>): void {
  const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };
  if (asyncDispose !== undefined) Object.defineProperty(target, asyncDispose, { value: dispose });
}
