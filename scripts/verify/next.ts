// A Next application: a page that is rendered on the server, with a throttle there, and a component with the hook of `sluice/react`.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engines } from '../../test/browser/engines.ts';
import { failed, outcomeOf, type Part, passed } from './part.ts';
import { folderIn, type Place, run, versionOf } from './place.ts';

const files = (server: string, tools: string): Record<string, string> => ({
  'package.json': '{ "name": "app", "private": true, "type": "module" }',
  // Where the packages are found.
  'next.config.mjs': `export default { turbopack: { root: ${JSON.stringify(tools)} } };`,
  'app/layout.jsx': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>;',
  'app/page.jsx': `
    import { createThrottle, perSecond, throttleFetch } from 'sluice';
    import { Line } from './line.jsx';
    export const dynamic = 'force-dynamic';
    const send = throttleFetch(createThrottle({ limits: perSecond(10) }));
    export default async function Page() {
      const { signal } = new AbortController();
      const answer = await send('${server}/refuse-once/' + Math.random(), { signal });
      return <main><p>server: {await answer.text()}</p><Line /></main>;
    }`,
  'app/line.jsx': `
    'use client';
    import { useEffect } from 'react';
    import { createThrottle, perSecond } from 'sluice';
    import { useThrottleStatus } from 'sluice/react';
    const throttle = createThrottle({ limits: perSecond(10) });
    export function Line() {
      const waiting = useThrottleStatus(throttle)?.waiting;
      useEffect(() => {
        if (waiting === undefined) return;
        const report = { failures: [], total: 1, agent: document.querySelector('b').textContent };
        void fetch('${server}/report?id=next', { method: 'POST', body: JSON.stringify(report) });
      }, [waiting]);
      return <b>{waiting === undefined ? 'not yet' : waiting + ' wait'}</b>;
    }`,
});

function write(place: Place, server: string): string {
  const folder = folderIn(place.project, 'next');
  folderIn(folder, 'app');
  for (const [name, text] of Object.entries(files(server, place.tools))) writeFileSync(join(folder, name), text);
  return folder;
}

/** Resolves with where the application answers, once it says so. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let told = '';
    const take = (chunk: Buffer) => {
      told += chunk;
      const url = /https?:\/\/(?:localhost|127\.0\.0\.1):\d+/.exec(told)?.[0];
      if (url !== undefined && told.includes('Ready')) resolve(url);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code) => reject(new Error(`next ended with ${code}: ${told}`)));
  });
}

export const nextPart: Part = {
  name: 'next',
  run: async ({ place: made, server }) => {
    const place = await made();
    const folder = write(place, server.url);
    const next = join(place.tools, 'node_modules/next/dist/bin/next');
    const title = `Next ${/[\d.]+\d/.exec(versionOf(process.execPath, next, '--version'))?.[0]}`;
    const env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' as const };
    const build = await run(process.execPath, [next, 'build'], { cwd: folder, env });
    if (build.status !== 0) return outcomeOf(title, build);
    const child = spawn(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', '0'], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      const url = await addressOf(child);
      const html = (await (await fetch(url)).text()).replaceAll('<!-- -->', '');
      if (!html.includes('server: try 2') || !html.includes('<b>not yet</b>')) return failed(`${title}\n${html}`);
      const chromium = engines.find(({ name, found }) => name === 'chromium' && found);
      if (chromium === undefined) return passed(`${title}, built and rendered on the server`);
      const browser = await chromium.start();
      try {
        await browser.open(url);
        const { agent } = await server.reportOf('next', 30_000);
        return agent === '0 wait'
          ? passed(`${title}, built, rendered on the server and hydrated`)
          : failed(`${title}\nThe component shows "${agent}".`);
      } finally {
        await browser.close();
      }
    } finally {
      child.kill('SIGKILL');
    }
  },
};
