import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { decideRows, type Effort, memoryRows, queueRows, type Row, sizeRows, utilisationRows } from './measure.ts';
import { pageOf, plotsOf, type Results } from './page.ts';
import { redisRows } from './redis.ts';
import { tabRows } from './tabs.ts';

const parts: Readonly<Record<string, (effort: Effort) => Promise<Row[]>>> = {
  decide: decideRows,
  queue: queueRows,
  utilisation: utilisationRows,
  memory: memoryRows,
  size: sizeRows,
  redis: redisRows,
  tabs: tabRows,
};

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const resultsFile = file('./results.json');

/** The peers are not installed with the rest: most who work on the library never need them. */
function installPeers(): void {
  if (existsSync(file('./node_modules'))) return;
  console.log('peers: installing the other libraries, `npm ci` in bench/peers');
  const { status } = spawnSync('npm', ['ci'], {
    cwd: file('.'),
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error('`npm ci` in bench/peers failed.');
}

function readResults(): Results {
  return existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as Results) : {};
}

/** Four digits are more than two runs agree on. */
const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

/** A measurement a line: a change of one is a change of one line. */
function written(results: Results): string {
  const text = JSON.stringify(JSON.parse(JSON.stringify(results, rounded)), null, 1);
  return `${text.replace(/\{\s+([^{}]*?)\s+\}/g, (_, inside: string) => `{ ${inside.replace(/\s+/g, ' ')} }`)}\n`;
}

/** Writes the page and its plots as the results have it. */
export function writePage(results: Results = readResults()): void {
  mkdirSync(file('../../docs/images'), { recursive: true });
  writeFileSync(file('../../docs/benchmarks-peers.md'), pageOf(results));
  for (const [name, svg] of Object.entries(plotsOf(results))) writeFileSync(file(`../../docs/images/${name}.svg`), svg);
}

/**
 * Measures every alternative and this library on the same work, and writes what came of it to results.json, docs/benchmarks-peers.md
 * and docs/images.
 * @param names the parts to measure; all if none is named. `page` measures nothing and writes the page again
 * @param isQuick a look at whether all runs, in fewer rounds and sizes: nothing is written
 */
export async function peers(names: readonly string[], isQuick: boolean): Promise<void> {
  const unknown = names.filter((name) => parts[name] === undefined && name !== 'page');
  if (unknown.length > 0)
    throw new Error(`No part named ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}, page.`);
  if (names.includes('page')) return writePage();
  installPeers();
  for (const name of names.length > 0 ? names : Object.keys(parts)) {
    console.log(`\npeers, ${name}`);
    const start = performance.now();
    const [load = 0] = loadavg();
    const rows = (await parts[name]?.({ isQuick, say: (line) => console.log(line) })) ?? [];
    const seconds = Math.round((performance.now() - start) / 1_000);
    console.log(`  took ${seconds} s`);
    if (isQuick || rows.length === 0) continue;
    const { model } = cpus()[0] ?? { model: arch() };
    const machine = `${cpus().length} cores of ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB`;
    const date = new Date().toISOString().slice(0, 10);
    // After each part: an hour of work is not lost to the last.
    const results = { ...readResults(), [name]: { date, node: process.versions.node, machine, load, seconds, rows } };
    writeFileSync(resultsFile, written(results));
    writePage();
  }
}
