import { eagerResult } from './eager-result.ts';
import { lazyResult } from './lazy-result.ts';
import type { Holding } from './method-call.ts';
import { type Callable, onReal, real, standInFor } from './stand-in.ts';

/** Makes a stand-in for a function or an object: some methods are throttled, all others work as before. */
export function throttledObject<Target extends object>(target: Target, holding: Holding): Target {
  const made = new Map<string, WeakMap<object, object>>();
  const paths = new WeakMap<object, string>();

  /** The stand-in of something at a path; always the same one. */
  const standIn = (of: object, path: string): object => {
    const ofPath = made.get(path) ?? new WeakMap<object, object>();
    made.set(path, ofPath);
    const known = ofPath.get(of);
    if (known !== undefined) return known;
    const fresh = standInFor(of, {
      get: (_, name) => {
        const value: unknown = Reflect.get(of, name, of);
        if (name === 'constructor' || name === 'prototype') return value;
        if (typeof name === 'symbol') return typeof value === 'function' ? onReal(value as Callable) : value;
        return member(value, path === '' ? name : `${path}.${name}`);
      },
      apply: (_, self: unknown, args: unknown[]) => called(of as Callable, path, self, args),
    });
    ofPath.set(of, fresh);
    paths.set(fresh, path);
    return fresh;
  };

  const member = (value: unknown, path: string): unknown => {
    if (typeof value === 'function') return isClass(value) ? value : standIn(value, path);
    return isPlace(value) && holding.leadsOn(path) ? standIn(value, path) : value;
  };

  const called = (method: Callable, path: string, self: unknown, args: unknown[]): unknown => {
    const send = () => Reflect.apply(method, real(self), args);
    const call = { method: path, args };
    const isMethod = holding.isMethod(path);
    const isLazy = holding.isLazy(path) || (isMethod && tagOf(method) === '[object AsyncGeneratorFunction]');
    if ((!isMethod && !isLazy) || !holding.isHeld(call)) return sameClient(send(), self);
    if (isLazy) return lazyResult(send(), path, call, holding);
    // An async function returns a plain promise.
    if (tagOf(method) === '[object AsyncFunction]') return holding.hold(call, send);
    return eagerResult((finish) => holding.hold(call, () => finish(send())));
  };

  /** If a method returns its client, or another one of its kind, the result is throttled too. */
  const sameClient = (result: unknown, self: unknown): unknown => {
    const path = paths.get(self as object);
    if (path === undefined || !isPlace(result)) return result;
    const kind = Object.getPrototypeOf(real(self));
    const isOfItsKind = kind !== Object.prototype && kind === Object.getPrototypeOf(result);
    return result === real(self) || isOfItsKind ? standIn(result, path) : result;
  };

  return standIn(target, '') as Target;
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value);

/** Whether a value may have methods of an SDK. Platform objects do not work behind a stand-in. */
function isPlace(value: unknown): value is object {
  return typeof value === 'object' && value !== null && tagOf(value) === '[object Object]';
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
