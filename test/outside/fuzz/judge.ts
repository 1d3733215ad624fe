import type { Log } from './log.ts';
import { keepsCeilings, keepsTheMargin, neverAbove, neverAboveTheLargest, nothingDuringAPause } from './rules-above.ts';
import { changesWasteLittle, neverIdle, nobodyStarves, slowApisUseTheirQuota } from './rules-idle.ts';
import { everybodyIsServed, nothingUnhandled, settlementsShow, statusAgrees } from './rules-served.ts';
import { setupText } from './setup.ts';
import type { Rule } from './terms.ts';

export const rules: Readonly<Record<string, Rule>> = {
  neverAbove,
  keepsTheMargin,
  neverAboveTheLargest,
  nothingDuringAPause,
  keepsCeilings,
  neverIdle,
  slowApisUseTheirQuota,
  nobodyStarves,
  changesWasteLittle,
  everybodyIsServed,
  settlementsShow,
  statusAgrees,
  nothingUnhandled,
};

/** What a world did wrong, by the name of the rule. */
export function judge(log: Log): { readonly rule: string; readonly text: string }[] {
  return Object.entries(rules).flatMap(([rule, find]) => {
    const what = find(log);
    return what === undefined ? [] : [{ rule, text: `${rule}: ${what}\n    ${setupText(log.setup)}` }];
  });
}
