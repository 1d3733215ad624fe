import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test, vi } from 'vitest';

const program = `
  import { createElement, StrictMode, version } from 'react';
  import { renderToString } from 'react-dom/server';
  import { createThrottle, perSecond } from 'sluice';
  import { useThrottleStatus } from 'sluice/react';

  const throttle = createThrottle({ limits: perSecond(10) });
  function Line() {
    const status = useThrottleStatus(throttle, 'user:amy');
    return createElement('p', null, status === undefined ? 'unknown' : status.waiting);
  }
  export const answer = [version, renderToString(createElement(StrictMode, null, createElement(Line)))];
`;

test.each([
  ['18', { react: 'react-18', 'react-dom': 'react-dom-18' }],
  ['19', {}],
])('useThrottleStatus is undefined on a server with React %s, which hears nothing of it', async (major, alias) => {
  const complain = vi.spyOn(console, 'error');
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    alias,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    tsconfig: `${root}tsconfig.json`,
    write: false,
  });
  const module = { exports: {} as { answer?: readonly string[] } };
  new Function('module', 'exports', 'require', outputFiles[0]?.text ?? '')(
    module,
    module.exports,
    createRequire(import.meta.url),
  );
  const [version = '', html] = module.exports.answer ?? [];
  expect([version.split('.')[0], html]).toEqual([major, '<p>unknown</p>']);
  expect(complain).not.toHaveBeenCalled();
});
