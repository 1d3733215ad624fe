import type { Line } from './network.ts';

/** What can become of a call, in the order of its life. */
export type Step = 'asked' | 'sent' | 'answered' | 'refused' | 'failed' | 'aborted';
export const steps: readonly Step[] = ['asked', 'sent', 'answered', 'refused', 'failed', 'aborted'];

/** When the calls of one tab came to a step, in ms since the epoch; and how many waited, whenever that changed. */
export interface Entries extends Record<Step, number[]> {
  waiting: [at: number, count: number][];
}

/** What one tab has to tell, of both lines. */
export type TabEntries = Record<Line, Entries>;

const noEntries = (): Entries => ({
  asked: [],
  sent: [],
  answered: [],
  refused: [],
  failed: [],
  aborted: [],
  waiting: [],
});
const noTabEntries = (): TabEntries => ({ plain: noEntries(), throttled: noEntries() });

/** When calls of all tabs came to their steps. */
export class Journal {
  /** By the number of the tab. */
  readonly tabs = new Map<number, TabEntries>();
  /** The instant that the timeline begins at; undefined until a call is asked for. */
  begin: number | undefined;
  /** When something was last written. */
  changedAt = 0;

  of(tab: number): TabEntries {
    let entries = this.tabs.get(tab);
    if (entries === undefined) {
      entries = noTabEntries();
      this.tabs.set(tab, entries);
    }
    return entries;
  }

  write(tab: number, line: Line, step: Step, at: number): void {
    this.begin ??= at;
    this.of(tab)[line][step].push(at);
    this.changedAt = at;
  }

  writeWaiting(tab: number, at: number, count: number): void {
    const { waiting } = this.of(tab).throttled;
    if ((waiting.at(-1)?.[1] ?? 0) === count) return;
    waiting.push([at, count]);
    this.changedAt = at;
  }

  /** Takes in what another tab tells. */
  add(tab: number, told: TabEntries): void {
    const own = this.of(tab);
    for (const line of ['plain', 'throttled'] as const) {
      for (const step of steps) for (const at of told[line][step]) own[line][step].push(at);
      for (const entry of told[line].waiting) own[line].waiting.push(entry);
      const first = told[line].asked[0];
      if (first !== undefined) this.begin = Math.min(this.begin ?? first, first);
      this.changedAt = Math.max(this.changedAt, ...steps.map((step) => told[line][step].at(-1) ?? 0));
    }
  }

  /** Whether a tab has calls that wait or are neither answered nor given up. */
  isOpen(tab: number): boolean {
    const { plain, throttled } = this.of(tab);
    return (throttled.waiting.at(-1)?.[1] ?? 0) > 0 || openOf('plain', plain) > 0 || openOf('throttled', throttled) > 0;
  }

  /** A tab is gone, and its open calls with it. */
  tabLeft(tab: number, at: number): void {
    const entries = this.tabs.get(tab);
    if (entries === undefined) return;
    this.writeWaiting(tab, at, 0);
    for (const line of ['plain', 'throttled'] as const)
      for (let left = openOf(line, entries[line]); left > 0; left--) this.write(tab, line, 'aborted', at);
  }

  clear(): void {
    this.tabs.clear();
    this.begin = undefined;
    this.changedAt = 0;
  }

  count(line: Line, step: Step): number {
    let sum = 0;
    for (const entries of this.tabs.values()) sum += entries[line][step].length;
    return sum;
  }

  waiting(): number {
    let sum = 0;
    for (const { throttled } of this.tabs.values()) sum += throttled.waiting.at(-1)?.[1] ?? 0;
    return sum;
  }

  /** Calls that are neither answered nor given up. */
  open(line: Line): number {
    let sum = 0;
    for (const entries of this.tabs.values()) sum += openOf(line, entries[line]);
    return sum;
  }
}

function openOf(line: Line, { asked, answered, failed, aborted, refused }: Entries): number {
  // Without sluice refused calls are not sent again.
  const given = line === 'plain' ? refused.length : 0;
  return Math.max(0, asked.length - answered.length - failed.length - aborted.length - given);
}

/** What a tab has written since it told the others last. */
export class News {
  readonly #told = new Map<string, number>();

  take(own: TabEntries): TabEntries | undefined {
    const news = noTabEntries();
    let isEmpty = true;
    for (const line of ['plain', 'throttled'] as const)
      for (const step of [...steps, 'waiting'] as const) {
        const name = `${line} ${step}`;
        const entries = own[line][step];
        const told = this.#told.get(name) ?? 0;
        if (entries.length <= told) continue;
        (news[line][step] as unknown[]) = entries.slice(told);
        this.#told.set(name, entries.length);
        isEmpty = false;
      }
    return isEmpty ? undefined : news;
  }

  forget(): void {
    this.#told.clear();
  }
}
