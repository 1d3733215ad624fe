import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { linkOnSite } from './links.ts';
import { chapters } from './pages.ts';

const reference = new URL('../reference/sidebar.json', import.meta.url);
const { default: referencePages } = existsSync(fileURLToPath(reference))
  ? ((await import(reference.href, { with: { type: 'json' } })) as { default: object[] })
  : { default: [] };

// Where the site will stand; with a slash at both ends.
const base = (process.env.SLUICE_SITE_BASE ?? '/') as `/${string}/`;

export default defineConfig({
  title: 'sluice',
  description: 'Holds your outgoing API calls back just long enough that you stay inside a quota.',
  lang: 'en',
  base,
  head: [['link', { rel: 'icon', href: `${base}logo.svg` }]],
  outDir: '../site-dist',
  cacheDir: '../node_modules/.cache/vitepress',
  cleanUrls: false,
  lastUpdated: false,
  // The playground is built beside the pages.
  ignoreDeadLinks: [/^\/playground\//],
  markdown: {
    config: (md) => {
      md.core.ruler.push('links-out-of-docs', ({ tokens, env }) => {
        for (const token of tokens)
          for (const child of token.children ?? []) {
            if (child.type !== 'link_open') continue;
            const href = child.attrGet('href') ?? '';
            child.attrSet('href', linkOnSite(href, (env as { relativePath?: string }).relativePath ?? ''));
          }
      });
    },
  },
  themeConfig: {
    siteTitle: 'sluice',
    logo: '/logo.svg',
    nav: [
      { text: 'Documentation', link: '/getting-started', activeMatch: '^/(?!reference|project|$)' },
      { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
      // Not a page of the router.
      { text: 'Playground', link: '/playground/', target: '_self' },
    ],
    sidebar: {
      '/reference/': [{ text: 'Reference', link: '/reference/', items: referencePages }],
      '/': [
        ...chapters.map(({ title, pages }) => ({
          text: title,
          items: pages.map(([text, file]) => ({ text, link: `/${file}` })),
        })),
        {
          text: 'The project',
          items: [
            { text: 'Changes', link: '/project/changelog' },
            { text: 'Contributing', link: '/project/contributing' },
          ],
        },
      ],
    },
    outline: [2, 3],
    search: { provider: 'local' },
  },
});
