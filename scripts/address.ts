// Where the repository lives. package.json is the one place that says so; `npm run address -- https://host/owner/sluice` writes it there
// and makes the links of the README absolute, since the registry's page has no files to link to.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Manifest {
  readonly version: string;
  readonly homepage?: string;
  readonly bugs?: { readonly url?: string };
  readonly repository?: { readonly type?: string; readonly url?: string };
}

/** Where hosts show a file of the main branch; all others do as GitHub does. */
const views: Readonly<Record<string, string>> = {
  'gitlab.com': '-/blob/main/',
  'codeberg.org': 'src/branch/main/',
  'bitbucket.org': 'src/main/',
};

/** Where a host shows the files of a repository. */
export const viewOf = (address: string): string => `${address}/${views[new URL(address).host] ?? 'blob/main/'}`;

export function readManifest(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
}

/** Tells the address that package.json names, as `https://host/owner/sluice`. */
export function addressOf({ repository }: Manifest): string | undefined {
  return /^git\+(https:.*)\.git$/.exec(repository?.url ?? '')?.[1];
}

/** Makes relative links absolute, and absolute ones of the address before lead to the new one. */
export function withAbsoluteLinks(page: string, address: string, before?: string): string {
  const relative = before === undefined ? page : page.replaceAll(`](${viewOf(before)}`, '](');
  return relative.replace(/\]\((?!\w+:|#)/g, `](${viewOf(address)}`);
}

/** Gives the target of a link as a path in the repository; undefined where it leads elsewhere. */
export function pathOf(target: string, address: string | undefined): string | undefined {
  if (address !== undefined && target.startsWith(viewOf(address))) return target.slice(viewOf(address).length);
  return /^\w+:/.test(target) ? undefined : target;
}

export function setAddress(root: string, address: string): void {
  if (!/^https:\/\/[^/?#\s]+(\/[\w.~-]+){2,}$/.test(address) || address.endsWith('.git')) {
    throw new Error(`Expected an address such as https://host/owner/sluice, got \`${address}\`.`);
  }
  const manifest = readManifest(root);
  const places = {
    homepage: `${address}#readme`,
    bugs: { url: `${address}/${new URL(address).host === 'gitlab.com' ? '-/issues' : 'issues'}` },
    repository: { type: 'git', url: `git+${address}.git` },
  };
  const entries = Object.entries(manifest).filter(([name]) => !(name in places));
  const index = entries.findIndex(([name]) => name === 'license');
  entries.splice(index, 0, ...Object.entries(places));
  const readme = join(root, 'README.md');
  const page = withAbsoluteLinks(readFileSync(readme, 'utf8'), address, addressOf(manifest));
  writeFileSync(join(root, 'package.json'), `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  writeFileSync(readme, page);
}

/** Says what is missing before the package can be published. */
export function missingAddress(root: string): readonly string[] {
  const manifest = readManifest(root);
  const missing = (['repository', 'homepage', 'bugs'] as const).filter((name) => manifest[name] === undefined);
  if (missing.length > 0 || addressOf(manifest) === undefined) {
    const what = missing.length > 0 ? `has no ${missing.join(', ')}` : 'has an odd repository';
    return [`package.json ${what}. Set the address first: npm run address -- https://host/owner/sluice`];
  }
  const address = addressOf(manifest) ?? '';
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  if (withAbsoluteLinks(readme, address) === readme) return [];
  return [`README.md has relative links, which lead nowhere on the registry's page: npm run address -- ${address}`];
}

if (process.argv[1] === import.meta.filename) {
  try {
    setAddress(process.cwd(), process.argv[2] ?? '');
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
