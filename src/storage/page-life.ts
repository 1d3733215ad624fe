/** What has to stop before a page stops. */
export interface PageLife {
  /**
   * The page may stop at any moment from now on: it goes into the back-forward cache or is closed.
   * @param isFrozen whether it stays and is frozen instead
   */
  leave(isFrozen: boolean): void;
  /** The page goes on. Called only after `leave`. */
  comeBack(): void;
}

/** `freeze` and `resume` are events of the document, the others of the window. */
const leaving = ['pagehide', 'freeze'];
const comingBack = ['pageshow', 'resume'];

/**
 * Reports when the page leaves and comes back. Outside of pages it reports nothing. Returns a function that stops it.
 */
export function followPage(life: PageLife): () => void {
  const { document, addEventListener, removeEventListener } = globalThis;
  if (document === undefined || addEventListener === undefined) return () => {};
  let isAway = false;
  const follow = ({ type }: Event) => {
    const leaves = leaving.includes(type);
    if (leaves === isAway) return;
    isAway = leaves;
    if (leaves) life.leave(type === 'freeze');
    else life.comeBack();
  };
  const types = [...leaving, ...comingBack];
  // In the capture phase the window gets the events of its document too, before any listener can stop them.
  const capture = { capture: true };
  for (const type of types) addEventListener.call(globalThis, type, follow, capture);
  return () => {
    for (const type of types) removeEventListener.call(globalThis, type, follow, capture);
  };
}
