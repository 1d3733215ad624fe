import type { Answered } from './answer.ts';
import { isJson, longestBody, parsedStream } from './json-body.ts';

/** Whether an answer may have a body to look into. */
export function mayBeRead({ headers }: Answered): boolean {
  return isJson(textOf(headers, 'content-type')) && Number(textOf(headers, 'content-length')) <= longestBody;
}

/** Encodings that the platform has under another name; it may lack `brotli`. */
const formats: Readonly<Record<string, string>> = { br: 'brotli', 'x-gzip': 'gzip' };

/**
 * Parses a body as it came over the wire; undefined if it is not JSON, too long, or in an encoding that the platform
 * cannot read.
 */
export async function readChunks({ headers }: Answered, chunks: readonly Uint8Array[]): Promise<unknown> {
  const encoding = textOf(headers, 'content-encoding').toLowerCase();
  try {
    const stream = new Blob(chunks as Uint8Array<ArrayBuffer>[]).stream();
    if (encoding === '' || encoding === 'identity') return await parsedStream(stream);
    const format = (formats[encoding] ?? encoding) as CompressionFormat;
    return await parsedStream(stream.pipeThrough(new DecompressionStream(format)));
  } catch {
    return undefined;
  }
}

/** Reads a field as undici gives it, in pairs or in a record with lower-case names; '' if it is not there. */
function textOf(headers: Answered['headers'], name: string): string {
  const pairs = Array.isArray(headers) ? (headers as [string, unknown][]) : Object.entries(headers);
  const found = pairs.find(([given]) => given.toLowerCase() === name);
  return String(found?.[1] ?? '').trim();
}
