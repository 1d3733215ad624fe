/** Waits until an instant, in ms since the epoch. By a worker's timer: those of hidden pages are late. */
export async function sleepUntil(instant: number): Promise<void> {
  const source = 'onmessage = ({ data }) => setTimeout(() => postMessage(0), data)';
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  await new Promise<unknown>((resolve) => {
    worker.onmessage = resolve;
    // Where the page may have no such worker.
    worker.onerror = () => resolve(turnUntil(instant));
    worker.postMessage(Math.max(0, instant - Date.now()));
  });
  worker.terminate();
}

/** Keeps the event loop turning until an instant, in ms since the epoch. */
async function turnUntil(instant: number): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  while (Date.now() < instant)
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(undefined);
    });
  port1.close();
}
