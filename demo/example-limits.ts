import { type Limit, perSecond } from 'sluice';

/** Calls that the servers of the examples accept in any second. */
export const QUOTA = 20;

/**
 * What the throttled clients keep. A margin for calls that arrive late, in ms: the client may be one of many programs on a busy
 * machine.
 */
export const exampleLimits: Limit = perSecond(QUOTA, { margin: 400 });
