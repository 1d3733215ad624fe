/** What `npm run test:quick` leaves out, in words. */
export const notQuick =
  'test:quick leaves out real time and real programs (loopback, browser, redis), the type tests, test/demo, test/network, test/outside, and files named contract, many, million or process';

/** Whether a test file is one that a contributor runs after each change. */
export function quick(file: string): boolean {
  const isHeavy = /\.(loopback|browser|redis)\.test\.ts$|\.test-d\.ts$|^test\/(demo|network|outside)\//.test(file);
  return !isHeavy && !/(^|[/.-])(contract|many|million|process)([.-])[^/]*$/.test(file);
}
