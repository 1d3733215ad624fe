// Plots as SVG, one row of a bar or dot for each contender: readable on light and on dark pages, and without any script.

export interface Mark {
  readonly name: string;
  /** Undefined if there is none; `label` says why. */
  readonly value?: number | undefined;
  /** What stands beside it. */
  readonly label: string;
  readonly isOurs: boolean;
}

export interface Plot {
  readonly title: string;
  /** What the axis counts, with its unit. */
  readonly axis: string;
  /** `log`: dots on a logarithmic axis, for values that differ by orders of magnitude; `linear`: bars from 0. */
  readonly scale: 'log' | 'linear';
  readonly marks: readonly Mark[];
}

const width = 860;
const left = 250;
const right = 150;
const rowHeight = 22;
const top = 48;

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

const style = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .axis, .failed { fill: #57606a; font-size: 12px; }
  .ours { font-weight: 600; }
  .grid { stroke: #d0d7de; }
  .mark { fill: #8c959f; }
  .mark.ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .axis, .failed { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .mark { fill: #656c76; }
    .mark.ours { fill: #4493f8; }
  }`;

/** Instants on an axis that people count in: 1, 2 and 5 times a power of ten; powers alone where it is logarithmic. */
export function ticksOf(least: number, most: number, scale: Plot['scale']): number[] {
  if (scale === 'log') {
    const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
    return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  }
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) =>
    Number((index * step).toPrecision(12)),
  );
}

export function svgOf({ title, axis, scale, marks }: Plot): string {
  const values = marks.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const ticks = ticksOf(Math.min(...values), Math.max(...values, Number.MIN_VALUE), scale);
  const [first = 0, last = 1] = [ticks[0], ticks.at(-1)];
  const place = (value: number) => {
    const part =
      scale === 'log'
        ? Math.log10(value / first) / Math.max(1, Math.log10(last / first))
        : (value - first) / (last - first);
    return Math.round(10 * (left + part * (width - left - right))) / 10;
  };
  const bottom = top + marks.length * rowHeight;
  const height = bottom + 46;
  const grid = ticks.map(
    (tick) => `<line class="grid" x1="${place(tick)}" x2="${place(tick)}" y1="${top - 6}" y2="${bottom}"/>
  <text class="axis" x="${place(tick)}" y="${bottom + 16}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
  );
  const rows = marks.map(({ name, value, label, isOurs }, index) => {
    const y = top + index * rowHeight;
    const ours = isOurs ? ' ours' : '';
    const text = (x: number, anchor: string, words: string, more = '') =>
      `<text class="${`${more}${ours}`.trim()}" x="${x}" y="${y + 12}" text-anchor="${anchor}">${escaped(words)}</text>`;
    const parts = [text(left - 10, 'end', name)];
    if (value === undefined) return [...parts, text(left + 6, 'start', label, 'failed')].join('\n  ');
    const x = place(value);
    parts.push(
      scale === 'log'
        ? `<circle class="mark${ours}" cx="${x}" cy="${y + 8}" r="5"/>`
        : `<rect class="mark${ours}" x="${left}" y="${y + 1}" width="${Math.max(1, x - left)}" height="14"/>`,
      text(x + 9, 'start', label),
    );
    return parts.join('\n  ');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
  <style>${style}
  </style>
  <text class="title" x="${left}" y="22">${escaped(title)}</text>
  ${grid.join('\n  ')}
  ${rows.join('\n  ')}
  <text class="axis" x="${left}" y="${bottom + 36}">${escaped(axis)}</text>
</svg>
`;
}
