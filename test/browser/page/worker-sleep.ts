/** Waits until an instant, in ms since the epoch. By a worker's timer: those of hidden pages are late. */
export async function sleepUntil(instant: number): Promise<void> {
  const source = 'onmessage = ({ data }) => setTimeout(() => postMessage(0), data)';
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  await new Promise((resolve) => {
    worker.onmessage = resolve;
    worker.postMessage(Math.max(0, instant - Date.now()));
  });
  worker.terminate();
}
