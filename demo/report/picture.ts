const BLOCKS = ' ▁▂▃▄▅▆▇█';

/**
 * Draws calls per time slice. Half a block is the steady rate and a full one twice that or more, so that a throttled
 * client is a level band and one that floods is a spike; a slice with a call in it is never blank.
 *
 * @param steady calls per slice at the server's steady rate.
 */
export function picture(calls: readonly number[], steady: number): string {
  return calls
    .map((value) => {
      const height = Math.round((value / steady) * 4);
      return BLOCKS[value === 0 ? 0 : Math.min(8, Math.max(1, height))];
    })
    .join('')
    .trimEnd();
}

/** The line under a picture: where it begins and ends. */
export function axis(width: number, end: string): string {
  return `0${end.padStart(width - 1)}`;
}
