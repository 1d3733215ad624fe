import { timeline } from '../analysis.ts';
import { type Run, shortcomings } from '../demo.ts';
import { count, measured, percent, serverName, serverQuota } from './words.ts';

/** Slices of time in a chart. */
const SLICES = 110;

/** px. */
const WIDTH = 900;
const CHART = { left: 250, width: 440, height: 26 };
const ROW = 36;
const SERVER = 2 * ROW + 14;
const TOP = 48;

/** Its own ground makes it readable on any page; the colors follow the reader's choice of dark or light. */
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #24292f }
.ground { fill: #fff; stroke: #d0d7de }
.name { font-weight: 600 }
.dim { fill: #57606a; font-size: 12px }
.line { stroke: #d0d7de }
.steady { stroke: #8c959f; stroke-dasharray: 2 3 }
.answered { fill: #1a7f37 }
.refused { fill: #cf222e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ground { fill: #0d1117; stroke: #30363d }
.dim { fill: #9da7b3 }
.line { stroke: #30363d }
.steady { stroke: #6e7681 }
.answered { fill: #3fb950 }
.refused { fill: #ff7b72 }
}`;

/**
 * Draws when the calls of each run arrived, as an SVG file. In each chart the dashed line is the steady rate of the server, and a
 * bar that is more than twice as high is cut off.
 */
export function timelineSvg(runs: readonly Run[]): string {
  const span = Math.max(...runs.map((run) => run.time));
  const servers = [...new Set(runs.map(({ server }) => server))];
  const height = TOP + servers.length * SERVER + 28;
  const calls = count(runs[0]?.calls ?? 0);
  const title = `${calls} calls to each of ${servers.length} servers, with plain fetch and with sluice`;
  const parts = [
    `<rect class="ground" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(20, 28, 'name', `${calls} calls to each server`),
    `<rect class="answered" x="${CHART.left}" y="18" width="10" height="10"/>`,
    text(CHART.left + 16, 28, '', 'answered'),
    `<rect class="refused" x="${CHART.left + 90}" y="18" width="10" height="10"/>`,
    text(CHART.left + 106, 28, '', 'refused with 429'),
    `<path class="steady" d="M${CHART.left + 230} 23.5h24"/>`,
    text(CHART.left + 260, 28, '', 'rate that the server allows'),
  ];
  servers.forEach((server, index) => {
    const top = TOP + index * SERVER;
    parts.push(text(20, top + 20, 'name', serverName(server)), text(20, top + 38, 'dim', serverQuota(server)));
    runs
      .filter((run) => run.server === server)
      .forEach((run, row) => {
        parts.push(...rowOf(run, top + row * ROW, span));
      });
  });
  const bottom = TOP + servers.length * SERVER + 8;
  parts.push(text(CHART.left, bottom, 'dim', '0'));
  parts.push(text(CHART.left + CHART.width, bottom, 'dim', measured(span), 'end'));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function rowOf(run: Run, top: number, span: number): string[] {
  const { slice, answered, refused } = timeline(run.log, span, SLICES);
  const steady = (run.server.limit / run.server.interval) * slice;
  const base = top + CHART.height;
  const width = CHART.width / SLICES;
  const bars = { answered: '', refused: '' };
  for (let index = 0; index < SLICES; index++) {
    // Half the height is the steady rate; of a bar that is cut off both colors keep their parts.
    const green = answered[index] as number;
    const red = refused[index] as number;
    if (green + red === 0) continue;
    const whole = Math.max(2, Math.min(CHART.height, ((green + red) / steady / 2) * CHART.height));
    const part = (whole * green) / (green + red);
    const x = round(CHART.left + index * width);
    const bar = (bottom: number, height: number) =>
      `M${x} ${round(bottom)}v-${round(height)}h${round(width - 0.6)}v${round(height)}z`;
    if (green > 0) bars.answered += bar(base, part);
    if (red > 0) bars.refused += bar(base - part, whole - part);
  }
  const isFine = run.refused === 0 && shortcomings(run).length === 0;
  const told =
    run.refused > 0
      ? `${count(run.refused)} of ${count(run.arrivals)} refused`
      : `none refused, ${percent(run.share)} used`;
  return [
    `<path class="line" d="M${CHART.left} ${base + 0.5}h${CHART.width}"/>`,
    `<path class="steady" d="M${CHART.left} ${top + CHART.height / 2 + 0.5}h${CHART.width}"/>`,
    bars.answered && `<path class="answered" d="${bars.answered}"/>`,
    bars.refused && `<path class="refused" d="${bars.refused}"/>`,
    text(CHART.left - 12, base - 5, '', run.client === 'plain' ? 'fetch' : 'sluice', 'end'),
    text(CHART.left + CHART.width + 14, base - 5, isFine ? 'answered' : run.refused > 0 ? 'refused' : '', told),
  ].filter((part) => part !== '');
}

function text(x: number, y: number, kind: string, content: string, anchor?: 'end'): string {
  const attributes = `${kind && ` class="${kind}"`}${anchor ? ` text-anchor="${anchor}"` : ''}`;
  return `<text x="${x}" y="${y}"${attributes}>${escaped(content)}</text>`;
}

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const round = (value: number): number => Math.round(value * 10) / 10;
