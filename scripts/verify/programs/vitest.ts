// Stands in for vitest where vitest itself does not run: as much of it as the adapter contract uses. Tests run one after the other.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import * as chai from 'chai';

type Run = (...values: readonly unknown[]) => unknown;

interface Suite {
  readonly title: string;
  readonly outer: Suite | undefined;
  readonly before: Run[];
  readonly after: Run[];
  readonly beforeEach: Run[];
  readonly afterEach: Run[];
  readonly steps: (() => Promise<void>)[];
}

interface Outcome {
  passed: number;
  readonly failures: string[];
}

const outcome: Outcome = { passed: 0, failures: [] };
const suiteOf = (title: string, outer?: Suite): Suite => ({
  title,
  outer,
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
  steps: [],
});
let current = suiteOf('');

const outerOf = (suite: Suite): readonly Suite[] => (suite.outer ? [...outerOf(suite.outer), suite] : [suite]);

/** Fills `%s` and `$name` as vitest does, as far as a failure has to be recognised. */
const fill = (title: string, row: readonly unknown[]): string => {
  let index = 0;
  return title.replace(/%[sdijo]|\$\w+/g, (mark) =>
    mark.startsWith('%') ? String(row[index++]) : String((row[0] as Record<string, unknown>)[mark.slice(1)]),
  );
};

async function within(ms: number, run: () => unknown): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It took longer than ${ms} ms.`)), ms);
  });
  try {
    await Promise.race([Promise.resolve().then(run), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

function test(title: string, run: Run, row: readonly unknown[]): void {
  const suite = current;
  const suites = outerOf(suite);
  const attempt = async (): Promise<string | undefined> => {
    const undo: Run[] = [];
    const context = { onTestFinished: (one: Run) => void undo.push(one), expect };
    try {
      for (const one of suites.flatMap(({ beforeEach }) => beforeEach)) await one();
      await within(5_000, () => run(...(row.length > 0 ? row : [context])));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message.split('\n').slice(0, 12).join('\n  ') : String(error);
    } finally {
      for (const one of [...undo.reverse(), ...suites.flatMap(({ afterEach }) => afterEach)]) await one();
    }
  };
  suite.steps.push(async () => {
    // Once more: sockets take their time on a busy machine.
    const failure = (await attempt()) && (await attempt());
    const titles = suites.map(({ title }) => title).filter((title) => title !== '');
    if (failure === undefined) outcome.passed++;
    else outcome.failures.push(`${[...titles, fill(title, row)].join(' > ')}: ${failure}`);
  });
}

function group(title: string, define: Run, row: readonly unknown[]): void {
  const outer = current;
  const suite = suiteOf(fill(title, row), outer);
  current = suite;
  define(...row);
  current = outer;
  outer.steps.push(() => runSuite(suite));
}

async function runSuite({ before, steps, after }: Suite): Promise<void> {
  for (const run of before) await run();
  for (const step of steps) await step();
  for (const run of after) await run();
}

type Add = (title: string, run: Run, row: readonly unknown[]) => void;

const table = (add: Add) =>
  Object.assign((title: string, run: Run) => add(title, run, []), {
    each: (rows: readonly unknown[]) => (title: string, run: Run) => {
      for (const row of rows) add(title, run, Array.isArray(row) ? row : [row]);
    },
    runIf: (holds: unknown) => (holds ? table(add) : table(() => {})),
    skipIf: (holds: unknown) => (holds ? table(() => {}) : table(add)),
  }) as unknown as TestTable;

interface TestTable {
  (title: string, run: Run): void;
  each(rows: readonly unknown[]): (title: string, run: Run) => void;
  runIf(holds: unknown): TestTable;
  skipIf(holds: unknown): TestTable;
}

export const it: TestTable = table(test);
export const describe: TestTable = table(group);
export const beforeAll = (run: Run): void => void current.before.push(run);
export const afterAll = (run: Run): void => void current.after.push(run);
export const beforeEach = (run: Run): void => void current.beforeEach.push(run);
export const afterEach = (run: Run): void => void current.afterEach.push(run);

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = ((value: unknown, message?: string) =>
  chai.expect(value, message)) as never as typeof chai.expect;
Object.assign(expect, (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT], chai.expect);
(globalThis as Record<symbol, unknown>)[GLOBAL_EXPECT] = expect;
setState({ ...getState(expect as never), assertionCalls: 0 }, expect as never);

export const vi = {
  /** Tries again until it does not throw. */
  async waitFor(check: () => unknown, { interval = 50, timeout = 1_000 } = {}): Promise<unknown> {
    for (const end = performance.now() + timeout; ; await new Promise((resolve) => setTimeout(resolve, interval))) {
      try {
        return await check();
      } catch (error) {
        if (performance.now() > end) throw error;
      }
    }
  },
};

/** Runs all that was defined. */
export async function runAll(): Promise<Outcome> {
  await runSuite(current);
  return outcome;
}
