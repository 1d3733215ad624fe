import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type RunnerTestCase, type RunnerTestFile, type RunnerTestSuite, vi } from 'vitest';
import { VitestTestRunner } from 'vitest/runners';
import { getFn, getHooks } from 'vitest/suite';
import { type Baseline, type Coverage, Session } from './session.ts';

/** So much longer than alone may a test take, in calls of `__mutant`, before we say that it loops. */
const loopFactor = 50;
const loopCalls = 300_000;
/** So many turns of the event loop with nothing to wait for, before we say that a test is stuck. */
const idleTurns = 50;
/** So many turns, besides `loopFactor` times those it takes alone, may a test take that asks again and again. */
const pollingTurns = 50_000;
/** The tests of one mutant together, in ms that they take without it. The quickest come first. */
const budget = 6_000;
/** How many of the tests that killed the latest mutants of a file are tried first, if they are quick. */
const latestKillers = 12;
/** In ms. Tests may replace the platform's own. */
const realTime = performance.now.bind(performance);

interface Failure {
  readonly outcome: 'killed' | 'looped' | 'stuck' | 'late';
  readonly message: string;
}

class Looped extends Error {}

let active = 0;
let calls = 0;
let turns = 0;
let allowedCalls = Number.POSITIVE_INFINITY;
let looped = false;
let reached: number[] = [];
/** By the number of the mutant: whether it is among those reached. */
let seen = new Uint8Array(1 << 16);
let isNoting = true;
/** What the test that runs wants done afterwards. */
let finishing: Hook[] = [];

Object.assign(globalThis, {
  __onTestFinished: (hook: Hook) => void finishing.push(hook),
  __mutant(id: number): boolean {
    if (isNoting && seen[id] === 0) {
      seen[id] = 1;
      reached.push(id);
    }
    calls += 1;
    if (calls > allowedCalls) {
      looped = true;
      throw new Looped('It loops.');
    }
    return id === active;
  },
});

/** Tries each chosen mutant with the tests that come by its place, until the first of them fails. */
export default class MutantRunner extends VitestTestRunner {
  readonly #session = new Session(process.env.SLUICE_MUTANTS ?? '');
  #idleResources = 0;

  async onBeforeRunFiles(...args: unknown[]): Promise<void> {
    const files = args[0] as RunnerTestFile[];
    for (const file of files) await this.onBeforeRunSuite(file as never);
    const atLoad = reached;
    const suites = files.flatMap(suitesOf);
    const tests = suites.flatMap(({ tasks }) => tasks.filter((task) => task.type === 'test' && task.mode === 'run'));
    for (const suite of suites) for (const hook of getHooks(suite).beforeAll) await (hook as () => unknown)();
    await turn();
    this.#idleResources = resources();
    const coverage = this.#session.coverage ?? (await this.#measure(tests as RunnerTestCase[], atLoad));
    await this.#tryAll(new Map((tests as RunnerTestCase[]).map((test) => [nameOf(test), test])), coverage);
    for (const file of files) file.mode = 'skip';
    for (const { tasks } of suites) for (const task of tasks) task.mode = 'skip';
  }

  async #measure(tests: readonly RunnerTestCase[], atLoad: readonly number[]): Promise<Coverage> {
    const { tests: baselines, leftOut } = this.#session.known;
    const known = new Set([...baselines, ...leftOut].map(({ name }) => name));
    for (const test of tests) {
      if (known.has(nameOf(test))) continue;
      reached = [];
      seen = new Uint8Array(1 << 16);
      this.#session.write('current', nameOf(test));
      const began = realTime();
      const failure = await this.#fails(test);
      const ms = realTime() - began;
      if (failure) leftOut.push({ name: nameOf(test), message: failure.message });
      else baselines.push({ name: nameOf(test), ms: Math.round(ms * 100) / 100, calls, turns, reached });
    }
    const coverage = { tests: baselines, atLoad, leftOut };
    this.#session.write('coverage', coverage);
    return coverage;
  }

  async #tryAll(tests: ReadonlyMap<string, RunnerTestCase>, { tests: baselines, atLoad }: Coverage): Promise<void> {
    isNoting = false;
    const session = this.#session;
    const judged = new Set(session.verdicts.map(({ id }) => id));
    const mutants = new Map(session.mutants.map((mutant) => [mutant.id, mutant]));
    const reaching = new Map<number, Baseline[]>();
    for (const test of baselines) {
      for (const id of test.reached) {
        const some = reaching.get(id);
        if (some === undefined) reaching.set(id, [test]);
        else some.push(test);
      }
    }
    const killers = new Map<string, Baseline[]>();
    let isFresh = true;
    next: for (const id of session.chosen) {
      if (judged.has(id)) continue;
      const { file } = mutants.get(id)!;
      const candidates = reaching.get(id) ?? [];
      if (candidates.length === 0) {
        session.judge({ id, outcome: atLoad.includes(id) ? 'static' : 'uncovered' });
        continue;
      }
      session.write('current', id);
      const latest = killers.get(file) ?? [];
      const known = latest.filter((test) => candidates.includes(test));
      // A slow one would use up the budget before the quick tests had their turn: it comes last, whatever is left.
      const first = known.filter(({ ms }) => ms <= budget / latestKillers).sort((a, b) => a.ms - b.ms);
      const cheapness = (test: Baseline) => test.ms * (isMirror(test.name, file) ? 1 : 4);
      const later = candidates.filter((test) => !first.includes(test)).sort((a, b) => cheapness(a) - cheapness(b));
      let spent = 0;
      for (const baseline of [...first, ...later]) {
        const test = tests.get(baseline.name);
        if (test === undefined || (spent > budget && !known.includes(baseline))) continue;
        spent += baseline.ms;
        active = id;
        const failure = await this.#fails(test, baseline);
        active = 0;
        if (failure === undefined) continue;
        // The state of a module may outlive a mutant: only a test that passes again without it has killed it.
        if (await this.#fails(test, baseline)) {
          if (!isFresh) restart(`${baseline.name} after ${file}: ${failure.message}`);
          console.error(`Left out: ${baseline.name} is flaky.`);
          tests = new Map([...tests].filter(([name]) => name !== baseline.name));
          continue;
        }
        killers.set(file, [baseline, ...latest.filter((test) => test !== baseline)].slice(0, latestKillers));
        session.judge({ id, outcome: failure.outcome, test: baseline.name, message: failure.message });
        isFresh = false;
        continue next;
      }
      session.judge({ id, outcome: 'survived' });
      isFresh = false;
    }
  }

  /** Runs a test with the hooks around it. */
  async #fails(test: RunnerTestCase, baseline?: Baseline): Promise<Failure | undefined> {
    calls = 0;
    turns = 0;
    looped = false;
    allowedCalls = baseline && active !== 0 ? baseline.calls * loopFactor + loopCalls : Number.POSITIVE_INFINITY;
    const allowedTurns = baseline ? baseline.turns * loopFactor + pollingTurns : Number.POSITIVE_INFINITY;
    const deadline = realTime() + (baseline ? 5_000 + 20 * baseline.ms : 60_000);
    let failure: Failure | undefined;
    let isDone = false;
    const fail = (error: unknown): void => {
      const message = String((error as Error | undefined)?.message ?? error).split('\n', 1)[0] ?? '';
      failure ??= { outcome: 'killed', message: message.slice(0, 200) };
    };
    process.on('unhandledRejection', fail);
    process.on('uncaughtException', fail);
    void this.#run(test)
      .catch(fail)
      .finally(() => {
        isDone = true;
      });
    for (let idle = 0; !isDone; ) {
      await turn();
      turns += 1;
      idle = resources() <= this.#idleResources ? idle + 1 : 0;
      if (idle > idleTurns || turns > allowedTurns)
        failure ??= { outcome: 'stuck', message: 'It waits for what never comes.' };
      if (realTime() > deadline) failure ??= { outcome: 'late', message: 'It takes too long.' };
      if (failure?.outcome === 'stuck' || failure?.outcome === 'late') break;
    }
    // What a test that hangs has replaced must not stay for the next.
    if (!isDone)
      for (const hook of finishing.splice(0).reverse()) void (async () => hook(undefined, undefined))().catch(() => {});
    await turn();
    allowedCalls = Number.POSITIVE_INFINITY;
    process.off('unhandledRejection', fail);
    process.off('uncaughtException', fail);
    if (looped) failure = { outcome: 'looped', message: 'It loops.' };
    if (failure) {
      vi.useRealTimers();
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
      active = 0;
      for (let rest = 0; rest < 5; rest += 1) await turn();
    }
    return failure;
  }

  async #run(test: RunnerTestCase & { onFinished?: Hook[] }): Promise<void> {
    const suites: RunnerTestSuite[] = [];
    for (let suite = test.suite; suite; suite = suite.suite) suites.unshift(suite);
    const cleanups: unknown[] = [];
    this.onBeforeTryTask(test as never);
    const finished: Hook[] = [];
    finishing = finished;
    test.onFinished = finished;
    try {
      for (const suite of suites) {
        for (const hook of getHooks(suite).beforeEach) cleanups.unshift(await (hook as Hook)(test.context, suite));
      }
      await getFn(test)();
      this.onAfterTryTask(test as never);
    } finally {
      for (const suite of suites.reverse()) {
        for (const hook of [...getHooks(suite).afterEach].reverse()) await (hook as Hook)(test.context, suite);
      }
      for (const cleanup of cleanups) if (typeof cleanup === 'function') await cleanup();
      for (const hook of finished.reverse()) await hook(test.context, undefined);
    }
  }
}

type Hook = (context: unknown, suite: unknown) => unknown;

function suitesOf(suite: RunnerTestSuite): RunnerTestSuite[] {
  if (suite.mode === 'skip') return [];
  return [suite, ...suite.tasks.flatMap((task) => (task.type === 'suite' ? suitesOf(task) : []))];
}

function nameOf(test: RunnerTestCase): string {
  const names = [test.name];
  for (let suite = test.suite; suite; suite = suite.suite) names.unshift(suite.name);
  return names.join(' > ');
}

/** Whether the test stands where the tests of the file are. */
function isMirror(test: string, file: string): boolean {
  return test.startsWith(file.replace(/^src/, 'test').split('/').slice(0, -1).join('/'));
}

/** What keeps the event loop going. */
function resources(): number {
  return process.getActiveResourcesInfo().length;
}

/** Ends vitest with all of its processes. The command starts it again. */
function restart(why: string): void {
  appendFileSync(join(process.env.SLUICE_MUTANTS ?? '', 'restarts.txt'), `${why}\n`);
  process.kill(0, 'SIGKILL');
}
