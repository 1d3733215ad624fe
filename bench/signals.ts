import { readServerSignal } from 'sluice';
import { anyAnswer, randomNumbers } from '../test/adapters/random-answers.ts';
import { median } from './side-by-side.ts';

// What reading one answer costs, header by header as `fetch` hands them over: real ones, random ones and hostile ones.

const now = Date.UTC(2026, 0, 1);
const answers = 20_000;

const github = {
  'content-type': 'application/json; charset=utf-8',
  date: 'Thu, 01 Jan 2026 00:00:00 GMT',
  etag: 'W/"644b5b0155e6404a9cc4bd9d8b1ae730"',
  'x-ratelimit-limit': '5000',
  'x-ratelimit-remaining': '4987',
  'x-ratelimit-reset': '1767227400',
  'x-ratelimit-resource': 'core',
  'x-ratelimit-used': '13',
};

/** What an answer costs in microseconds, each timed alone. */
function time(make: (run: number) => Parameters<typeof readServerSignal>[0]): number[] {
  const times: number[] = [];
  for (let run = 0; run < answers; run++) {
    const answer = make(run);
    const start = performance.now();
    readServerSignal(answer);
    times.push((performance.now() - start) * 1_000);
  }
  return times.sort((a, b) => a - b);
}

export async function signals(): Promise<void> {
  const random = randomNumbers(1);
  const hostile = ['"a', '\\"', '1,', ';', ' ', '"x";r=0,', '1h', '(', 'Mon, ', '100;w=1,'];
  const rows: Record<string, (run: number) => Parameters<typeof readServerSignal>[0]> = {
    'GitHub, Headers': () => ({ status: 200, headers: new Headers(github), now }),
    'GitHub, object': () => ({ status: 200, headers: github, now }),
    'nothing about quotas': () => ({ status: 200, headers: { 'content-type': 'text/html' }, now }),
    random: () => anyAnswer(random, now),
    hostile: (run) => {
      const text = (hostile[run % hostile.length] as string).repeat(1_024).slice(0, 1_024);
      const headers = ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'X-RateLimit-Limit', 'X-RateLimit-Reset'];
      return { status: 429, headers: Object.fromEntries(headers.map((name) => [name, text])), now };
    },
  };
  console.log(`signals: ${answers.toLocaleString('en')} answers each; microseconds an answer`);
  for (const [name, make] of Object.entries(rows)) {
    time(make);
    const times = time(make);
    const at = (part: number) => (times[Math.floor(times.length * part)] ?? Number.NaN).toFixed(1);
    console.log(`  ${name.padEnd(22)} median ${median(times).toFixed(1).padStart(6)}   99 % ${at(0.99).padStart(7)}`);
  }
}
