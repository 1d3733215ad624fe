import processConsole from 'node:console';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { itIsTheSame as testSideBySide } from './side-by-side.ts';
import { startServer, type TestServer } from './test-server.ts';

// Plain and throttled fetch side by side, over real connections: whatever plain fetch does, the throttled one does.

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  const { happyDOM } = globalThis as { happyDOM?: { setURL(url: string): void } };
  happyDOM?.setURL(`${server.url}/folder/page`);
});
afterAll(() => server.close());
// happy-dom tells the console what fails.
vi.spyOn(processConsole, 'error').mockImplementation(() => {});

const itIsTheSame = (name: string, status: number | undefined, make: (url: string) => unknown[]) =>
  testSideBySide(
    name,
    status,
    () => make(server.url),
    () => server.url,
  );

const bytes = new Uint8Array([0, 1, 2, 253, 254, 255]);
const post = (body: unknown, more: object = {}) => ({ method: 'POST', body, ...more }) as RequestInit;
const stream = (...chunks: string[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
function form(): FormData {
  const data = new FormData();
  data.append('text', 'a & b');
  data.append('text', 'ü');
  data.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
  data.append('blob', new Blob(['blob']));
  return data;
}

describe('the input may be', () => {
  class Special extends Request {}
  itIsTheSame('a text', 200, (url) => [`${url}/echo?a=1#hash`]);
  itIsTheSame('a text with blanks around', 200, (url) => [`  ${url}/echo `]);
  itIsTheSame('a URL', 200, (url) => [new URL('/echo?a=ü', url)]);
  itIsTheSame('a Request', 200, (url) => [new Request(`${url}/echo`, { method: 'PUT', headers: { 'x-a': '1' } })]);
  itIsTheSame('a Request of a subclass', 200, (url) => [new Special(`${url}/echo`, { headers: { 'x-a': '1' } })]);
  itIsTheSame('a Request with a body', 200, (url) => [new Request(`${url}/echo`, post('text'))]);
  itIsTheSame('a Request with an init that overrides it', 200, (url) => [
    new Request(`${url}/echo`, { method: 'PUT', headers: { 'x-a': '1' } }),
    { method: 'PATCH', headers: { 'x-b': '2' }, body: 'patch' },
  ]);
  itIsTheSame('a Request with an init that is empty', 200, (url) => [
    new Request(`${url}/echo`, { method: 'PUT' }),
    {},
  ]);
  itIsTheSame('a data: URL', 200, () => ['data:text/plain,hello']);
  itIsTheSame('an invalid URL', undefined, () => ['http://[']);
  itIsTheSame('an empty host', undefined, () => ['http://']);
  itIsTheSame('an unknown scheme', undefined, () => ['foo://bar/']);
  itIsTheSame('a symbol', undefined, () => [Symbol('url')]);
  itIsTheSame('missing', undefined, () => []);
  itIsTheSame('a port that nobody listens on', undefined, () => ['http://127.0.0.1:2/']);
});

describe('the init may hold', () => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'post', 'PROPFIND']) {
    itIsTheSame(`the method ${method}`, 200, (url) => [`${url}/echo`, { method }]);
  }
  const headers: [string, () => unknown][] = [
    ['an object', () => ({ 'x-b': '2', 'X-A': '1', accept: 'text/plain' })],
    ['Headers', () => new Headers([['x-a', '1'], ['x-a', '2']])], // biome-ignore format: pairs
    ['pairs', () => [['x-a', '1'], ['x-a', '2']]], // biome-ignore format: pairs
    ['nothing', () => ({})],
    ['undefined', () => undefined],
  ];
  for (const [name, make] of headers) {
    itIsTheSame(`headers: ${name}`, 200, (url) => [`${url}/echo`, { headers: make() }]);
  }
  const bodies: [string, () => unknown][] = [
    ['a text', () => 'text ü'],
    ['an empty text', () => ''],
    ['an ArrayBuffer', () => bytes.slice().buffer],
    ['a view', () => bytes.subarray(1, 4)],
    ['a DataView', () => new DataView(bytes.buffer, 1, 3)],
    ['a Blob', () => new Blob([bytes], { type: 'image/png' })],
    ['a Blob without a type', () => new Blob([bytes])],
    ['a File', () => new File(['file'], 'name.txt', { type: 'text/plain' })],
    ['FormData', form],
    ['URLSearchParams', () => new URLSearchParams({ a: '1 &', b: 'ü' })],
    ['null', () => null],
    ['undefined', () => undefined],
    ['a number', () => 5],
  ];
  for (const [name, make] of bodies) {
    itIsTheSame(`a body: ${name}`, 200, (url) => [`${url}/echo`, post(make())]);
    // A form with a type of its own hides its random boundary.
    if (name === 'FormData') continue;
    itIsTheSame(`a body with a type of its own: ${name}`, 200, (url) => [
      `${url}/echo`,
      post(make(), { headers: { 'content-type': 'own/type' } }),
    ]);
  }
  itIsTheSame('a stream', 200, (url) => [`${url}/echo`, post(stream('a', 'b', 'c'), { duplex: 'half' })]);
  itIsTheSame('a body that GET may not have', undefined, (url) => [`${url}/echo`, { body: 'text' }]);
  itIsTheSame('a signal that is aborted', undefined, (url) => [`${url}/echo`, { signal: AbortSignal.abort() }]);
  itIsTheSame('a signal that is aborted with a reason', undefined, (url) => [
    `${url}/echo`,
    { signal: AbortSignal.abort(new RangeError('own')) },
  ]);
  itIsTheSame('a signal that is not aborted', 200, (url) => [`${url}/echo`, { signal: new AbortController().signal }]);
  itIsTheSame('null for a signal', 200, (url) => [`${url}/echo`, { signal: null }]);
  itIsTheSame('keepalive', 200, (url) => [`${url}/echo`, post('text', { keepalive: true })]);
  itIsTheSame('credentials', 200, (url) => [`${url}/echo`, { credentials: 'include' }]);
});

describe('the answer may be', () => {
  for (const status of [200, 201, 204, 205, 400, 404, 500, 503]) {
    itIsTheSame(`${status} without a body`, status, (url) => [`${url}/status/${status}`]);
  }
  for (const status of [301, 302, 303, 307, 308]) {
    itIsTheSame(`${status}, followed`, 200, (url) => [`${url}/redirect/${status}`, post('text')]);
    itIsTheSame(`${status}, an error`, undefined, (url) => [`${url}/redirect/${status}`, { redirect: 'error' }]);
  }
  itIsTheSame('a connection that is cut', undefined, (url) => [`${url}/cut`]);
});
