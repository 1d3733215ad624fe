import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A build of the library: what it exports, from whatever path. */
export type Build = typeof import('sluice') &
  typeof import('sluice/axios') &
  typeof import('sluice/ky') &
  typeof import('sluice/redis') &
  typeof import('sluice/undici');

const files = ['index', 'axios', 'ky', 'redis', 'undici'];

/** What is added to the name of a contender that is of an earlier build. */
export const earlier = ', earlier';

/**
 * Loads this build and, if there is one to compare with, an earlier one.
 * @param against a checkout of an earlier version, built
 * @returns the builds, by what is added to the names of their contenders
 */
export async function buildsOf(against: string | undefined): Promise<Record<string, Build>> {
  const own = await load(fileURLToPath(new URL('..', import.meta.url)));
  return against === undefined ? { '': own } : { '': own, [earlier]: await load(against) };
}

async function load(checkout: string): Promise<Build> {
  const loaded = files.map((file) => import(pathToFileURL(resolve(checkout, 'dist', `${file}.js`)).href));
  return Object.assign({}, ...(await Promise.all(loaded)));
}
