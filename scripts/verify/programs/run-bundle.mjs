// Runs what a bundler made: `run-bundle.mjs SERVER BUNDLE`.
const [server, bundle] = process.argv.slice(2);
globalThis.verify = {
  server,
  told(failures, total) {
    for (const failure of failures) console.log(`FAILED ${failure}`);
    console.log(`${total - failures.length} of ${total} hold`);
    process.exit(failures.length === 0 ? 0 : 1);
  },
};
await import(bundle);
