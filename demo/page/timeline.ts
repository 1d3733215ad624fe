import uPlot from 'uplot';
import type { Entries, Journal, Step } from './journal.ts';
import type { Line } from './network.ts';

/** One row of a timeline, drawn from the top down. */
interface Row {
  readonly step: Step | 'waiting';
  /** CSS pixels. */
  readonly height: number;
}

const rowsOf: Readonly<Record<Line, readonly Row[]>> = {
  plain: [
    { step: 'sent', height: 34 },
    { step: 'answered', height: 34 },
    { step: 'refused', height: 34 },
  ],
  throttled: [
    { step: 'asked', height: 34 },
    { step: 'waiting', height: 64 },
    { step: 'sent', height: 34 },
    { step: 'answered', height: 34 },
    { step: 'refused', height: 34 },
  ],
};

/** Room above a row, for the count of a bar that is cut off. */
const GAP = 12;
const AXIS = 26;
/** Room at the top for what the windows hold. */
const HEAD = 16;
/** Seconds that a timeline can show. */
const SPANS = [6, 12, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1_200, 3_600];
/** ms that a bar can stand for. */
const BINS = [50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

/** The quota, to be drawn in. */
export interface QuotaView {
  /** ms. */
  readonly interval: number;
  /** Calls per `interval`. */
  readonly limit: number;
  /** Whether the server's windows begin at multiples of `interval`; otherwise one is wherever one looks. */
  readonly isFixed: boolean;
  /** Whether the latest window is of interest, or the fullest one. */
  readonly isLive: boolean;
  /** When calls were accepted, as the server counted them. */
  readonly accepted: readonly number[];
  /** The most that may be accepted in any `interval`. */
  readonly most: number;
}

export interface Bin {
  /** Seconds from the beginning. */
  readonly from: number;
  readonly to: number;
  readonly counts: Readonly<Partial<Record<Step | 'waiting', number>>>;
}

export interface TimelineOptions {
  readonly line: Line;
  readonly journal: Journal;
  readonly quota: () => QuotaView;
  /** Told what is under the cursor; undefined where there is none. */
  readonly pointed: (bin: Bin | undefined) => void;
}

type Colours = Readonly<Record<string, string>>;

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const names = ['ink', 'soft', 'line', 'paper', 'band', 'asked', 'waiting', 'answered', 'refused', 'failed', 'tab-1'];
  const tabs = [1, 2, 3, 4, 5, 6].map((tab) => `tab-${tab}`);
  return Object.fromEntries([...names, ...tabs].map((name) => [name, read(name)]));
}

/** Draws one line's calls over time, with uPlot. */
export class Timeline {
  readonly #options: TimelineOptions;
  readonly #plot: uPlot;
  readonly #host: HTMLElement;
  #colours: Colours;
  #span = SPANS[0] as number;
  #now = 0;

  constructor(host: HTMLElement, options: TimelineOptions) {
    this.#host = host;
    this.#options = options;
    this.#colours = coloursOf(host);
    const rows = rowsOf[options.line];
    const height = rows.reduce((sum, row) => sum + row.height + GAP, HEAD) + AXIS;
    const axis = {
      stroke: () => this.#colours.soft as string,
      grid: { show: false },
      ticks: { stroke: () => this.#colours.line as string, size: 4, width: 1 },
      font: '12px system-ui, sans-serif',
      size: AXIS,
      gap: 3,
      values: (_: uPlot, ticks: number[]) => ticks.map((tick) => `${tick} s`),
    };
    this.#plot = new uPlot(
      {
        width: Math.max(200, host.clientWidth),
        height,
        legend: { show: false },
        padding: [0, 14, 0, 14],
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: 'sluice' } },
        scales: { x: { time: false, range: () => [0, this.#span] }, y: { range: [0, 1] } },
        axes: [axis, { show: false }],
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: {
          draw: [() => this.#draw(rows)],
          setCursor: [
            ({ cursor }) => {
              if (cursor.event == null && cursor.left !== -10) return;
              options.pointed(cursor.left == null || cursor.left < 0 ? undefined : this.#binAt(cursor.left));
            },
          ],
        },
      },
      [
        [0, 3_600],
        [0, 0],
      ],
      host,
    );
    new ResizeObserver(() => {
      const width = Math.max(200, host.clientWidth);
      if (width !== this.#plot.width) this.#plot.setSize({ width, height });
    }).observe(host);
  }

  /** Draws what has changed. */
  draw(now: number): void {
    this.#now = now;
    const { journal } = this.#options;
    const end = journal.begin === undefined ? 0 : (now - journal.begin) / 1_000;
    const span = SPANS.find((each) => each >= end * 1.02) ?? end;
    if (span !== this.#span) {
      this.#span = span;
      this.#plot.setScale('x', { min: 0, max: span });
    } else this.#plot.redraw(false, false);
  }

  /** Draws with the colours of the theme that is on. */
  recolour(): void {
    this.#colours = coloursOf(this.#host);
    this.#plot.redraw(false, true);
  }

  get #bin(): number {
    const width = this.#plot.bbox.width / devicePixelRatio || 1;
    const least = (this.#span * 1_000 * 6) / width;
    return BINS.find((bin) => bin >= least) ?? least;
  }

  #binAt(left: number): Bin | undefined {
    const { journal, line } = this.#options;
    const { begin } = journal;
    if (begin === undefined) return undefined;
    const bin = this.#bin;
    const from = Math.floor((this.#plot.posToVal(left, 'x') * 1_000) / bin) * bin;
    const counts: Partial<Record<Step | 'waiting', number>> = {};
    for (const entries of journal.tabs.values())
      for (const step of ['asked', 'sent', 'answered', 'refused', 'failed', 'aborted'] as const)
        for (const at of entries[line][step])
          if (at - begin >= from && at - begin < from + bin) counts[step] = (counts[step] ?? 0) + 1;
    return { from: from / 1_000, to: (from + bin) / 1_000, counts };
  }

  #draw(rows: readonly Row[]): void {
    const { ctx, bbox } = this.#plot;
    const { journal, line } = this.#options;
    const pixel = devicePixelRatio;
    const bin = this.#bin;
    const bins = Math.ceil((this.#span * 1_000) / bin);
    const width = bbox.width / ((this.#span * 1_000) / bin);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left - 14 * pixel, bbox.top, bbox.width + 28 * pixel, bbox.height);
    ctx.clip();
    this.#drawWindows();
    let top = bbox.top + HEAD * pixel;
    for (const { step, height } of rows) {
      const base = Math.round(top + (height + GAP) * pixel);
      ctx.fillStyle = this.#colours.line as string;
      ctx.fillRect(bbox.left, base - 1, bbox.width, 1);
      if (journal.begin !== undefined) {
        const entries = [...journal.tabs.entries()].sort(([a], [b]) => a - b);
        if (step === 'waiting')
          this.#drawWaiting(
            entries.map(([, all]) => all[line]),
            base,
            height * pixel,
            bins,
            bin,
            width,
          );
        else {
          // A call that failed was answered too.
          const drawn: readonly Step[] = step === 'answered' ? ['answered', 'failed'] : [step];
          const bars = drawn.flatMap((each) =>
            entries.map(([tab, all]) => [this.#colourOf(each, tab), all[line][each]] as const),
          );
          this.#drawBars(bars, base, height * pixel, bins, bin, width);
        }
      }
      top = base;
    }
    ctx.restore();
  }

  /** Marks where the quota counts: every window of the server, or the latest one. */
  #drawWindows(): void {
    const { ctx, bbox } = this.#plot;
    const { journal } = this.#options;
    const { interval, isFixed, isLive, accepted, most, limit } = this.#options.quota();
    const pixel = devicePixelRatio;
    const begin = journal.begin;
    if (begin === undefined) return;
    const x = (at: number) => bbox.left + (((at - begin) / 1_000) * bbox.width) / this.#span;
    const latest = journal.changedAt;
    const windows: [number, number][] = [];
    if (isFixed) {
      const first = Math.floor(begin / interval) * interval;
      for (let from = first; from < latest && windows.length < 200; from += interval)
        windows.push([from, from + interval]);
    } else {
      const from = isLive ? latest - interval : fullest(accepted, interval);
      if (from !== undefined) windows.push([Math.max(begin, from), from + interval]);
    }
    ctx.font = `${11 * pixel}px system-ui, sans-serif`;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'top';
    windows.forEach(([from, to], index) => {
      const left = Math.max(bbox.left, x(from));
      const right = Math.min(bbox.left + bbox.width, x(to));
      if (right <= left) return;
      if (!isFixed || index % 2 === 0) {
        ctx.fillStyle = this.#colours.band as string;
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.fillStyle = this.#colours.line as string;
      if (!isFixed) {
        ctx.fillRect(left, bbox.top, pixel, bbox.height);
        ctx.fillRect(right - pixel, bbox.top, pixel, bbox.height);
      }
      const used = accepted.reduce((sum, at) => (at >= from && at < to ? sum + 1 : sum), 0);
      const text = `${used} of ${isFixed ? limit : most}`;
      if (right - left < ctx.measureText(text).width + 6 * pixel) return;
      ctx.fillStyle = this.#colours.soft as string;
      ctx.fillText(text, (left + right) / 2, bbox.top + 2 * pixel);
    });
  }

  /** What leaves a tab has its colour; what comes back has that of its outcome. */
  #colourOf(step: Step, tab: number): string {
    return this.#colours[step === 'sent' || step === 'asked' ? `tab-${((tab - 1) % 6) + 1}` : step] as string;
  }

  #drawBars(
    bars: readonly (readonly [colour: string, instants: readonly number[]])[],
    base: number,
    height: number,
    bins: number,
    bin: number,
    width: number,
  ): void {
    const { ctx, bbox } = this.#plot;
    const pixel = devicePixelRatio;
    const begin = this.#options.journal.begin as number;
    const { limit, interval } = this.#options.quota();
    // The steady pace of the quota fills a good third of a row, so that it compares between rows.
    const most = Math.max(3, ((limit * bin) / interval) * 2.5);
    const stacked = new Float64Array(bins);
    const gap = Math.min(2 * pixel, width / 3);
    for (const [colour, instants] of bars) {
      const counts = countsOf(instants, begin, bin, bins);
      ctx.fillStyle = colour;
      for (let index = 0; index < bins; index++) {
        const count = counts[index] as number;
        if (count === 0) continue;
        const below = stacked[index] as number;
        stacked[index] = below + count;
        const from = (Math.min(most, below) / most) * height;
        const to = Math.max(from + 2 * pixel, (Math.min(most, below + count) / most) * height);
        ctx.fillRect(
          bbox.left + index * width,
          base - Math.min(height, to),
          Math.max(pixel, width - gap),
          Math.min(height, to) - from,
        );
      }
    }
    // A bar that is cut off says how high it is, unless the one before is too near.
    ctx.font = `600 ${10.5 * pixel}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    let free = 0;
    for (let index = 0; index < bins; index++) {
      const count = stacked[index] as number;
      if (count <= most) continue;
      // One label for bars that stand together.
      let sum = count;
      let last = index;
      while ((stacked[last + 1] ?? 0) > most) sum += stacked[++last] as number;
      const text = sum.toLocaleString('en');
      const left = bbox.left + index * width;
      if (left < free) continue;
      ctx.fillStyle = this.#colours.soft as string;
      ctx.fillText(text, left, base - height - 2 * pixel);
      free = left + ctx.measureText(text).width + 6 * pixel;
      index = last;
    }
  }

  #drawWaiting(tabs: readonly Entries[], base: number, height: number, bins: number, bin: number, width: number): void {
    const { ctx, bbox } = this.#plot;
    const pixel = devicePixelRatio;
    const { begin = 0, changedAt } = this.#options.journal;
    const sums = new Float64Array(bins);
    const isOver = this.#options.journal.waiting() === 0;
    const end = Math.min(bins, Math.ceil(((isOver ? changedAt : this.#now) - begin) / bin));
    for (const { waiting } of tabs) {
      let next = 0;
      let count = 0;
      for (let index = 0; index < end; index++) {
        let most = count;
        for (
          let entry = waiting[next];
          entry !== undefined && entry[0] - begin < (index + 1) * bin;
          entry = waiting[++next]
        ) {
          count = entry[1];
          most = Math.max(most, count);
        }
        sums[index] = (sums[index] as number) + most;
      }
    }
    const most = sums.reduce((a, b) => Math.max(a, b), 0);
    if (most === 0) return;
    ctx.fillStyle = this.#colours.waiting as string;
    ctx.beginPath();
    ctx.moveTo(bbox.left, base);
    for (let index = 0; index < end; index++) {
      const y = base - ((sums[index] as number) / most) * height;
      ctx.lineTo(bbox.left + index * width, y);
      ctx.lineTo(bbox.left + (index + 1) * width, y);
    }
    ctx.lineTo(bbox.left + end * width, base);
    ctx.fill();
    ctx.font = `600 ${10.5 * pixel}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    ctx.fillStyle = this.#colours.soft as string;
    ctx.fillText(most.toLocaleString('en'), bbox.left + sums.indexOf(most) * width, base - height - 2 * pixel);
  }
}

/** Where the window begins that holds the most. */
function fullest(instants: readonly number[], interval: number): number | undefined {
  let most = 0;
  let from: number | undefined;
  let first = 0;
  instants.forEach((at, index) => {
    while (at - (instants[first] as number) >= interval) first++;
    if (index - first < most) return;
    most = index - first + 1;
    from = instants[first];
  });
  return from;
}

function countsOf(instants: readonly number[], begin: number, bin: number, bins: number): Float64Array {
  const counts = new Float64Array(bins);
  for (const at of instants) {
    const index = Math.floor((at - begin) / bin);
    if (index >= 0 && index < bins) counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}
