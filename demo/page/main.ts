import type { Status } from 'sluice';
import { bucketWindowBound, mostInAnyWindow } from '../analysis.ts';
import type { ApiArrival } from '../servers/simulated-api.ts';
import { BucketPicture } from './bucket-picture.ts';
import { codeOf, highlighted } from './code.ts';
import { SetupForm } from './form.ts';
import { Journal, News } from './journal.ts';
import { type Line, openNetwork } from './network.ts';
import { instant, Player } from './player.ts';
import { showProgress } from './progress-bar.ts';
import { bucketOf, burstOf, isWindow, type Setup, setupFromHash, setupToHash } from './setup.ts';
import { tableRows } from './table.ts';
import { openChannel, tabNumber, tabsGone } from './tabs.ts';
import { startTheme } from './theme.ts';
import { type Bin, type QuotaView, Timeline } from './timeline.ts';

/** The text of progress-bar.ts, which the build puts in. */
declare const PROGRESS_BAR: string;

const byId = <T extends Element = HTMLElement>(id: string): T => document.getElementById(id) as unknown as T;
const whole = (count: number): string => count.toLocaleString('en');
const seconds = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000} s` : `${whole(ms)} ms`);
const setText = (element: Element, text: string) => {
  if (element.textContent !== text) element.textContent = text;
};

const lines = ['plain', 'throttled'] as const;
const isCalm = matchMedia('(prefers-reduced-motion: reduce)');
const journal = new Journal();
const news = new News();
const channel = openChannel();

let setup = setupFromHash(location.hash);
const form = new SetupForm(byId<HTMLFormElement>('setup'), (changed) => change(changed, true));
form.show(setup);

const network = await openNetwork();
const tab = await tabNumber(channel);

// What the server has counted.

let logOf = '';
let logs: Record<Line, ApiArrival[]> = { plain: [], throttled: [] };
let accepted: Record<Line, number[]> = { plain: [], throttled: [] };
let mostCounted: Record<Line, number> = { plain: 0, throttled: 0 };

const mostAllowed = (): number =>
  isWindow(setup) ? setup.limit : bucketWindowBound({ ...setup, burst: burstOf(setup) }, setup.interval);

function quotaView(line: Line): QuotaView {
  const { interval, limit, algorithm } = setup;
  return {
    interval,
    limit,
    isFixed: algorithm === 'fixed-window',
    accepted: accepted[line],
    most: mostAllowed(),
    isLive: line === 'throttled',
  };
}

async function readLog(line: Line): Promise<void> {
  const now = setup;
  const name = network.base('throttled', now, 0);
  if (name !== logOf) {
    logOf = name;
    logs = { plain: [], throttled: [] };
  }
  // A window may have begun before the timeline.
  const begin = (journal.begin ?? instant()) - now.interval;
  const arrivals = await network.log(line, now, logs[line].at(-1)?.at ?? begin);
  if (name !== logOf) return;
  // Two answers may have crossed.
  const last = logs[line].at(-1)?.at ?? 0;
  for (const arrival of arrivals) if (arrival.at > last) logs[line].push(arrival);
  const counted = logs[line].filter(({ outcome }) => outcome !== 'refused').map(({ at }) => ({ at, accepted: true }));
  accepted = { ...accepted, [line]: counted.map(({ at }) => at) };
  mostCounted = { ...mostCounted, [line]: mostInAnyWindow(counted, now.interval) };
}

// What is seen.

const readout = byId('readout');
const timelines = lines.map(
  (line) =>
    new Timeline(byId(`${line}-plot`), {
      line,
      journal,
      quota: () => quotaView(line),
      pointed: (bin) => point(line, bin),
    }),
);
const bucket = new BucketPicture(byId<SVGSVGElement>('bucket'));
startTheme(byId<HTMLButtonElement>('theme'), () => {
  for (const timeline of timelines) timeline.recolour();
});

/** What the timelines do not say themselves. */
function legend(): string {
  const isFixed = setup.algorithm === 'fixed-window';
  const shaded = isFixed ? "every other window of the server's" : `the latest ${seconds(setup.interval)}`;
  return `Shaded: ${shaded}. Bars that are cut off have a number.`;
}

function point(line: Line, bin: Bin | undefined): void {
  const counts = Object.entries(bin?.counts ?? {}).map(([step, count]) => `${whole(count)} ${step}`);
  const who = line === 'plain' ? 'without' : 'with';
  const text = bin && `${bin.from} to ${bin.to} s, ${who} sluice: ${counts.join(', ') || 'nothing'}`;
  setText(readout, text ?? legend());
}

let latest: { readonly status: Status; readonly at: number } | undefined;
const isBusy = () => journal.waiting() > 0 || lines.some((line) => journal.open(line) > 0);

/** How full the bucket is by now: 0 to 1. */
function levelAt(now: number): number {
  const [limit] = latest?.status.limits ?? [];
  if (latest === undefined || limit === undefined) return 0;
  const { holds, emission } = bucketOf(setup);
  const left = limit.resetAfter - (now - latest.at);
  return Math.min(1, Math.max(0, left / (holds * emission)));
}

function showBucket(now: number): void {
  const waiting = journal.of(tab).throttled.waiting.at(-1)?.[1] ?? 0;
  const level = levelAt(now);
  const { holds, emission } = bucketOf(setup);
  const isPaused = (latest?.status.pausedUntil ?? 0) > now;
  bucket.show({ level, waiting, leaksEvery: level > 0.02 || waiting > 0 ? emission : undefined, isPaused });
  setText(byId('fact-waiting'), whole(waiting));
  setText(byId('fact-level'), level === 0 ? 'empty' : `${Math.round(level * holds)} of ${whole(holds)}`);
  setText(
    byId('fact-pace'),
    isPaused ? 'paused' : `one per ${emission < 10 ? emission.toFixed(1) : Math.round(emission)} ms`,
  );
  setText(byId('fact-margin'), latest === undefined ? '–' : `${Math.round(latest.status.margin)} ms`);
}

function showCounts(): void {
  for (const line of lines) {
    for (const cell of byId(`${line}-rows`).querySelectorAll<HTMLElement>('[data-count]')) {
      const step = cell.dataset.count as 'asked' | 'waiting';
      setText(cell, whole(step === 'waiting' ? journal.waiting() : journal.count(line, step)));
    }
    setText(byId(`${line}-verdict`), verdictOf(line));
  }
  const tabs = [...new Set([tab, ...journal.tabs.keys()])].sort((a, b) => a - b);
  const list = byId('tab-list');
  while (list.children.length > tabs.length) list.lastElementChild?.remove();
  tabs.forEach((number, index) => {
    let item = list.children[index];
    if (item === undefined) {
      item = document.createElement('li');
      item.append(document.createElement('span'), document.createElement('span'));
      (item.firstElementChild as HTMLElement).className = 'swatch';
      list.append(item);
    }
    (item.firstElementChild as HTMLElement).style.background = `var(--tab-${((number - 1) % 6) + 1})`;
    const { throttled } = journal.of(number);
    const counts = `${whole(throttled.sent.length)} sent, ${whole(throttled.waiting.at(-1)?.[1] ?? 0)} waiting`;
    setText(item.lastElementChild as Element, `Tab ${number}${number === tab ? ', this one' : ''}: ${counts}`);
  });
}

function verdictOf(line: Line): string {
  if (journal.count(line, 'asked') === 0) return 'Nothing sent yet';
  const refused = journal.count(line, 'refused');
  const failed = journal.count(line, 'failed');
  const foreign = logs[line].filter(({ from, outcome }) => from === 'other' && outcome === 'accepted').length;
  return [
    `${whole(refused)} refused`,
    ...(failed > 0 ? [`${whole(failed)} failed`] : []),
    ...(foreign > 0 ? [`${whole(foreign)} taken by another client`] : []),
    `most in any ${seconds(setup.interval)}: ${whole(mostCounted[line])} of ${whole(mostAllowed())}`,
  ].join(' · ');
}

function showTable(): void {
  if (!byId<HTMLDetailsElement>('table-details').open) return;
  byId('table').replaceChildren(
    ...tableRows(journal, instant()).map((cells) => {
      const row = document.createElement('tr');
      row.append(
        ...cells.map((text) => {
          const cell = document.createElement('td');
          cell.textContent = text;
          return cell;
        }),
      );
      return row;
    }),
  );
}
byId('table-details').addEventListener('toggle', showTable);

/** What is said aloud: when something begins or ends, and now and then in between. */
let saidAt = 0;
let wasBusy = false;
function speak(now: number): void {
  const busy = isBusy();
  if (busy === wasBusy && (!busy || now - saidAt < 8_000)) return;
  wasBusy = busy;
  saidAt = now;
  const count = (line: Line, step: 'answered' | 'refused') => whole(journal.count(line, step));
  const answered = `With sluice ${count('throttled', 'answered')} answered, ${count('throttled', 'refused')} refused`;
  const waits = busy ? `, ${whole(journal.waiting())} waiting` : '';
  const plain = setup.plain
    ? ` Without ${count('plain', 'answered')} answered, ${count('plain', 'refused')} refused.`
    : '';
  setText(byId('live'), `${answered}${waits}.${plain}`);
}

// One loop draws, while there is something to see.

let isDrawing = false;
function wake(): void {
  if (isDrawing) return;
  isDrawing = true;
  let drawnAt = 0;
  let countedAt = 0;
  let tabledAt = 0;
  const draw = (): void => {
    const now = instant();
    const busy = isBusy();
    if (now - drawnAt >= (isCalm.matches ? 250 : 30)) {
      drawnAt = now;
      for (const timeline of timelines) timeline.draw(busy ? now : journal.changedAt);
      showBucket(now);
    }
    if (now - countedAt >= 100) {
      countedAt = now;
      showCounts();
      speak(now);
    }
    if (now - tabledAt >= 1_000) {
      tabledAt = now;
      showTable();
    }
    isDrawing = busy || levelAt(now) > 0 || now - journal.changedAt < 1_500;
    if (isDrawing) requestAnimationFrame(draw);
    else {
      showBucket(now);
      showCounts();
      showTable();
      speak(now);
    }
  };
  requestAnimationFrame(draw);
}

// What is done.

const progressWords = byId('progress-words');
let stopProgress = (): void => {};
const player = new Player(setup, {
  network,
  journal,
  tab,
  onStatus: (status) => {
    latest = { status, at: instant() };
    wake();
  },
  onThrottle: (throttle, key) => {
    stopProgress();
    const bar = byId<HTMLProgressElement>('progress');
    bar.value = 0;
    setText(progressWords, 'Nothing to do yet');
    stopProgress = showProgress(throttle, key, bar, progressWords);
  },
});

let code = '';
function change(changed: Setup, isOurs: boolean): void {
  setup = changed;
  code = codeOf(setup);
  byId('code').replaceChildren(highlighted(code));
  history.replaceState(null, '', `${location.pathname}${location.search}${setupToHash(setup)}`);
  byId<HTMLAnchorElement>('another').href = location.href;
  setText(readout, legend());
  if (isOurs) channel.tell({ what: 'setup', setup });
  void player.configure(setup);
  wake();
}
change(setup, false);
byId('piece').append(highlighted(PROGRESS_BAR));

function clear(): void {
  journal.clear();
  news.forget();
  logs = { plain: [], throttled: [] };
  accepted = { plain: [], throttled: [] };
  mostCounted = { plain: 0, throttled: 0 };
  showCounts();
  wake();
}

async function send(count: number): Promise<void> {
  // What was over before is another story.
  if (!isBusy() && journal.begin !== undefined && instant() - journal.changedAt > 3_000) {
    clear();
    channel.tell({ what: 'clear' });
  }
  const sent = player.send(count);
  wake();
  await sent;
}

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-send]'))
  button.addEventListener('click', () => void send(Number(button.dataset.send)));
byId('abort').addEventListener('click', () => void player.abortAll());
byId('pause').addEventListener('click', () => void player.pause(5_000));
byId('clear').addEventListener('click', () => {
  clear();
  channel.tell({ what: 'clear' });
});
byId('reload').addEventListener('click', () => location.reload());
addEventListener('hashchange', () => {
  const linked = setupFromHash(location.hash);
  form.show(linked);
  change(linked, true);
});

async function copy(button: HTMLElement, text: string): Promise<void> {
  const label = button.textContent;
  try {
    // A page that is not served safely has no clipboard.
    await navigator.clipboard.writeText(text);
    setText(button, 'Copied');
  } catch {
    setText(button, 'Not allowed');
  }
  setTimeout(() => setText(button, label ?? ''), 1_500);
}
byId('copy-link').addEventListener('click', (event) => void copy(event.currentTarget as HTMLElement, location.href));
for (const button of document.querySelectorAll<HTMLElement>('[data-copy]'))
  button.addEventListener('click', () => void copy(button, button.dataset.copy === 'code' ? code : PROGRESS_BAR));

// What the tabs tell each other.

function tellNews(): void {
  const entries = news.take(journal.of(tab));
  if (entries !== undefined) channel.tell({ what: 'news', tab, entries });
}
const tellAll = () => {
  news.take(journal.of(tab));
  channel.tell({ what: 'all', tab, entries: journal.of(tab) });
};
setInterval(tellNews, 200);
setInterval(async () => {
  const busy = [...journal.tabs.keys()].filter((number) => number !== tab && journal.isOpen(number));
  if (busy.length === 0) return;
  for (const gone of await tabsGone(busy)) journal.tabLeft(gone, instant());
  wake();
}, 2_000);
setInterval(() => {
  if (!isBusy() && instant() - journal.changedAt > 2_000) return;
  for (const line of lines) if (line === 'throttled' || setup.plain) readLog(line).catch(() => {});
}, 400);
channel.hear((message) => {
  if (message.what === 'hello') {
    if (!message.hasSetup) channel.tell({ what: 'setup', setup });
    tellAll();
  } else if (message.what === 'news' || message.what === 'all') {
    if (message.what === 'all') journal.tabs.delete(message.tab);
    journal.add(message.tab, message.entries);
  } else if (message.what === 'who') {
    channel.tell({ what: 'here', tab });
  } else if (message.what === 'bye') {
    journal.tabLeft(message.tab, instant());
  } else if (message.what === 'setup') {
    form.show(message.setup);
    change(message.setup, false);
  } else if (message.what === 'clear') clear();
  wake();
});
channel.tell({ what: 'hello', tab, hasSetup: location.hash !== '' });
// A link sets up all tabs.
if (location.hash !== '') channel.tell({ what: 'setup', setup });
addEventListener('pagehide', () => {
  tellNews();
  channel.tell({ what: 'bye', tab });
});
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) tellAll();
});

const places = {
  worker: 'It runs in a service worker, for all your tabs.',
  page: 'This window has no service worker, so it runs in this tab alone.',
  local: 'It runs in a process on this machine.',
};
setText(byId('where'), places[network.kind]);
for (const button of document.querySelectorAll<HTMLButtonElement>('.actions button')) button.disabled = false;
document.documentElement.dataset.ready = 'true';
