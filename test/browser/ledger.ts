/** What is wrong with the slots that all tabs took together. */
export interface LedgerFaults {
  /** Takes that got no slot. */
  readonly missing: number;
  /** Slots less than an emission interval after the one before. */
  readonly conflicts: number;
  /** Slots that nobody got although later ones were granted. */
  readonly skipped: number;
}

/**
 * Looks through the slots of tabs that took back to back and so left nothing free.
 * @param slots of all tabs, in any order; ms
 * @param takes how many slots there should be
 * @param emissionInterval ms
 */
export function faultsIn(slots: readonly number[], takes: number, emissionInterval: number): LedgerFaults {
  const inOrder = [...slots].sort((a, b) => a - b);
  const gaps = inOrder.slice(1).map((slot, index) => slot - (inOrder[index] as number));
  return {
    missing: takes - slots.length,
    conflicts: gaps.filter((gap) => gap < emissionInterval).length,
    skipped: gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / emissionInterval) - 1), 0),
  };
}

export const noFaults: LedgerFaults = { missing: 0, conflicts: 0, skipped: 0 };
