import { describe, expect, it, vi } from 'vitest';
import { ignoreAbort, onAbort } from '../../../src/core/line/abort-signals.ts';

describe('onAbort', () => {
  it('puts one listener on a signal, however many wait, and takes it off with the last', () => {
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    const callbacks = Array.from({ length: 100 }, () => () => {});
    for (const callback of callbacks) onAbort(signal, callback);
    expect(add).toHaveBeenCalledTimes(1);
    for (const callback of callbacks.slice(1)) ignoreAbort(signal, callback);
    expect(remove).not.toHaveBeenCalled();
    ignoreAbort(signal, callbacks[0] as () => void);
    expect(remove).toHaveBeenCalledTimes(1);
    expect(remove.mock.calls[0]?.[1]).toBe(add.mock.calls[0]?.[1]);
  });

  it('calls each callback once, in order, and none that was taken off', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: number[] = [];
    const callbacks = [0, 1, 2].map((index) => () => void called.push(index));
    for (const callback of callbacks) onAbort(signal, callback);
    ignoreAbort(signal, callbacks[1] as () => void);
    controller.abort();
    controller.abort();
    expect(called).toEqual([0, 2]);
  });

  it('calls nobody a second time where a platform fires twice, but those who came in between', () => {
    const { signal } = new AbortController();
    const [first, second] = [vi.fn(), vi.fn()];
    onAbort(signal, first);
    signal.dispatchEvent(new Event('abort'));
    onAbort(signal, second);
    signal.dispatchEvent(new Event('abort'));
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1]);
  });

  it('works again with a signal that had no listeners in between', () => {
    const controller = new AbortController();
    const first = vi.fn();
    const second = vi.fn();
    onAbort(controller.signal, first);
    ignoreAbort(controller.signal, first);
    ignoreAbort(controller.signal, first);
    onAbort(controller.signal, second);
    controller.abort();
    expect(first).not.toHaveBeenCalled();
    expect(second).toHaveBeenCalledTimes(1);
  });

  it('lets a callback take itself and others off', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const last = vi.fn();
    const first = () => {
      ignoreAbort(signal, first);
      ignoreAbort(signal, last);
    };
    onAbort(signal, first);
    onAbort(signal, last);
    controller.abort();
    expect(last).not.toHaveBeenCalled();
  });
});
