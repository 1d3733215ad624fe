import type { ClientName, Outcome, Run, Watcher } from '../demo.ts';
import type { Terminal } from './style.ts';
import { count, measured, serverName } from './words.ts';

const REDRAW_EVERY = 100;
const LINE_EVERY = 5000;
const WIDEST_BAR = 40;
const CLEAR_TO_END = '\x1b[K';

export interface ProgressState {
  readonly client: ClientName;
  readonly calls: number;
  readonly settled: number;
  readonly refused: number;
  /** ms since the client began. */
  readonly elapsed: number;
}

export interface Progress extends Watcher {
  /** Takes the line away. May be called at any time, and again. */
  stop(): void;
}

/**
 * One line that is drawn over where that is possible; elsewhere a line per finished run and one every few seconds.
 * The cursor stays visible, so killing the process leaves the terminal in order.
 */
export function showProgress(write: (text: string) => void, terminal: () => Terminal, now: () => number): Progress {
  const { live } = terminal();
  let client: ClientName = 'plain';
  let calls = 0;
  let settled = 0;
  let refused = 0;
  let startedAt = 0;
  let timer: NodeJS.Timeout | undefined;

  const state = (): ProgressState => ({ client, calls, settled, refused, elapsed: now() - startedAt });
  const draw = (): void => {
    write(live ? `\r${progressLine(state(), terminal())}${CLEAR_TO_END}` : `${progressText(state())}\n`);
  };

  return {
    started: (startedClient, startedCalls) => {
      client = startedClient;
      calls = startedCalls;
      settled = 0;
      refused = 0;
      startedAt = now();
      if (timer !== undefined) return;
      timer = setInterval(draw, live ? REDRAW_EVERY : LINE_EVERY);
    },
    settled: (_client, outcome: Outcome) => {
      settled++;
      if (outcome === 'refused') refused++;
    },
    finished: (run) => {
      if (!live) write(`${finishedText(run)}\n`);
    },
    stop: () => {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      if (live) write(`\r${CLEAR_TO_END}`);
    },
  };
}

/** @returns a line that is shorter than the terminal is wide, so that drawing over it works: bar first to go, then words. */
export function progressLine(state: ProgressState, { columns, style }: Terminal): string {
  const { client, calls, settled } = state;
  const text = progressText(state).slice(client.length);
  const room = columns - 1 - client.length - text.length - 2;
  if (room < 8) return `${client}${text}`.slice(0, columns - 1);
  const width = Math.min(WIDEST_BAR, room);
  const done = calls === 0 ? 0 : Math.floor((settled / calls) * width);
  const bar = `${style.green('━'.repeat(done))}${style.dim('─'.repeat(width - done))}`;
  return `${style.bold(client)}  ${bar}${text}`;
}

function progressText({ client, calls, settled, refused, elapsed }: ProgressState): string {
  const refusals = refused > 0 ? `, ${count(refused)} refused` : '';
  return `${client}  ${count(settled)} of ${count(calls)} calls${refusals}, ${measured(elapsed)}`;
}

function finishedText(run: Run): string {
  return `${run.client}  ${serverName(run.server)}: ${count(run.calls)} calls, ${count(run.refused)} refused, ${measured(run.time)}`;
}
