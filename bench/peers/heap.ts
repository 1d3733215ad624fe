/** Bytes on the heap after garbage collection; the process has `--expose-gc`. */
export async function heapUsed(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}
