import type { Limit } from 'sluice';
import type { Preset } from 'sluice/presets';
import type { ServerQuota } from '../headers/telling-server.ts';
import type { Tell } from './vendor-fields.ts';

/** A preset, and a server of the kind that its API has. */
export interface Vendor {
  /** The call that makes the preset, and what is special about this one. */
  readonly name: string;
  readonly preset: Preset<readonly Limit[] | Limit>;
  readonly quotas: readonly ServerQuota[];
  readonly tell: Tell;
  /** What each call counts as, where that is not 1. */
  readonly cost?: number | Readonly<Record<string, number>>;
  readonly calls: number;
}

export const second = 1_000;
export const minute = 60_000;
export const hour = 3_600_000;
export const day = 86_400_000;

export const server = (
  algorithm: ServerQuota['algorithm'],
  limit: number,
  interval: number,
  more: Partial<ServerQuota> = {},
): ServerQuota => ({ algorithm, limit, interval, ...more });

export const vendor = (
  name: string,
  preset: Vendor['preset'],
  quotas: ServerQuota | readonly ServerQuota[],
  tell: Tell,
  calls: number,
  cost?: Vendor['cost'],
): Vendor => ({ name, preset, quotas: [quotas].flat(), tell, calls, ...(cost !== undefined && { cost }) });
