/** The arguments of undici's dispatchers, as far as they matter here. */
export interface UndiciRequest {
  readonly origin?: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly upgrade?: boolean | string | null;
}

export type Abort = (reason?: unknown) => void;
export type RawHeaders = readonly (Uint8Array | string)[];
export type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What undici 7 gives its handlers. */
export interface Controller {
  readonly aborted: boolean;
  readonly paused: boolean;
  readonly reason: unknown;
  readonly rawHeaders?: unknown;
  readonly rawTrailers?: unknown;
  abort: Abort;
  pause(): void;
  resume(): void;
}

/**
 * The handler of a request: undici 6 calls the first methods, undici 7 `onResponseStarted` and those from
 * `onRequestStart` on.
 */
export interface UndiciHandler {
  onConnect?(abort: Abort, context?: unknown): void;
  onResponseStarted?(): void;
  onHeaders?(status: number, headers: RawHeaders, resume: () => void, statusText?: string): boolean;
  onData?(chunk: Uint8Array): boolean;
  onComplete?(trailers: unknown): void;
  onError?(error: unknown): void;
  onBodySent?(size: number, total: number): void;
  onRequestSent?(): void;
  onRequestStart?(controller: Controller, context?: unknown): void;
  onResponseStart?(controller: Controller, status: number, headers: HeaderRecord, statusText?: string): void;
  onResponseData?(controller: Controller, chunk: Uint8Array): void;
  onResponseEnd?(controller: Controller, trailers: unknown): void;
  onResponseError?(controller: Controller, error: unknown): void;
}

export type Dispatch = (request: UndiciRequest, handler: UndiciHandler) => boolean;

/** Reads headers in a flat list of names and values. */
export function headersOf(raw: RawHeaders): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) headers.push([textOf(raw[index]), textOf(raw[index + 1])]);
  return headers;
}

const latin1 = new TextDecoder('latin1');

/** The decoder handles longer texts, because it is slow to start. */
const longestShort = 256;

function textOf(part: Uint8Array | string | undefined): string {
  if (typeof part === 'string') return part;
  if (part === undefined || part.length > longestShort) return latin1.decode(part);
  return String.fromCharCode.apply(undefined, part as unknown as number[]);
}
