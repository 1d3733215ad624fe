import { describe, expect, it } from 'vitest';
import { faultsIn, noFaults } from './ledger.ts';

describe('faultsIn', () => {
  it('finds nothing wrong with slots one emission interval apart, in whatever order', () => {
    expect(faultsIn([3_000, 1_000, 2_000], 3, 1_000)).toEqual(noFaults);
  });

  it('counts takes that got no slot', () => {
    expect(faultsIn([1_000, 2_000], 3, 1_000)).toEqual({ ...noFaults, missing: 1 });
  });

  it('counts slots that were granted twice or too close to another', () => {
    expect(faultsIn([1_000, 1_000, 1_999.5, 3_000], 4, 1_000)).toEqual({ ...noFaults, conflicts: 2 });
  });

  it('counts slots that were passed over', () => {
    expect(faultsIn([1_000, 2_000, 5_000], 3, 1_000)).toEqual({ ...noFaults, skipped: 2 });
  });
});
