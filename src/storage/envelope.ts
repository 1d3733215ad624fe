/** A value in a storage of texts. */
export interface Envelope {
  /** Counts the writes of the item; 0 if there was none. */
  readonly number: number;
  /** The value, or the text itself if it is foreign; undefined if there is none. */
  readonly value: unknown;
  /** How many characters it takes; 0 if it is foreign. */
  readonly width: number;
}

/** The highest number that is believed: many centuries of writes. */
const highest = 2 ** 50;
const digits = 16;
const header = new RegExp(`^sluice1 (\\d{${digits}}) `);
const headerWidth = 'sluice1 '.length + digits + 1;

/** Widths are multiples of this many characters, and a text that grows gets this much extra room. */
const step = 512;
const spare = 128;
/** The most characters that one more mark of a window takes. */
const markWidth = 32;

/** Whether a number can be that of a write. */
export function isWriteNumber(number: number): boolean {
  return Number.isSafeInteger(number) && number > 0 && number < highest;
}

/** The number of the write that a text comes from; 0 if it is foreign. */
export function numberOf(text: string | null): number {
  const number = Number(header.exec(text ?? '')?.[1]);
  return isWriteNumber(number) ? number : 0;
}

/** Reads a text that was found in a storage. */
export function opened(text: string | null): Envelope {
  if (text === null) return { number: 0, value: undefined, width: 0 };
  const number = numberOf(text);
  try {
    if (number > 0) return { number, value: JSON.parse(text.slice(headerWidth)), width: text.length };
  } catch {
    // Then it was damaged.
  }
  return { number, value: text, width: 0 };
}

/**
 * Makes the text of a value, with room to grow: a full storage still lets a text be overwritten by one of the same
 * length.
 * @param width that of the text it replaces
 * @param marks how many more marks the windows of the value may get
 */
export function sealed(number: number, value: unknown, width: number, marks: number): string {
  const text = `sluice1 ${String(number).padStart(digits, '0')} ${JSON.stringify(value)}`;
  if (text.length <= width) return text.padEnd(width);
  return text.padEnd(Math.ceil((text.length + spare + marks * markWidth) / step) * step);
}
