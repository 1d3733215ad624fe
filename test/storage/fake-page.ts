import { vi } from 'vitest';

/** A page around this process until the test is over. Returns what sends it an event. */
export function fakePage(onTestFinished: (undo: () => void) => void): (type: string) => void {
  const page = new EventTarget();
  vi.stubGlobal('document', {});
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
  onTestFinished(() => void vi.unstubAllGlobals());
  return (type) => void page.dispatchEvent(new Event(type));
}
