import type { ClientLimit, ServerSettings } from '../scenarios.ts';
import type { AlgorithmName } from '../servers/quota-server.ts';

// The spelling of numbers and settings, shared by the table, the progress line and the sentences.

const NAMES: Record<AlgorithmName, string> = {
  'fixed-window': 'fixed window',
  'sliding-window': 'sliding window',
  'token-bucket': 'token bucket',
  'leaky-bucket': 'leaky bucket',
};

export function serverName({ algorithm }: ServerSettings): string {
  return NAMES[algorithm];
}

/** @returns the server's quota as its documentation would put it. */
export function serverQuota({ algorithm, limit, interval, burst }: ServerSettings): string {
  const span = duration(interval);
  if (algorithm === 'fixed-window') return `${limit} per ${span}`;
  if (algorithm === 'sliding-window') return `${limit} in any ${span}`;
  return `${limit} per ${span}, ${burst} at once`;
}

/** @returns the limit as one writes it in code. */
export function clientLimit(limit: ClientLimit): string {
  return limit.kind === 'quota'
    ? `quota({ limit: ${limit.limit}, interval: ${limit.interval}, burst: ${limit.burst} })`
    : `{ rate: ${limit.rate}, interval: ${limit.interval}, burst: ${limit.burst} }`;
}

export function count(calls: number): string {
  return calls.toLocaleString('en-US');
}

/** @param ms a round number of them. */
export function duration(ms: number): string {
  return `${ms / 1000} s`;
}

/** @param ms as measured. */
export function measured(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

/** Breaks text at spaces into lines of at most `columns`; the first begins with `indent`, the others with `hanging`. */
export function wrap(text: string, columns: number, indent = '', hanging = indent): string[] {
  const lines: string[] = [];
  let line = indent;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = hanging;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}
