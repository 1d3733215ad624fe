import { limitChoice, type Setup } from './setup.ts';

/** Writes the code that does what is set up on the page. */
export function codeOf(setup: Setup): string {
  const limits = limitCode(setup);
  const sluice = [
    'createThrottle',
    ...limits.imports,
    ...(({ fetch: ['throttleFetch'], sdk: ['throttleCalls'] } as Record<string, string[]>)[setup.client] ?? []),
  ];
  const store = stores[setup.store];
  const client = clients[setup.client](setup.priority === 0 ? '' : `priority: ${setup.priority}`);
  const options = [
    `limits: ${limits.code}`,
    ...(store === undefined ? [] : [`store: ${store.code}`]),
    ...(setup.margin < 0 ? [] : [`margin: ${setup.margin}`]),
  ];
  const written = options.join(', ');
  const throttle =
    written.length < 60
      ? `const throttle = createThrottle({ ${written} });`
      : `const throttle = createThrottle({\n${options.map((option) => `  ${option},\n`).join('')}});`;
  const imports = [
    ...(client.package === undefined ? [] : [client.package]),
    `import { ${sluice.sort(byName).join(', ')} } from 'sluice';`,
    ...(client.path === undefined ? [] : [client.path]),
    ...(store === undefined ? [] : [store.path]),
  ];
  return [...imports, '', throttle, ...client.code, ''].join('\n');
}

const byName = (a: string, b: string) => a.localeCompare(b, 'en', { sensitivity: 'base' });

function limitCode(setup: Setup): { readonly code: string; readonly imports: readonly string[] } {
  const { kind, calls, per, atOnce } = limitChoice(setup);
  if (kind === 'server') return { code: `'server'`, imports: [] };
  if (kind === 'sliding-window')
    return { code: `slidingWindow({ limit: ${calls}, interval: ${number(per)} })`, imports: ['slidingWindow'] };
  if (kind === 'bucket')
    return { code: `{ rate: ${calls}, interval: ${number(per)}, burst: ${atOnce ?? 1} }`, imports: [] };
  const short = ({ 1000: 'perSecond', 60000: 'perMinute' } as Record<number, string>)[per];
  const burst = atOnce === undefined ? '' : `burst: ${atOnce}`;
  if (short !== undefined) return { code: `${short}(${calls}${burst && `, { ${burst} }`})`, imports: [short] };
  return { code: `quota({ limit: ${calls}, interval: ${number(per)}${burst && `, ${burst}`} })`, imports: ['quota'] };
}

/** 3_000, as numbers stand in code. */
const number = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, '_');

const stores: Readonly<Record<Setup['store'], { readonly code: string; readonly path: string } | undefined>> = {
  memory: undefined,
  'local-storage': {
    code: 'localStorageStore()',
    path: `import { localStorageStore } from 'sluice/local-storage';`,
  },
  'indexed-db': { code: 'indexedDbStore()', path: `import { indexedDbStore } from 'sluice/indexed-db';` },
};

interface ClientCode {
  readonly package?: string;
  readonly path?: string;
  readonly code: readonly string[];
}

const withOptions = (options: string): string => (options === '' ? '' : `, { ${options} }`);

const clients: Readonly<Record<Setup['client'], (options: string) => ClientCode>> = {
  fetch: (options) => ({
    code: [
      `const fetch = throttleFetch(throttle${withOptions(options)});`,
      '',
      `const answer = await fetch('https://api.example.com/items/1');`,
    ],
  }),
  axios: (options) => ({
    package: `import axios from 'axios';`,
    path: `import { throttleAxios } from 'sluice/axios';`,
    code: [
      `const api = axios.create({ baseURL: 'https://api.example.com' });`,
      `throttleAxios(api, throttle${withOptions(options)});`,
      '',
      `const { data } = await api.get('/items/1');`,
    ],
  }),
  ky: (options) => ({
    package: `import ky from 'ky';`,
    path: `import { throttleKy } from 'sluice/ky';`,
    code: [
      `const api = throttleKy(ky, throttle${withOptions(options)});`,
      '',
      `const item = await api.get('https://api.example.com/items/1').json();`,
    ],
  }),
  sdk: (options) => ({
    package: `import OpenAI from 'openai';`,
    code: [
      `const openai = throttleCalls(new OpenAI(), throttle, {`,
      `  methods: ['chat.completions.*'],`,
      ...(options === '' ? [] : [`  ${options},`]),
      '});',
      '',
      'const { choices } = await openai.chat.completions.create({',
      `  model: 'gpt-5-mini',`,
      `  messages: [{ role: 'user', content: 'What is a sluice?' }],`,
      '});',
    ],
  }),
};

/** Marks up TypeScript for the eye; the text stays what it is. */
export function highlighted(code: string): DocumentFragment {
  const marked = document.createDocumentFragment();
  const pattern =
    /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|('(?:[^'\\\n]|\\.)*'|`[^`]*`)|\b(import|from|const|let|await|new|export|function|return|if|type)\b|\b(\d[\d_]*)\b/g;
  const names = ['comment', 'string', 'keyword', 'number'];
  let end = 0;
  for (const match of code.matchAll(pattern)) {
    marked.append(code.slice(end, match.index));
    const span = document.createElement('span');
    span.className = `code-${names[match.slice(1).findIndex((group) => group !== undefined)]}`;
    span.textContent = match[0];
    marked.append(span);
    end = match.index + match[0].length;
  }
  marked.append(code.slice(end));
  return marked;
}
