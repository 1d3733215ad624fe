/** Makes the final result of a call from the result of the method. */
export type Finish = (given: unknown) => unknown;

/**
 * Makes a stand-in for the result of a method that is not called yet: a promise that also has the methods of the
 * method's own promise, such as `withResponse()`. If one of them is used first, the call ends with its result, so that
 * the answer is not read twice.
 * @param run makes the call when its turn comes, not before the next microtask
 */
export function eagerResult(run: (finish: Finish) => Promise<unknown>): Promise<unknown> {
  let given: unknown;
  let isUsed = false;
  let finish: Finish | undefined;
  const end = run((result) => {
    isUsed = true;
    given = result;
    return finish === undefined ? result : finish(result);
  });
  const awaited = (): Promise<unknown> => {
    isUsed = true;
    return finish === undefined ? end : end.then(() => given);
  };
  const asked = (name: string, args: unknown[]): Promise<unknown> => {
    const ask: Finish = (result) => (result as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args);
    if (isUsed) return end.then(() => ask(given));
    isUsed = true;
    finish = ask;
    return end;
  };
  async function* items(): AsyncGenerator<unknown> {
    await awaited();
    yield* given as AsyncIterable<unknown>;
  }

  return new Proxy(end, {
    get: (_, name) => {
      if (name === Symbol.asyncIterator) return items;
      if (name === 'then' || name === 'catch' || name === 'finally')
        return (...args: unknown[]) => Reflect.apply(end[name], awaited(), args);
      const isOfPromises = typeof name === 'symbol' || name === 'toJSON' || name in end;
      return isOfPromises ? Reflect.get(end, name) : (...args: unknown[]) => asked(name, args);
    },
  });
}
