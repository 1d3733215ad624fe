import { checkFunction, wrongType } from '../base/check.ts';
import { report } from '../base/events.ts';
import { linkedOf } from './adapter-link.ts';
import { latestStatus, type StatusListener, watchStatus } from './status-watch.ts';
import type { Status, Throttle } from './throttle.ts';

/**
 * Calls `listener` with the status of a key: soon after this, and whenever it changes, at most 60 times a second. It
 * reads the status after each event of the key, and once a second while calls wait or a pause lasts; otherwise never.
 * So `remaining` and `resetAfter` are those of the latest change. Other users of a shared store show only while a call
 * here waits. A listener that throws affects nothing else.
 * @param key names the bucket; `'default'` if undefined
 * @param listener gets the same object as everyone who watches that key
 * @returns a function that stops it
 * @throws TypeError for a wrong argument
 * @example
 * const stop = subscribe(throttle, 'user:amy', ({ waiting, eta }) => {
 *   document.title = eta === undefined ? 'done' : `${waiting} left`;
 * });
 */
export function subscribe(throttle: Throttle, key: string | undefined, listener: StatusListener): () => void {
  linkedOf(throttle);
  const name = key ?? 'default';
  if (typeof name !== 'string') wrongType('key', 'a string', key);
  checkFunction('listener', listener);
  let isStopped = false;
  let told: Status | undefined;
  const tell = (status: Status | undefined) => {
    if (isStopped || status === undefined || status === told) return;
    told = status;
    listener(status);
  };
  const stop = watchStatus(throttle, name, tell);
  // A later subscriber gets the status that the others have seen.
  Promise.resolve()
    .then(() => tell(latestStatus(throttle, name)))
    .catch(report);
  return () => {
    isStopped = true;
    stop();
  };
}
