// Where the packed package is tried: outside of the checkout, so that nothing finds `src`.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));
const own = fileURLToPath(new URL('.', import.meta.url));

/** How a command ended, and all that it printed. */
export interface Ended {
  /** Null if it was ended from outside, or took too long. */
  readonly status: number | null;
  readonly output: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The longest it may take, in ms. */
  readonly timeout?: number;
}

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { cwd = root, env, timeout = 300_000 } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      timeout,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ status: null, output: String(error) }));
    child.on('close', (status) =>
      resolve({ status, output: status === null ? `${output}\nended after ${timeout} ms` : output }),
    );
  });
}

/** Takes what must succeed. */
function must(what: string, { status, output }: Ended): string {
  if (status !== 0) throw new Error(`${what} failed:\n${output}`);
  return output;
}

/**
 * Installs what package.json beside this file names, in a temp folder of this user, once per lock file.
 * @returns that folder
 */
async function installTools(): Promise<string> {
  const files = ['package.json', 'package-lock.json', '.npmrc'];
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(own, file)));
  const folder = join(tmpdir(), `sluice-verify-${process.getuid?.() ?? 0}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  console.log(`Installing runtimes, bundlers and compilers in ${folder}: 1.7 GB, once.`);
  const fresh = mkdtempSync(`${folder}-`);
  for (const file of files) copyFileSync(join(own, file), join(fresh, file));
  const { status, output } = await run('npm', ['ci', '--prefer-offline'], { cwd: fresh, timeout: 900_000 });
  // All or nothing: a run that is ended meanwhile leaves no half of it under that name.
  if (status === 0) renameSync(fresh, folder);
  else rmSync(fresh, { recursive: true, force: true });
  must('npm ci', { status, output });
  return folder;
}

export interface Place {
  /** The folder whose node_modules has the runtimes, the bundlers, the compilers, and the peers of the package. */
  readonly tools: string;
  /** A fresh project below it, with the packed package installed. */
  readonly project: string;
  /** What can be imported of the package: `sluice`, `sluice/axios` and so on. */
  readonly paths: readonly string[];
  /** Makes a module of a program in `programs/`, which imports the package by its names. @returns its path in the project */
  program(name: string): Promise<string>;
  remove(): void;
}

/** Packs the package and installs it. */
export async function makePlace(): Promise<Place> {
  const tools = await installTools();
  const project = mkdtempSync(join(tools, 'project-'));
  const remove = () => rmSync(project, { recursive: true, force: true });
  try {
    writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }');
    must('npm run build', await run('npm', ['run', 'build', '--silent']));
    must('npm pack', await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project]));
    const tarball = readdirSync(project).find((file) => file.endsWith('.tgz')) ?? 'no-tarball.tgz';
    const install = ['install', '--no-audit', '--no-fund', '--omit=peer', '--offline', `./${tarball}`];
    must('npm install', await run('npm', install, { cwd: project }));
  } catch (error) {
    remove();
    throw error;
  }
  const manifest = readFileSync(join(project, 'node_modules/sluice/package.json'), 'utf8');
  const { exports } = JSON.parse(manifest) as { exports: Record<string, unknown> };
  const paths = Object.keys(exports).filter((path) => path !== './package.json');
  const made = new Map<string, Promise<string>>();
  return {
    tools,
    project,
    paths: paths.map((path) => `sluice${path.slice(1)}`),
    program: (name) => {
      const known = made.get(name) ?? makeProgram(name, project);
      made.set(name, known);
      return known;
    },
    remove,
  };
}

async function makeProgram(name: string, project: string): Promise<string> {
  const outfile = join(project, `${name}.mjs`);
  const isOfPlatform = !['page', 'bundled'].includes(name);
  await build({
    entryPoints: [join(own, `programs/${name}.ts`)],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: isOfPlatform ? 'node' : 'neutral',
    // The package itself stays what was installed; `paths` of the checkout's tsconfig would lead to `src`.
    tsconfigRaw: {},
    // Tests are imported for what they do, and our package.json says that nothing is.
    ignoreAnnotations: true,
    external: ['sluice', 'sluice/*'],
    ...(name === 'adapters' && { alias: { vitest: join(own, 'programs/vitest.ts') } }),
    // For what it bundles of CommonJS.
    ...(isOfPlatform && {
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
    }),
    logLevel: 'error',
  });
  return outfile;
}

/** Where a program of that name is on the PATH; undefined if it is not there. */
export function onPath(name: string): string | undefined {
  const files = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  return files.find(existsSync);
}

/** The first line that a command prints, as `--version` does. */
export function versionOf(command: string, ...args: string[]): string {
  const { stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return (stdout ?? '').split('\n', 1)[0]?.trim() ?? '';
}

/** Makes a folder of the project. */
export function folderIn(project: string, name: string): string {
  const folder = join(project, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
