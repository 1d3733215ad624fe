import { outcomeOf, type Part } from './part.ts';
import { run } from './place.ts';

/** Loads the package without a window, and uses it with the one of happy-dom. */
export const domPart: Part = {
  name: 'happy-dom',
  run: async ({ place, server }) => {
    const { program, project } = await place();
    return outcomeOf('happy-dom', await run(process.execPath, [await program('dom'), server.url], { cwd: project }));
  },
};
