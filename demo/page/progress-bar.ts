import { subscribe, type Throttle } from 'sluice';

/**
 * Shows how many calls of a key are done, and when the last one will go.
 * @returns a function that stops it
 */
export function showProgress(
  throttle: Throttle,
  key: string,
  bar: HTMLProgressElement,
  words: HTMLElement,
): () => void {
  let done = 0;
  const stopCounting = throttle.on('ended', (call) => {
    // A refused call is sent again, so it is not done.
    if (call.key === key && call.outcome !== 'refused') done += 1;
  });
  const stopWatching = subscribe(throttle, key, ({ waiting, inFlight, eta }) => {
    const left = waiting + inFlight;
    if (done + left === 0) return;
    bar.max = done + left;
    bar.value = done;
    const seconds = Math.ceil(((eta ?? 0) - Date.now()) / 1_000);
    const end = eta === undefined ? 'the last one is in flight' : `about ${seconds} s left`;
    words.textContent = left === 0 ? `${done} done` : `${done} of ${done + left} done, ${end}`;
    // The next calls begin a new count.
    if (left === 0) done = 0;
  });
  return () => {
    stopCounting();
    stopWatching();
  };
}
