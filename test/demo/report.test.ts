import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allowedCalls, mostInAnyWindow, timeTaken } from '../../demo/analysis.ts';
import type { Run } from '../../demo/demo.ts';
import { jsonReport } from '../../demo/report/json.ts';
import { picture } from '../../demo/report/picture.ts';
import { progressLine, showProgress } from '../../demo/report/progress.ts';
import { introduction, report } from '../../demo/report/report.ts';
import { COLOURED, type Terminal, terminalOf, UNSTYLED } from '../../demo/report/style.ts';
import { timelineSvg } from '../../demo/report/svg.ts';
import { wrap } from '../../demo/report/words.ts';
import { SCENARIOS } from '../../demo/scenarios.ts';

const WIDTHS = [20, 40, 60, 75, 76, 80, 100, 109, 110, 120, 200];

const plainTerminal = (columns: number): Terminal => ({ columns, live: false, style: UNSTYLED });

/** Two runs per scenario, as they go when all is well. */
function runs(): Run[] {
  return SCENARIOS.flatMap(({ server, client }) =>
    (['plain', 'sluice'] as const).map((name) => {
      const spacing = name === 'plain' ? 0.5 : server.interval / server.limit;
      const accepted = name === 'plain' ? server.burst : 300;
      const log = Array.from({ length: 300 }, (_, index) => ({
        at: index * spacing,
        accepted: index < accepted,
        port: 1,
        client: undefined,
      }));
      const time = timeTaken(log);
      const allowed = allowedCalls({ ...server, burst: name === 'plain' ? server.burst : client.burst }, time);
      return {
        server,
        client: name,
        settings: name === 'plain' ? undefined : client,
        calls: 300,
        answered: accepted,
        failed: 0,
        failure: undefined,
        arrivals: 300,
        refused: 300 - accepted,
        time,
        allowed,
        share: Math.max(0.96, accepted / allowed),
        mostInAnyWindow: mostInAnyWindow(log, server.interval),
        mostAllowed: 60,
        log,
      };
    }),
  );
}

describe('report', () => {
  it.each(WIDTHS)('fits %i columns', (columns) => {
    const text = introduction(SCENARIOS, 300, plainTerminal(columns)) + report(runs(), plainTerminal(columns));
    // A limit as it is written in code is the one thing that has no place to break before this width.
    const unbreakable = 46;
    for (const line of text.split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(Math.max(columns, unbreakable));
    }
  });

  it.each(WIDTHS)('says the same in %i columns with colours as without', (columns) => {
    const colourful = report(runs(), { columns, live: true, style: COLOURED });
    expect(colourful).toContain('\x1b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
    expect(colourful.replace(/\x1b\[\d+m/g, '')).toBe(report(runs(), plainTerminal(columns)));
  });

  it('shows refused calls apart from answered ones', () => {
    const lines = report(runs(), plainTerminal(120)).split('\n');
    const first = lines.findIndex((line) => line.includes('fixed window'));
    expect(lines[first]).toMatch(/fixed window +plain +300 +240 +150 ms +\d+\.\d% +60 of 60 in 3 s {2}█$/);
    expect(lines[first + 1]).toMatch(/60 per 3 s +refused {2}█$/);
    expect(lines[first + 2]).toMatch(/^ +sluice +300 +0 +14\.9 s +\d+\.\d% +60 of 60 in 3 s {2}▄{30,}$/);
    expect(lines[first + 3]).toBe('');
  });

  it('says what was seen, and what went wrong', () => {
    expect(report(runs(), plainTerminal(120))).toMatch(
      /Plain fetch: 1,065 of 1,200 calls refused\.\nThrough sluice: none refused, 1,200 of 1,200 answered in 14\.9 s, .*\n$/,
    );
    const broken = runs().map((run) => (run.client === 'sluice' ? { ...run, refused: 3, answered: 299 } : run));
    const text = report(broken, plainTerminal(200));
    expect(text).toContain('Through sluice: 12 refused, 1,196 of 1,200 answered');
    expect(text).toContain('✗ token bucket: 3 refused\n✗ token bucket: 1 of 300 calls not answered');
  });

  it('explains why a plain client gets more than the limit into a window', () => {
    const text = (most: number) =>
      report(
        runs().map((run) => ({ ...run, mostInAnyWindow: most })),
        plainTerminal(120),
      );
    expect(text(60)).not.toContain('edge of two');
    expect(text(61)).toContain('edge of two');
  });

  it('handles clients without an accepted call', () => {
    const nothing = runs().map((run) => ({ ...run, answered: 0, refused: 0, arrivals: 0, time: 0, log: [] }));
    for (const columns of WIDTHS) expect(report(nothing, plainTerminal(columns))).toMatch(/0 of\s+1,200\s+answered/);
    expect(JSON.parse(jsonReport(nothing)).passed).toBe(false);
  });
});

describe('jsonReport', () => {
  it('is one document with everything that the table shows', () => {
    const document = JSON.parse(jsonReport(runs()));
    expect(document.passed).toBe(true);
    expect(document.runs).toHaveLength(8);
    const { timeline, ...run } = document.runs[1];
    expect(run).toMatchObject({ client: 'sluice', calls: 300, refused: 0, answered: 300, shortcomings: [] });
    expect(run).not.toHaveProperty('log');
    expect(timeline.answered.reduce((sum: number, calls: number) => sum + calls, 0)).toBe(300);
  });
});

describe('picture', () => {
  it('draws the steady rate at half height, twice of it and more at full', () => {
    expect(picture([10, 20, 30, 5, 10], 10)).toBe('▄██▂▄');
  });

  it('never shows a slice with a call as blank', () => {
    expect(picture([0, 1, 0, 1000, 0], 1000)).toBe(' ▁ ▄');
  });
});

describe('progressLine', () => {
  const state = { client: 'sluice', calls: 1200, settled: 612, refused: 0, elapsed: 7840 } as const;

  it('has a bar where there is room', () => {
    expect(progressLine(state, plainTerminal(120))).toBe(
      `sluice  ${'━'.repeat(20)}${'─'.repeat(20)}  612 of 1,200 calls, 7.8 s`,
    );
  });

  it.each(WIDTHS)('leaves the last of %i columns free', (columns) => {
    expect(progressLine({ ...state, refused: 100 }, plainTerminal(columns)).length).toBeLessThan(columns);
  });
});

describe('showProgress', () => {
  const watch = (terminal: Terminal): string => {
    let written = '';
    let now = 0;
    const progress = showProgress(
      (text) => {
        written += text;
      },
      () => terminal,
      () => now,
    );
    progress.started?.('plain', 300);
    progress.settled?.('plain', 'refused');
    now = 1000;
    progress.finished?.(runs()[0] as Run);
    progress.stop();
    progress.stop();
    return written;
  };

  it('writes plain lines where the terminal cannot redraw', () => {
    expect(watch(plainTerminal(80))).toBe('plain  fixed window: 300 calls, 240 refused, 150 ms\n');
  });

  it('removes its line where it can', () => {
    expect(watch({ columns: 80, live: true, style: COLOURED })).toBe('\r\x1b[K');
  });
});

describe('terminalOf', () => {
  const tty = { isTTY: true, columns: 132 } as NodeJS.WriteStream;

  it.each([
    ['a terminal', tty, {}, { columns: 132, live: true, style: COLOURED }],
    ['a terminal under NO_COLOR', tty, { NO_COLOR: '1' }, { columns: 132, live: true, style: UNSTYLED }],
    ['a terminal under an empty NO_COLOR', tty, { NO_COLOR: '' }, { columns: 132, live: true, style: COLOURED }],
    ['a dumb terminal', tty, { TERM: 'dumb' }, { columns: 132, live: false, style: UNSTYLED }],
    ['a pipe', {} as NodeJS.WriteStream, {}, { columns: 80, live: false, style: UNSTYLED }],
  ])('knows %s', (_, stream, env, expected) => {
    expect(terminalOf(stream, env)).toEqual(expected);
  });
});

describe('wrap', () => {
  it('breaks at spaces and indents', () => {
    expect(wrap('one two three four', 9, '  ', '    ')).toEqual(['  one two', '    three', '    four']);
  });

  it('leaves a word that is too long in one piece', () => {
    expect(wrap('a incomprehensibilities b', 5)).toEqual(['a', 'incomprehensibilities', 'b']);
  });
});

describe('timelineSvg', () => {
  const svg = timelineSvg(runs());

  it('draws two charts for each server and names their results', () => {
    expect(svg.match(/>fetch</g)).toHaveLength(SCENARIOS.length);
    expect(svg.match(/>sluice</g)).toHaveLength(SCENARIOS.length);
    expect(svg).toContain('>240 of 300 refused<');
    expect(svg).toMatch(/>none refused, 9\d\.\d% used</);
  });

  it('is small, and has colors for dark and light', () => {
    expect(svg.length).toBeLessThan(60_000);
    expect(svg).toContain('prefers-color-scheme: dark');
  });

  it('is what the README shows', () => {
    const shown = readFileSync(new URL('../../docs/images/timeline.svg', import.meta.url), 'utf8');
    const frame = (text: string) => text.replace(/ d="[^"]*"|>[^<]*</g, '');
    expect(frame(shown)).toBe(frame(svg));
    expect(shown.match(/none refused/g)).toHaveLength(SCENARIOS.length);
  });
});
