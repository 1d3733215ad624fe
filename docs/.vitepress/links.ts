import { posix } from 'node:path';

/** Files outside of docs that are pages of the site too, and where. */
export const pagesFromRoot: Readonly<Record<string, string>> = {
  'CHANGELOG.md': 'project/changelog.md',
  'CONTRIBUTING.md': 'project/contributing.md',
};

/** Where the site shows a file of code that pages link to; undefined for other files. */
export function pageOfCode(file: string): string | undefined {
  return /^demo\/.*\.ts$/.test(file) ? `project/${file.replace(/\.ts$/, '.md')}` : undefined;
}

/**
 * Where a link of a page leads on the site. In the pages links are written for readers of the files, so some lead out of `docs`.
 * @param page the page's path in `docs`
 */
export function linkOnSite(href: string, page: string): string {
  if (/^([a-z]+:|#|\/)/i.test(href) || href === '') return href;
  const [path = '', anchor] = href.split('#');
  const fragment = anchor === undefined ? '' : `#${anchor}`;
  const home = Object.keys(pagesFromRoot).find((file) => pagesFromRoot[file] === page);
  // From the root of the repository.
  const target = posix.normalize(posix.join(home === undefined ? posix.join('docs', posix.dirname(page)) : '', path));
  if (target in pagesFromRoot) return `/${pagesFromRoot[target]}${fragment}`;
  if (target.startsWith('docs/')) return home === undefined ? href : `/${target.slice('docs/'.length)}${fragment}`;
  const code = pageOfCode(target);
  if (code !== undefined) return `/${code}`;
  // The README's first part is the first page; other files are not on the site.
  return target === 'README.md' ? '/' : '/reference/';
}
