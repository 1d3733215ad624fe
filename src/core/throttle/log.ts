import { checkMethods } from '../base/check.ts';
import { shown } from '../base/errors.ts';
import { isoInstant } from '../time/clock.ts';
import type { Throttle } from './throttle.ts';

/** The target of log lines: `console`, or any logger with the usual four levels. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/**
 * Writes what a throttle does to a log: waits, grants and ends at `debug`, the end of a pause at `info`, pauses, refused calls, warnings and clock
 * jumps at `warn`, failures of the store at `error`.
 * @returns a function that stops it
 * @throws TypeError if `logger` lacks one of the levels
 * @example
 * const stop = logTo(throttle, console);
 */
export function logTo(throttle: Throttle, logger: Logger): () => void {
  checkMethods('logger', logger, ['debug', 'info', 'warn', 'error']);
  const stops = [
    throttle.on('queued', ({ key, waiting }) => logger.debug(`sluice: ${shown(key)} waits, ${waiting} in line`)),
    throttle.on('granted', ({ key, wait }) => logger.debug(`sluice: ${shown(key)} goes after ${Math.round(wait)} ms`)),
    throttle.on('ended', ({ key, duration, outcome }) =>
      logger.debug(`sluice: ${shown(key)} ended after ${Math.round(duration)} ms: ${outcome}`),
    ),
    throttle.on('rejected', ({ key, wait, error }) =>
      logger.warn(`sluice: ${shown(key)} was not sent after ${Math.round(wait)} ms: ${said(error)}`),
    ),
    throttle.on('paused', ({ key, until }) =>
      logger.warn(`sluice: ${shown(key)} is paused until ${isoInstant(until)}`),
    ),
    throttle.on('resumed', ({ key }) => logger.info(`sluice: ${shown(key)} goes on`)),
    throttle.on('warning', ({ key, message }) => logger.warn(`sluice: ${shown(key)}: ${message}`)),
    throttle.on('clock-jump', ({ by }) => logger.warn(`sluice: the wall clock was set by ${by} ms`)),
    throttle.on('store-error', ({ key, error, fallback }) => {
      logger.error(
        `sluice: the store failed for ${shown(key)}${fallback ? ', a local bucket takes over' : ''}: ${said(error)}`,
      );
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** The text of an error. A signal may abort with any value, even one without a text. */
function said(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}
