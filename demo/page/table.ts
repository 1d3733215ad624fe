import type { Journal } from './journal.ts';

const MOST_ROWS = 40;

/** Tells what the timelines show in numbers: a row per second or, of a long run, per several. */
export function tableRows(journal: Journal, now: number): string[][] {
  const { begin, changedAt } = journal;
  if (begin === undefined) return [];
  const end = journal.waiting() > 0 ? now : changedAt;
  const time = (end - begin) / 1_000;
  const step = Math.max(1, Math.ceil(time / MOST_ROWS));
  const rows = Array.from({ length: Math.ceil((time + 0.001) / step) }, () => new Array<number>(8).fill(0));
  const add = (instants: readonly number[], column: number) => {
    for (const at of instants) {
      const row = rows[Math.floor((at - begin) / 1_000 / step)];
      if (row !== undefined) row[column] = (row[column] as number) + 1;
    }
  };
  for (const { plain, throttled } of journal.tabs.values()) {
    add(plain.sent, 0);
    add(plain.answered, 1);
    add(plain.refused, 2);
    add(throttled.asked, 3);
    add(throttled.sent, 5);
    add(throttled.answered, 6);
    add(throttled.refused, 7);
    let next = 0;
    let waiting = 0;
    rows.forEach((row, index) => {
      for (let entry = throttled.waiting[next]; entry && entry[0] - begin < (index + 1) * step * 1_000; ) {
        waiting = entry[1];
        entry = throttled.waiting[++next];
      }
      row[4] = (row[4] as number) + waiting;
    });
  }
  return rows.map((row, index) => [
    `${index * step} to ${(index + 1) * step}`,
    ...row.map((count) => count.toLocaleString('en')),
  ]);
}
