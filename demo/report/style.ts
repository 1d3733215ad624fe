export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
}

const plain = (text: string): string => text;
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    `\x1b[${on}m${text}\x1b[${off}m`;

export const UNSTYLED: Style = { bold: plain, dim: plain, red: plain, green: plain };
export const COLOURED: Style = { bold: sgr(1, 22), dim: sgr(2, 22), red: sgr(31, 39), green: sgr(32, 39) };

/** What a stream can show. */
export interface Terminal {
  /** Characters per line. */
  readonly columns: number;
  /** Whether a line can be drawn over. */
  readonly live: boolean;
  readonly style: Style;
}

/** Reads a stream's abilities each time: a terminal may have been resized. `NO_COLOR` is https://no-color.org. */
export function terminalOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const capable = stream.isTTY === true && env.TERM !== 'dumb';
  return {
    // A file or a pipe gets what fits a terminal of the usual width.
    columns: (stream.isTTY && stream.columns) || 80,
    live: capable,
    style: capable && !env.NO_COLOR ? COLOURED : UNSTYLED,
  };
}
