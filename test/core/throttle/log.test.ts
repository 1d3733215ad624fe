import {
  createThrottle,
  type Logger,
  logTo,
  memoryStore,
  type Throttle,
  type ThrottleOptions,
  throttleFetch,
} from 'sluice';
import { faultyStore, ManualClock } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { outcomeOf } from '../line/outcome.ts';

const T = 100;
const limits = { rate: 1, interval: T };

function setup(options: Partial<ThrottleOptions> = {}) {
  const clock = new ManualClock();
  const throttle = createThrottle({ margin: 0, limits, clock, ...options });
  const lines: string[] = [];
  const write = (level: string) => (message: string) => void lines.push(`${level}  ${message}`);
  const logger: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
  const stop = logTo(throttle, logger);
  const wait = (options?: Parameters<Throttle['wait']>[1]) => outcomeOf(throttle.wait('api', options), clock);
  return { clock, throttle, lines, logger, stop, wait };
}

afterEach(() => vi.restoreAllMocks());

describe('logTo', () => {
  test('writes what happens to a call at debug', async () => {
    const { clock, lines, wait } = setup();
    wait();
    wait();
    await clock.advance(T);
    expect(lines).toEqual([
      'debug  sluice: "api" goes after 0 ms',
      'debug  sluice: "api" waits, 1 in line',
      'debug  sluice: "api" goes after 100 ms',
    ]);
  });

  test('writes how a call ended at debug', async () => {
    const { clock, throttle, lines } = setup();
    const task = () => new Promise<void>((_, reject) => clock.setTimeout(() => reject(new Error('mine')), 30));
    outcomeOf(throttle.run(task, { key: 'api' }), clock);
    await clock.advance(T);
    expect(lines.at(-1)).toBe('debug  sluice: "api" ended after 30 ms: error');
  });

  test('writes a pause at warn and its end at info', async () => {
    const { clock, throttle, lines, wait } = setup();
    await throttle.pause('api', clock.now() + 5 * T);
    wait();
    await clock.advance(5 * T);
    expect(lines).toEqual([
      'warn  sluice: "api" is paused until 2026-01-01T00:00:00.500Z',
      'debug  sluice: "api" waits, 1 in line',
      'info  sluice: "api" goes on',
      'debug  sluice: "api" goes after 500 ms',
    ]);
  });

  test('writes a warning at warn', async () => {
    const { lines, throttle, clock } = setup();
    const fetch = throttleFetch(throttle, {
      fetch: async () => new Response('', { headers: { 'sforce-limit-info': 'api-usage=18/5000' } }),
      key: 'api',
    });
    const call = fetch('https://a.example');
    await clock.advance(0);
    await call;
    expect(lines.at(-2)).toBe(
      'warn  sluice: "api": `sforce-limit-info` is not read: pass `dialect: salesforce().dialect`, from sluice/presets',
    );
  });

  test.each([
    ['an error by its message', new Error('not today'), 'not today'],
    ['a text', 'not today', 'not today'],
    ['nothing said', undefined, 'AbortError'],
    ['a symbol', Symbol('why'), 'Symbol(why)'],
    ['what has no text', Object.create(null), '[object Object]'],
  ])('writes a call that was not sent at warn, and how long it waited, %s', async (_, reason, text) => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { clock, lines, wait } = setup();
    const controller = new AbortController();
    wait();
    wait({ signal: controller.signal });
    await clock.advance(T / 2);
    controller.abort(reason);
    const start = 'warn  sluice: "api" was not sent after 50 ms: ';
    expect(lines.at(-1)).toEqual(reason === undefined ? expect.stringContaining('aborted') : `${start}${text}`);
    expect(lines.at(-1)).toContain(start);
    expect(report).not.toHaveBeenCalled();
  });

  test('writes a failing store at error, and what takes over', async () => {
    const store = faultyStore(memoryStore(), () => ({ error: new Error('gone') }));
    const { clock, lines, wait } = setup({ store });
    wait();
    await clock.advance(0);
    expect(lines).toContain('error  sluice: the store failed for "api", a local bucket takes over: gone');
    const rejecting = setup({ store, onStoreError: 'reject' });
    rejecting.wait();
    await rejecting.clock.advance(0);
    expect(rejecting.lines).toEqual([
      'debug  sluice: "api" waits, 1 in line',
      'error  sluice: the store failed for "api": gone',
      'warn  sluice: "api" was not sent after 0 ms: Store memory failed for key "api": gone',
    ]);
  });

  test.each([
    [3_600_000, 'warn  sluice: the wall clock was set by 3600000 ms'],
    [-5_000, 'warn  sluice: the wall clock was set by -5000 ms'],
  ])('writes a jump of the wall clock by %s ms at warn', async (jump, line) => {
    const { clock, throttle, lines } = setup();
    clock.jump(jump);
    await throttle.status();
    expect(lines).toEqual([line]);
  });

  test('writes a pause without end, and a key of any length, in a line of ordinary length', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { throttle, lines } = setup({ maxPause: Infinity });
    await throttle.pause('k'.repeat(1_000_000), 1e300);
    expect(lines).toEqual([
      `warn  sluice: "${'k'.repeat(80)}… (1000000 characters)" is paused until +275760-09-13T00:00:00.000Z`,
    ]);
    expect(report).not.toHaveBeenCalled();
  });

  test('writes nothing after it is stopped, which can be done twice', async () => {
    const { clock, lines, stop, wait } = setup();
    wait();
    await clock.advance(0);
    stop();
    stop();
    wait();
    await clock.advance(T);
    expect(lines).toEqual(['debug  sluice: "api" goes after 0 ms']);
  });

  test('calls the logger as its own method', async () => {
    class Lines {
      readonly lines: string[] = [];
      debug(message: string): void {
        this.lines.push(message);
      }
      info = this.debug;
      warn = this.debug;
      error = this.debug;
    }
    const { clock, throttle } = setup();
    const logger = new Lines();
    logTo(throttle, logger);
    await throttle.wait();
    await throttle.pause('default', clock.now() + T);
    expect(logger.lines).toHaveLength(2);
  });

  test('with a logger that throws disturbs no call', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { clock, throttle } = setup();
    const wrong = new Error('disk full');
    const fails = () => {
      throw wrong;
    };
    logTo(throttle, { debug: fails, info: fails, warn: fails, error: fails });
    const calls = [1, 2].map(() => outcomeOf(throttle.wait(), clock));
    await clock.advance(T);
    expect(calls.map((call) => call.at)).toEqual([0, T]);
    expect(shown).toHaveBeenCalledWith(expect.any(String), wrong);
  });

  test.each(['debug', 'info', 'warn', 'error'])(
    'refuses a logger without %s, and writes to it nowhere',
    async (level) => {
      const { throttle } = setup();
      const debug = vi.fn();
      const logger = { debug, info: debug, warn: debug, error: debug, [level]: undefined };
      expect(() => logTo(throttle, logger as unknown as Logger)).toThrow(
        `Expected \`logger.${level}\` to be a function, got \`undefined\`.`,
      );
      await throttle.wait();
      expect(debug).not.toHaveBeenCalled();
    },
  );

  test.each([undefined, null, 5, 'console'])('refuses %s as a logger', (logger) => {
    const { throttle } = setup();
    expect(() => logTo(throttle, logger as unknown as Logger)).toThrow('Expected `logger` to be an object with debug');
  });

  test('takes the console', async () => {
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
    const { throttle } = setup();
    logTo(throttle, console);
    await throttle.wait();
    expect(debug).toHaveBeenCalledWith('sluice: "default" goes after 0 ms');
  });
});
