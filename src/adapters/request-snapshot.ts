import { hasMethods } from '../core/base/check.ts';

/** The arguments of `fetch`. */
export type FetchArguments = Parameters<typeof fetch>;

/**
 * Reads an init once, as fetch does. It may be a Request or an instance of a class, whose members are inherited
 * getters. Members that only this fetch knows are kept.
 */
export function membersOf(init: RequestInit): RequestInit {
  const read: Record<string, unknown> = { ...init };
  for (let from: unknown = init; from !== null && from !== Object.prototype; from = Object.getPrototypeOf(from))
    for (const name of Object.getOwnPropertyNames(from)) {
      const value = name in read ? undefined : (init as Record<string, unknown>)[name];
      if (value !== undefined) read[name] = value;
    }
  return read;
}

/**
 * Copies everything that the caller may change while the call waits, because fetch would have read it at once.
 * Requests, streams and Blobs are left as they are.
 * @param input replaces the first argument
 * @param init the init's members, which become those of the copy
 */
export function snapshot(
  args: FetchArguments,
  input: FetchArguments[0],
  init: RequestInit | undefined,
): FetchArguments {
  const copy: FetchArguments = [...args];
  copy[0] = input;
  if (init !== undefined) {
    const { headers, body } = init;
    if (Object(headers) === headers) init.headers = copyOfHeaders(headers as HeadersInit);
    if (body !== undefined) init.body = copyOfBody(body);
    copy[1] = init;
  }
  return copy;
}

function copyOfHeaders(headers: HeadersInit): HeadersInit {
  if (isA('Headers', headers)) {
    const Class = isOurs('Headers', headers as unknown) ? Headers : (headers.constructor as typeof Headers);
    return new Class(headers);
  }
  // Fetch treats anything iterable as a list of pairs, and everything else as a record.
  if (!hasMethods(headers, Symbol.iterator)) return { ...headers } as HeadersInit;
  return Array.from(headers as Iterable<[string, string]>, (pair): [string, string] =>
    Array.isArray(pair) ? [...pair] : pair,
  );
}

function copyOfBody<Body extends BodyInit | null>(body: Body): Body;
function copyOfBody(body: BodyInit | null): BodyInit | null {
  if (isA('ArrayBuffer', body)) return body.slice(0);
  if (ArrayBuffer.isView(body) && isA('ArrayBuffer', body.buffer))
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (isA('URLSearchParams', body)) return new URLSearchParams(body);
  // A form of another implementation is more than its entries.
  if (!isOurs('FormData', body) || !hasMethods(body, Symbol.iterator)) return body;
  const copy = new FormData();
  for (const [name, value] of body) copy.append(name, value);
  return copy;
}

/** Whether a call can be sent a second time: not if its body is a stream, or belongs to a Request. */
export function canBeSentAgain([input, init]: FetchArguments): boolean {
  const body = init?.body ?? (isRequest(input) ? input.body : null);
  // Firefox does not show the body of a Request.
  if (body === undefined) return /^(GET|HEAD)$/.test((input as Request).method);
  if (typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) return true;
  // Some forms are streams.
  if ('pipe' in body) return false;
  return (['ArrayBuffer', 'Blob', 'File', 'FormData', 'URLSearchParams'] as const).some((name) => isA(name, body));
}

interface Classes {
  ArrayBuffer: ArrayBuffer;
  Blob: Blob;
  File: File;
  FormData: FormData;
  Headers: Headers;
  Request: Request;
  URLSearchParams: URLSearchParams;
}

/** Whether an input is a Request. */
export function isRequest(input: unknown): input is Request {
  return isA('Request', input);
}

/** Whether a value is of a platform class: of this window, of another one, or of another implementation. */
function isA<Name extends keyof Classes>(name: Name, value: unknown): value is Classes[Name] {
  if (typeof value !== 'object') return false;
  return isOurs(name, value) || Object.prototype.toString.call(value) === `[object ${name}]`;
}

/** Whether a value is of a class of this window. */
function isOurs<Name extends keyof Classes>(name: Name, value: unknown): value is Classes[Name] {
  const ours = (globalThis as Record<string, unknown>)[name];
  return typeof ours === 'function' && value instanceof ours;
}
