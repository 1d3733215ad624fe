import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as sluice from 'sluice';
import { createThrottle, type Limit, perMinute, perSecond, slidingWindow, throttleFetch } from 'sluice';
import * as http from 'sluice/http';
import * as opentelemetry from 'sluice/opentelemetry';
import * as presets from 'sluice/presets';
import * as testing from 'sluice/testing';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { SlidingWindow } from '../demo/servers/sliding-window.ts';
import { linkOnSite } from '../docs/.vitepress/links.ts';
import { addressOf, pathOf, readManifest } from '../scripts/address.ts';
import { layers } from '../scripts/layers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Example {
  readonly place: string;
  readonly code: string;
}

const inDocs = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'));
const pages = ['README.md', ...inDocs.map((file) => `docs/${file}`)];
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/${file}`);

const ofPages = pages.flatMap((file) => examplesIn(file, /```ts\n([\s\S]*?)```/g));
const ofComments = sources.flatMap((file) => examplesIn(file, /@example\n([\s\S]*?)\n\s*(?:\* @|\*\/)/g));

const load = (name: string): Promise<unknown> => import(/* @vite-ignore */ name);

function examplesIn(file: string, pattern: RegExp): Example[] {
  return [...read(file).matchAll(pattern)].map((match, index) => ({
    place: `${file}, example ${index + 1}`,
    code: (match[1] ?? '').replace(/^ *\* ?/gm, ''),
  }));
}

/** What examples may use without saying where it comes from. */
const known = `
declare const throttle: import('sluice').Throttle;
declare const grant: import('sluice').Grant;
declare const test: (name: string, run: () => unknown) => void;
declare const sleep: (ms: number) => Promise<void>;
declare const myStore: () => import('sluice').StoreOperations;
declare const answerTo: (config: import('axios').InternalAxiosRequestConfig) => import('axios').AxiosResponse;
`;

function withImports(code: string): string {
  const imported = [...code.matchAll(/import \{([^}]*)\}/g)].flatMap((match) => (match[1] ?? '').split(','));
  const declared = [...code.matchAll(/\b(?:const|let|function|class) (\w+)/g)].map((match) => match[1] ?? '');
  const taken = new Set([...imported, ...declared].map((name) => name.trim()));
  const missing = (names: string[]) => names.filter((name) => !taken.has(name)).join(', ');
  const values = known
    .split('\n')
    .filter((line) => ![...taken].some((name) => line.startsWith(`declare const ${name}:`)));
  return [
    `import { ${missing(Object.keys(sluice))} } from 'sluice';`,
    `import { ${missing(Object.keys(testing))} } from 'sluice/testing';`,
    ...values,
    code,
    'export {};',
  ].join('\n');
}

/** What stands for it when examples run. */
const given = {
  sleep: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
  answerTo: (config: object) => ({ data: '', status: 200, statusText: 'OK', headers: {}, config }),
};

/** Makes of each import of another package a line that loads it: an example is no module when it runs. */
function withLoads(code: string): string {
  const load = (_: string, names: string, from: string) => {
    if (from.startsWith('sluice') && from !== 'sluice/axios') return '';
    return `const ${names.startsWith('{') ? names : `{ default: ${names} }`} = await __load('${from}');`;
  };
  return code.replace(/^import (.*) from '(.*)';$/gm, load);
}

describe('examples', () => {
  it('exist in the README and in doc comments', () => {
    expect(ofPages.length).toBeGreaterThan(3);
    expect(ofComments.length).toBeGreaterThan(3);
  });

  it('have the right types', () => {
    const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config;
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const files = new Map(
      [...ofPages, ...ofComments].map(({ code }, index) => [join(root, `example-${index}.ts`), withImports(code)]),
    );
    const places = [...ofPages, ...ofComments].map(({ place }) => place);
    const host = ts.createCompilerHost({ ...options, noUnusedLocals: false });
    const { getSourceFile, fileExists, readFile } = host;
    host.getSourceFile = (name, ...rest) => {
      const text = files.get(name);
      return text === undefined
        ? getSourceFile(name, ...rest)
        : ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
    };
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.readFile = (name) => files.get(name) ?? readFile(name);
    const program = ts.createProgram([...files.keys()], options, host);
    const found = [...files.keys()].flatMap((name, index) =>
      ts
        .getPreEmitDiagnostics(program, program.getSourceFile(name))
        .map(({ messageText }) => `${places[index]}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
    );
    expect(found).toEqual([]);
  }, 60_000);

  const checked = [...ofPages, ...ofComments].filter(({ code }) => code.includes('//=>'));
  it('claim results', () => expect(checked.length).toBeGreaterThan(2));
  it.each(checked)('give the results they claim: $place', async ({ code }) => {
    const asserting = withLoads(code).replace(/^(.*?);? *\/\/=> *(.*)$/gm, '__expect(($1)).toEqual(($2));');
    const { outputText } = ts.transpileModule(asserting, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
    const names = {
      ...sluice,
      ...http,
      ...opentelemetry,
      ...presets,
      ...testing,
      ...given,
      __expect: expect,
      __load: load,
    };
    const AsyncFunction = (async () => {}).constructor as new (
      ...args: string[]
    ) => (...args: unknown[]) => Promise<void>;
    await new AsyncFunction(...Object.keys(names), outputText)(...Object.values(names));
  });
});

const onGitHub = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
const onSite = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .replace(/^\d/, '_$&');

describe('the README', () => {
  const readme = read('README.md');
  const manifest = JSON.parse(read('package.json')) as {
    scripts: Record<string, string>;
    'size-limit': { name: string; limit: string }[];
  };

  it('names exactly two commands on its first screen', () => {
    const [, commands = ''] = /```sh\n([\s\S]*?)```/.exec(readme) ?? [];
    const lines = commands
      .trim()
      .split('\n')
      .map((line) => line.replace(/ *#.*/, ''));
    expect(lines).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
    expect(readme.indexOf('```sh')).toBeLessThan(400);
  });

  it('has at most 150 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(151);
  });

  it('and docs/sizes.md state the size limits that are enforced', () => {
    const enforced = manifest['size-limit'].map(({ name, limit }) => ({ name, limit }));
    const stated = sizesIn(read('docs/sizes.md'));
    expect(stated).toEqual(enforced);
    expect(sizesIn(readme).length).toBeGreaterThan(2);
    for (const row of sizesIn(readme)) expect(stated).toContainEqual(row);
  });

  it('leads to how the sizes are measured', () => {
    expect(read('docs/sizes.md')).toContain('bundled with esbuild, and with Rollup');
    expect(manifest.scripts['check:size']).toMatch(/size-limit && tsx scripts\/check-size\.ts$/);
  });

  it('leads to the defaults of the options', () => {
    for (const line of [/`maxPause` \| 65 minutes/, /`onStoreError` \| `'memory'`/, /`margin` \| `'auto'`/]) {
      expect(read('docs/options.md')).toMatch(line);
    }
  });

  const minute = { limit: 100, interval: 60_000 };
  const second = { limit: 100, interval: 1_000 };
  it.each([
    ['perMinute(100)', perMinute(100), minute],
    ['slidingWindow({ limit: 100, interval: 60_000 })', slidingWindow(minute), minute],
    ['perSecond(100)', perSecond(100), second],
    ['slidingWindow({ limit: 100, interval: 1_000 })', slidingWindow(second), second],
  ])('states how much of its quota %s uses, with none refused', async (name, limits, quota) => {
    const { share, time, refused } = await useOf(limits, quota);
    const took = quota === minute ? `${(time / 60_000).toFixed(1)} min` : `${(time / 1_000).toFixed(1)} s`;
    expect(refused).toBe(0);
    expect(readme).toContain(`| \`${name}\` | ${(share * 100).toFixed(1)} % | ${took} |`);
  });

  it('links to pages that exist', () => {
    const address = addressOf(readManifest(root));
    for (const file of pages) {
      for (const [, link = ''] of read(file).matchAll(/\]\(([^)#]+)/g)) {
        const target = pathOf(link, address);
        if (target === undefined) continue;
        // An absolute link of ours names its file from the root.
        if (target !== link) expect(existsSync(join(root, target)), `${file} -> ${link}`).toBe(true);
        else expect(() => read(join(file, '..', target)), `${file} -> ${target}`).not.toThrow();
      }
    }
  });

  it('links to files that the site shows', () => {
    const lost = inDocs.flatMap((page) =>
      [...read(`docs/${page}`).matchAll(/\]\((\.\.[^)]*)\)/g)].flatMap(([, link = '']) => {
        const place = linkOnSite(link, page);
        return place === '/' || place === '/reference/' ? [`${page} -> ${link}`] : [];
      }),
    );
    expect(lost).toEqual([]);
  });

  it('links to sections that exist, by the same name on GitHub and on the site', () => {
    const lost = pages.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)].flatMap(([, target = '', section = '']) => {
        const page = read(target === '' ? file : join(file, '..', target));
        const titles = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.replaceAll('`', ''));
        return titles.some((title) => onGitHub(title) === section && onSite(title) === section)
          ? []
          : [`${file} -> ${target}#${section}`];
      }),
    );
    expect(lost).toEqual([]);
  });
});

function sizesIn(page: string): { name: string; limit: string | undefined }[] {
  return [...page.matchAll(/^\| (.+?) \| ([\d.]+ kB) \|$/gm)].map(([, row = '', limit]) => ({
    name: row.replaceAll('`', '').replace(/ from sluice.*$/, ''),
    limit,
  }));
}

/** Sends 1,000 calls at once with a round trip of 20 ms. The share leaves out what arrived at the first instant. */
async function useOf(limits: Limit, quota: { limit: number; interval: number }) {
  const clock = new testing.ManualClock();
  const server = new SlidingWindow(quota);
  const arrivals: number[] = [];
  let refused = 0;
  const trip = () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 10));
  const fetch = throttleFetch(createThrottle({ limits, clock }), {
    retry: 0,
    fetch: async () => {
      await trip();
      arrivals.push(clock.now());
      if (!server.accept(clock.now()).accepted) refused++;
      await trip();
      return new Response();
    },
  });
  let isDone = false;
  const calls = Promise.all(Array.from({ length: 1_000 }, () => fetch('https://api.example.com')));
  void calls.then(() => {
    isDone = true;
  });
  while (!isDone) await clock.advance(quota.interval / 100);
  const [first = 0] = arrivals;
  const time = (arrivals.at(-1) ?? first) - first;
  const later = arrivals.filter((at) => at > first).length;
  return { share: later / time / (quota.limit / quota.interval), time, refused };
}

describe('src', () => {
  it('names pages and sections that exist', () => {
    const wrong = sources.flatMap((file) =>
      [...read(file).matchAll(/\bdocs\/[\w-]+\.md(?:#([\w-]+))?/g)].flatMap(([path, section]) => {
        const [page = ''] = path.split('#');
        const titles = existsSync(join(root, page)) ? [...read(page).matchAll(/^#+ (.+)$/gm)] : [];
        const sections = titles.map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'));
        return sections.length > 0 && (section === undefined || sections.includes(section))
          ? []
          : [`${file} -> ${path}`];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  const page = read('docs/architecture.md');
  const named = [...page.matchAll(/`([^`\s<>]+)`/g)].map(([, name = '']) => name);
  const code = sources.map(read);

  it('names files and folders that exist', () => {
    const paths = named.filter((name) => /\/|\.\w+$/.test(name) && !/^[A-Z]\w*\./.test(name));
    expect(paths.length).toBeGreaterThan(50);
    const places = paths.map((path) => (/^(test|docs|scripts)\//.test(path) ? path : `src/${path}`));
    expect(places.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names classes, methods and functions that exist', () => {
    const names = named.filter((name) => /^[A-Za-z]\w*(\.#?\w+)?$/.test(name) && !/\.(ts|md|json)$/.test(name));
    expect(names.length).toBeGreaterThan(30);
    const isThere = (name: string) => {
      const [first = '', member = first] = name.split('.');
      const owner = new RegExp(first === member ? '' : `(class|interface) ${first}\\b`);
      const own = new RegExp(`(?<![\\w#])${member}\\b`);
      return code.some((text) => owner.test(text) && own.test(text));
    };
    expect(names.filter((name) => !isThere(name))).toEqual([]);
  });

  it('draws the layers that lint holds imports to', () => {
    const [, picture = ''] = /```mermaid\n([\s\S]*?)```/.exec(page) ?? [];
    const labels = new Map([...picture.matchAll(/(\w+)\["([\w/]+):/g)].map(([, id = '', layer = '']) => [id, layer]));
    const arrows = picture.split('\n').flatMap((line) => {
      const [first = '', ...rest] = line.split(/(-->|-\.->)/).map((part) => part.trim());
      let from = first.split(' & ');
      return rest.flatMap((arrow, index) => {
        if (index % 2 === 1) return [];
        const to = (rest[index + 1] ?? '').split(' & ');
        const drawn = from.flatMap((one) => to.map((other) => ({ from: one, to: other, isOfTypes: arrow === '-.->' })));
        from = to;
        return drawn;
      });
    });
    const layerOf = (id: string) => labels.get(id) ?? id;
    const reached = (from: string): string[] =>
      arrows.filter((arrow) => !arrow.isOfTypes && arrow.from === from).flatMap(({ to }) => [to, ...reached(to)]);
    const drawn = [...labels].map(([id, layer]) => {
      const types = arrows.filter((arrow) => arrow.isOfTypes && arrow.from === id).map(({ to }) => layerOf(to));
      return [layer, { imports: [...new Set(reached(id).map(layerOf))].sort(), types: types.sort() }];
    });
    const held = Object.entries(layers).map(([layer, { imports, types = [] }]) => [
      layer,
      { imports: [...imports].sort(), types: [...types].sort() },
    ]);
    expect(Object.fromEntries(drawn)).toEqual(Object.fromEntries(held));
  });
});
