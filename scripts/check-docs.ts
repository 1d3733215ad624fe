// Checks that every exported name has a doc comment.
import { readReference } from './reference.ts';

const { isComplete } = await readReference();
console.log(
  isComplete ? 'Every exported name has a doc comment.' : 'FAILED: doc comments are missing or wrong, see above.',
);
process.exit(isComplete ? 0 : 1);
