// The reference, of the doc comments of all public paths. A public name without one is a failure.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, LogLevel, type ProjectReflection, ReflectionKind, TSConfigReader } from 'typedoc';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every public path with the file that it leads to, as tsconfig.json has them. */
function publicPaths(): [path: string, file: string][] {
  const { config } = ts.parseConfigFileTextToJson('tsconfig.json', readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const paths = config.compilerOptions.paths as Record<string, [string]>;
  return Object.entries(paths).map(([path, [file]]) => [path, join(root, file)]);
}

export interface Reference {
  /** Whether every exported name has a comment and every link in comments leads somewhere. */
  readonly isComplete: boolean;
  /** Writes it as Markdown, with a `sidebar.json`. */
  write(folder: string): Promise<void>;
}

export async function readReference(): Promise<Reference> {
  const paths = publicPaths();
  const app = await Application.bootstrapWithPlugins(
    {
      name: 'Reference',
      entryPoints: paths.map(([, file]) => file),
      tsconfig: join(root, 'tsconfig.src.json'),
      plugin: ['typedoc-plugin-markdown'],
      readme: 'none',
      excludeExternals: true,
      excludePrivate: true,
      disableSources: true,
      disableGit: true,
      logLevel: LogLevel.Warn,
      sort: ['source-order'],
      // Exported names alone must have a comment, which `undocumented` sees to.
      validation: {
        notExported: false,
        invalidLink: true,
        rewrittenLink: true,
        notDocumented: false,
        unusedMergeModuleWith: true,
      },
      // As VitePress reads it.
      ...({
        entryFileName: 'index',
        fileExtension: '.md',
        hideBreadcrumbs: true,
        hidePageHeader: true,
        useCodeBlocks: true,
        sanitizeComments: true,
        parametersFormat: 'table',
        interfacePropertiesFormat: 'list',
      } as object),
    },
    [new TSConfigReader()],
  );
  const project = await app.convert();
  if (project === undefined) throw new Error('The doc comments could not be read.');
  nameModules(project, paths);
  app.validate(project);
  const missing = undocumented(project);
  for (const name of missing) console.error(`${name} has no doc comment.`);
  const isComplete = missing.length + app.logger.warningCount + app.logger.errorCount === 0;
  return {
    isComplete,
    write: async (folder) => {
      app.options.setValue('out', folder);
      await app.generateOutputs(project);
      linkPages(folder);
      writeFileSync(join(folder, 'sidebar.json'), JSON.stringify(sidebarOf(project)));
    },
  };
}

/** Calls each module what it is imported by, in the order of the table. */
function nameModules(project: ProjectReflection, paths: readonly (readonly [string, string])[]): void {
  for (const module of project.children ?? []) {
    const own = paths.find(([, path]) => path.endsWith(`/src/${module.name}.ts`));
    if (own !== undefined) module.name = own[0];
  }
  const order = paths.map(([path]) => path);
  project.children?.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** The exported names that nothing is said about. */
function undocumented(project: ProjectReflection): string[] {
  return (project.children ?? []).flatMap((module) =>
    (module.children ?? [])
      .filter((one) => one.kind !== ReflectionKind.Reference)
      .filter((one) => !one.hasComment() && !(one.signatures ?? []).some((signature) => signature.hasComment()))
      .map((one) => `${one.name} of ${module.name}`),
  );
}

/** Makes links of the pages that comments name, such as docs/http.md. */
function linkPages(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
  for (const file of files.map((file) => join(folder, file))) {
    const text = readFileSync(file, 'utf8').replace(
      /\bdocs\/([\w-]+\.md)(#[\w-]+)?/g,
      (_, page: string, section = '') => {
        const [, title = page] = /^# (.+)$/m.exec(readFileSync(join(root, 'docs', page), 'utf8')) ?? [];
        return `[${title}](/${page}${section})`;
      },
    );
    writeFileSync(file, text);
  }
}

interface SidebarItem {
  readonly text: string;
  readonly link: string;
}

function sidebarOf(project: ProjectReflection): SidebarItem[] {
  return (project.children ?? []).map(({ name }) => ({ text: name, link: `/reference/${name}/` }));
}
