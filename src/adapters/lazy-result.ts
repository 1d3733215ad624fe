import { eagerResult } from './eager-result.ts';
import type { Holding, MethodCall } from './method-call.ts';
import { type Callable, onReal, real, standInFor } from './stand-in.ts';

/**
 * Makes a stand-in for an object that sends nothing until it is awaited or iterated: then it waits for its turn. The
 * results of its other methods are stand-ins too, because query builders are chained.
 * @param path where it was found
 * @param call what began it
 */
export function lazyResult(result: unknown, path: string, call: MethodCall, holding: Holding): unknown {
  if (!maySendLater(result)) return result;
  const given = [...call.args, result];
  const awaited = () => holding.hold(call, () => result, { given });
  const pages = (iterator: AsyncIterator<unknown>): Record<string | symbol, unknown> => ({
    next: (...args: []) => holding.hold(call, () => iterator.next(...args), { given, isPage: true }),
    ...(iterator.return && { return: iterator.return.bind(iterator) }),
    ...(iterator.throw && { throw: iterator.throw.bind(iterator) }),
    [Symbol.asyncIterator]() {
      return this;
    },
  });

  const member = (name: string | symbol, value: Callable): unknown => {
    if (name === 'then' || name === 'catch' || name === 'finally')
      return (...args: unknown[]) => {
        const end = awaited();
        return Reflect.apply(end[name], end, args);
      };
    if (name === Symbol.asyncIterator) return () => pages(Reflect.apply(value, result, []) as AsyncIterator<unknown>);
    if (name === 'next') return pages(result as AsyncIterator<unknown>).next;
    if (name === 'constructor') return value;
    return typeof name === 'symbol' ? onReal(value) : step(name, value);
  };

  const step = (name: string, method: Callable): Callable => {
    const at = `${path}.${name}`;
    return standInFor(method, {
      apply: (_, self: unknown, args: unknown[]) => {
        const send = () => Reflect.apply(method, real(self), args);
        const own = { method: at, args };
        if (holding.isMethod(at) && holding.isHeld(own))
          return eagerResult((finish) => holding.hold(own, () => finish(send())));
        const next = send();
        return next === result ? standIn : lazyResult(next, at, call, holding);
      },
    });
  };

  const standIn: object = standInFor(result, {
    get: (_, name) => {
      const value: unknown = Reflect.get(result, name, result);
      return typeof value === 'function' ? member(name, value as Callable) : value;
    },
  });
  return standIn;
}

/**
 * Whether a value may send when it is awaited or iterated, or lead to one that does: not plain data, and not a request
 * already sent.
 */
function maySendLater(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || value instanceof Promise) return false;
  const { then, [Symbol.asyncIterator]: iterate } = value as {
    readonly then?: unknown;
    [Symbol.asyncIterator]?: unknown;
  };
  if (typeof then === 'function' || typeof iterate === 'function') return true;
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(value));
  return !isPlain && Object.prototype.toString.call(value) === '[object Object]';
}
