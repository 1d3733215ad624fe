/** What `fetch` was called with. */
export type FetchArguments = Parameters<typeof fetch>;

/** What fetch reads of an init, wherever it stands: on the object itself or on what it inherits from. */
const members = [
  'method',
  'headers',
  'body',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'referrer',
  'referrerPolicy',
  'integrity',
  'keepalive',
  'signal',
  'duplex',
  'priority',
  'window',
] as const;

/**
 * Reads an init once, as fetch does: instances of classes and Requests may stand for one. What is not known here but to the
 * fetch at hand is kept.
 */
export function membersOf(init: RequestInit): RequestInit {
  const read: Record<string, unknown> = { ...init };
  for (const member of members) {
    if (Object.hasOwn(read, member)) continue;
    const value = (init as Record<string, unknown>)[member];
    if (value !== undefined) read[member] = value;
  }
  return read;
}

/**
 * Copies what the caller may change while the call waits: fetch would have read it at once. Requests, streams and Blobs are
 * left as they are.
 * @param target what to send instead of an input that is no Request
 * @param init the init's members
 */
export function snapshot(args: FetchArguments, target: string, init: RequestInit | undefined): FetchArguments {
  if (init === undefined && args[0] === target) return args;
  const copy: FetchArguments = [...args];
  if (!isRequest(args[0])) copy[0] = target;
  if (init !== undefined) {
    const { headers, body } = init;
    copy[1] = { ...init };
    if (typeof headers === 'object' && headers !== null) copy[1].headers = copyOfHeaders(headers);
    if (body !== undefined) copy[1].body = copyOfBody(body);
  }
  return copy;
}

function copyOfHeaders(headers: Exclude<RequestInit['headers'], undefined>): HeadersInit {
  if (isA('Headers', headers)) return new (ownClass('Headers', headers))(headers);
  // Fetch takes anything that can be iterated for a list of pairs, and all else for a record.
  if (!isIterable(headers)) return { ...headers };
  return Array.from(headers as Iterable<[string, string]>, (pair): [string, string] =>
    Array.isArray(pair) ? [...pair] : pair,
  );
}

function copyOfBody<Body extends BodyInit | null>(body: Body): Body;
function copyOfBody(body: BodyInit | null): BodyInit | null {
  if (typeof body !== 'object' || body === null) return body;
  if (isA('ArrayBuffer', body)) return body.slice(0);
  if (ArrayBuffer.isView(body))
    return isA('ArrayBuffer', body.buffer)
      ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
      : body;
  if (isA('URLSearchParams', body)) return new (ownClass('URLSearchParams', body))(body);
  return isA('FormData', body) ? copyOfForm(body) : body;
}

function copyOfForm(form: FormData): FormData {
  // A form of another make is more than its entries.
  if (!(form instanceof FormData) || !isIterable(form)) return form;
  const copy = new FormData();
  for (const [name, value] of form) copy.append(name, value);
  return copy;
}

function isIterable(value: object): boolean {
  return typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';
}

/** Whether a call can be sent a second time: not if its body is a stream, or belongs to a Request. */
export function canBeSentAgain([input, init]: FetchArguments): boolean {
  const body = init?.body;
  if (body !== undefined && body !== null) return isRepeatable(body);
  if (!isRequest(input)) return true;
  // Firefox does not show the body of a Request.
  return input.body === null || (input.body === undefined && (input.method === 'GET' || input.method === 'HEAD'));
}

function isRepeatable(body: BodyInit): boolean {
  if (typeof body !== 'object' || ArrayBuffer.isView(body)) return true;
  // There are forms that are streams.
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

/** Whether a value is of a class of the platform, of this window's, of another's, or of another make. */
function isA<Name extends keyof Classes>(name: Name, value: unknown): value is Classes[Name] {
  if (typeof value !== 'object' || value === null) return false;
  const ours = (globalThis as Record<string, unknown>)[name];
  return (
    (typeof ours === 'function' && value instanceof ours) ||
    Object.prototype.toString.call(value) === `[object ${name}]`
  );
}

/** The class to copy a value with: ours, if it is one of ours. */
function ownClass<Name extends 'Headers' | 'URLSearchParams'>(name: Name, value: object): (typeof globalThis)[Name] {
  const ours = globalThis[name];
  return typeof ours === 'function' && value instanceof ours ? ours : (value.constructor as typeof ours);
}
