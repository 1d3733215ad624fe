import type { Cost, Status } from 'sluice';
import type { CallPlan, ChangePlan, Setup } from './setup.ts';

/** A cost that was told afterwards. */
export interface Settled {
  readonly to: Cost;
  /** When it was told, and when the throttle said that it was taken in; Infinity while it has not. */
  readonly at: number;
  appliedAt: number;
}

/** One call that left. Instants are in ms from the start of the world. */
export interface Departure {
  readonly call: CallPlan;
  readonly order: number;
  /** When it asked to go. */
  readonly askedAt: number;
  readonly at: number;
  /** Whether nobody had answered its sharer for three seconds: it may have to open a connection. */
  readonly isCold: boolean;
  readonly arrivesAt: number;
  readonly answeredAt: number;
  readonly settled: Settled[];
}

/** What was told to stop: an instant at which it was asked for, in the order of all that happened, and when it was done. */
export interface Told {
  readonly sharer: number;
  readonly at: number;
  readonly order: number;
  readonly until: number;
  appliedAt: number;
}

export interface ToldLeft extends Told {
  readonly remaining: number;
  /** Calls of the same sharer that were on their way then. */
  readonly inFlight: number;
}

export interface Changed {
  readonly plan: ChangePlan;
  readonly order: number;
  appliedAt: number;
}

/** The status just before a cost was settled and just after, where nobody waited. */
export interface SettlementSeen {
  readonly departure: Departure;
  readonly at: number;
  readonly from: Cost;
  readonly to: Cost;
  readonly before: Status;
  readonly after: Status;
}

export interface Outcome {
  readonly call: CallPlan;
  state: 'waits' | 'left' | 'refused' | 'quit' | 'failed';
  error?: unknown;
}

/** All that happened in a world. */
export interface Log {
  readonly setup: Setup;
  /** In order. */
  readonly departures: Departure[];
  readonly outcomes: Outcome[];
  readonly pauses: Told[];
  readonly syncs: ToldLeft[];
  readonly changes: Changed[];
  /** Margins that the throttles told now and then. */
  readonly margins: { readonly at: number; readonly margin: number }[];
  readonly seen: SettlementSeen[];
  /** What each sharer says in the end. */
  readonly final: { readonly at: number; readonly status: Status }[];
  /** What nobody caught. */
  readonly unhandled: unknown[];
  /** What should have ended and did not, or not well. */
  readonly hung: string[];
  /** The calls that waited when patience was at an end, and when that was. */
  stillWait: readonly CallPlan[];
  ranOutAt: number;
}

/** The log of a world in which nothing has happened yet. */
export const newLog = (setup: Setup): Log => ({
  setup,
  departures: [],
  outcomes: [],
  pauses: [],
  syncs: [],
  changes: [],
  margins: [],
  seen: [],
  final: [],
  unhandled: [],
  hung: [],
  stillWait: [],
  ranOutAt: 0,
});
