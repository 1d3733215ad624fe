// 500 requests and 30,000 tokens a minute: the limits of a language model API, where the cost of a call is only known when its
// answer is there. Each call is counted with an estimate that it cannot exceed, and settled with what its answer says.
//
//   npx tsx demo/examples/openai.ts
import { parseArgs } from 'node:util';
import { createThrottle, slidingWindow } from 'sluice';
import { mostInAnyWindow, timeTaken } from '../analysis.ts';
import { terminalOf } from '../report/style.ts';
import { count, duration, measured, percent } from '../report/words.ts';
import { type LanguageModelServer, startLanguageModelServer, type Usage } from '../servers/language-model-server.ts';

const REQUESTS = 500;
const TOKENS = 30_000;

const USAGE = `Usage: npx tsx demo/examples/openai.ts [options]

Sends questions to a local server that allows ${count(REQUESTS)} requests and ${count(TOKENS)} tokens in any minute.

Options:
  --minute <s>   how many seconds a minute lasts here, so that you can watch it; default: 6
  --calls <n>    how many questions to ask; default: 1400
  --margin <ms>  the margin of the throttle, for calls that arrive late; default: 250
  --plain        send them without the throttle, to see the difference
  --help         print this

Exit code: 0 if no call was refused, all were answered and the server saw both limits kept; 1 if not; 2 for a wrong option.
`;

interface Question {
  readonly prompt: string;
  readonly max_tokens: number;
}

/** A question and what its answer said it used; undefined if it was refused. */
interface Answer {
  readonly question: Question;
  readonly usage: Usage | undefined;
}

const options = readOptions();
if (options === undefined) process.exitCode = 2;
else if (options.help) process.stdout.write(USAGE);
else await main(options);

interface Options {
  readonly minute: number;
  readonly calls: number;
  readonly margin: number;
  readonly plain: boolean;
}

async function main({ minute, calls, margin, plain }: Options): Promise<void> {
  const server = await startLanguageModelServer({ requests: REQUESTS, tokens: TOKENS, interval: minute });

  const throttle = createThrottle({
    limits: [
      slidingWindow({ name: 'requests', limit: REQUESTS, interval: minute }),
      slidingWindow({ name: 'tokens', limit: TOKENS, interval: minute }),
    ],
    concurrency: 32,
    margin,
  });

  const ask = (question: Question): Promise<Usage | undefined> =>
    throttle.run(({ key }) => askServer(server.url, question, (until) => throttle.pause(key, until)), {
      cost: { requests: 1, tokens: estimate(question) },
      settle: (usage) => usage && { tokens: usage.total_tokens },
    });

  const questions = Array.from({ length: calls }, (_, index) => questionOf(index));
  const answers: Answer[] = [];
  const stopWatching = watch(async () => {
    const { limits, waiting, inFlight } = await throttle.status();
    const left = limits.map(({ name, remaining }) => `${count(remaining)} ${name} left`).join(', ');
    return `${count(answers.length)} of ${count(calls)} answered, ${waiting} waiting, ${inFlight} in flight; ${left}`;
  });
  process.stdout.write(
    `${count(calls)} questions under ${count(REQUESTS)} requests and ${count(TOKENS)} tokens a minute, which lasts ${duration(minute)} here.\n`,
  );
  const send = plain ? (question: Question) => askServer(server.url, question, async () => {}) : ask;
  await Promise.all(questions.map(async (question) => answers.push({ question, usage: await send(question) })));
  stopWatching();
  await throttle.close();
  await server.close();

  const failures = report(server, minute, answers);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

/** Asks the server. A refusal stops all calls until it says, and gives undefined. */
async function askServer(
  url: string,
  question: Question,
  pause: (until: number) => Promise<void>,
): Promise<Usage | undefined> {
  const answer = await fetch(`${url}/v1/completions`, { method: 'POST', body: JSON.stringify(question) });
  if (answer.status === 429) await pause(Date.now() + Number(answer.headers.get('retry-after')) * 1000);
  if (!answer.ok) {
    // A body that nobody reads keeps its connection busy.
    await answer.arrayBuffer();
    return undefined;
  }
  return ((await answer.json()) as { usage: Usage }).usage;
}

/** The most tokens that a question can use: more than its prompt has, and as many as it allows for the answer. */
function estimate({ prompt, max_tokens }: Question): number {
  return Math.ceil(prompt.length / 3) + max_tokens;
}

/** Short questions and long ones, the same in every run. */
function questionOf(index: number): Question {
  return index % 2 === 0
    ? { prompt: `What is ${index} times ${index + 1}?`, max_tokens: 24 }
    : { prompt: `Tell me a story of ${index} words about a sluice, its keeper and the river.`, max_tokens: 170 };
}

/** Draws a line over and over, where there is a terminal that can. Returns what takes it away. */
function watch(line: () => Promise<string>): () => void {
  const { live } = terminalOf(process.stdout, process.env);
  if (!live) return () => {};
  let isOver = false;
  const draw = async () => {
    const text = await line();
    if (!isOver) process.stdout.write(`\r${text.slice(0, terminalOf(process.stdout, process.env).columns - 1)}\x1b[K`);
  };
  const timer = setInterval(() => void draw().catch(() => {}), 100);
  return () => {
    isOver = true;
    clearInterval(timer);
    process.stdout.write('\r\x1b[K');
  };
}

/** Prints what came of it, by the server's own log. Returns what went wrong, in words. */
function report({ log }: LanguageModelServer, minute: number, answers: readonly Answer[]): string[] {
  const { style } = terminalOf(process.stdout, process.env);
  const accepted = log.filter((call) => call.accepted);
  const refused = log.length - accepted.length;
  const answered = answers.filter(({ usage }) => usage !== undefined);
  const used = accepted.reduce((sum, call) => sum + call.tokens, 0);
  const estimated = answered.reduce((sum, { question }) => sum + estimate(question), 0);
  const most = {
    requests: mostInAnyWindow(log, minute),
    tokens: mostInAnyWindow(log, minute, (call) => call.tokens),
  };
  const time = timeTaken(log);
  const allowed = TOKENS * (time / minute) + TOKENS;

  const rows = [
    ['calls', `${count(answered.length)} of ${count(answers.length)} answered in ${measured(time)}`],
    ['429s', count(refused)],
    ['most requests in a minute', `${count(most.requests)} of ${count(REQUESTS)}`],
    ['most tokens in a minute', `${count(most.tokens)} of ${count(TOKENS)}`],
    [
      'token quota used',
      `${percent(used / allowed)} of what it allows in that time: its rate × the time, plus one minute's at once`,
    ],
    [
      'settled back',
      `${percent(1 - used / estimated)} of the estimates: ${count(estimated)} tokens estimated, ${count(used)} used`,
    ],
  ] as const;
  const width = Math.max(...rows.map(([name]) => name.length));
  const failures = [
    ...(refused > 0 ? [`${count(refused)} calls were refused`] : []),
    ...(answered.length < answers.length ? [`${count(answers.length - answered.length)} calls were not answered`] : []),
    ...(most.requests > REQUESTS ? [`${count(most.requests)} requests in a minute`] : []),
    ...(most.tokens > TOKENS ? [`${count(most.tokens)} tokens in a minute`] : []),
  ];
  const verdict =
    failures.length === 0
      ? [style.green('Both limits kept, by the log of the server.')]
      : failures.map((failure) => style.red(`✗ ${failure}`));
  const lines = ['', ...rows.map(([name, text]) => `  ${style.dim(name.padEnd(width))}  ${text}`), '', ...verdict];
  process.stdout.write(`${lines.join('\n')}\n`);
  return failures;
}

function readOptions(): (Options & { readonly help: boolean }) | undefined {
  try {
    const { values } = parseArgs({
      options: {
        minute: { type: 'string', default: '6' },
        calls: { type: 'string', default: '1400' },
        margin: { type: 'string', default: '250' },
        plain: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return {
      minute: numberIn('--minute', values.minute) * 1000,
      calls: numberIn('--calls', values.calls),
      margin: numberIn('--margin', values.margin),
      plain: values.plain ?? false,
      help: values.help ?? false,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return undefined;
  }
}

function numberIn(name: string, text: string | undefined): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new Error(`Expected ${name} to be a number above 0, got "${text}".`);
  return value;
}
