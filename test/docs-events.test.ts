import { readFileSync } from 'node:fs';
import * as sluice from 'sluice';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const page = read('docs/events-and-errors.md');

function parsed(path: string): ts.SourceFile {
  return ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true);
}

const namesIn = (members: readonly (ts.ClassElement | ts.TypeElement | ts.ParameterDeclaration)[]) =>
  members.flatMap(({ name }) => (name && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? [name.text] : []));

/** The payload of each event, by the type that listeners get. */
function events(): Record<string, string[]> {
  const declared = parsed('src/core/base/events.ts').statements.filter(ts.isInterfaceDeclaration);
  const { members } = declared.find(({ name }) => name.text === 'ThrottleEvents') as ts.InterfaceDeclaration;
  return Object.fromEntries(
    members.filter(ts.isPropertySignature).map((event) => {
      const payload = event.type as ts.TypeLiteralNode;
      return [namesIn([event])[0] as string, namesIn([...payload.members]).sort()];
    }),
  );
}

/** The fields of each error, by the parameters that its constructor makes fields of. */
function errors(): Record<string, string[]> {
  const classes = parsed('src/core/base/errors.ts').statements.filter(ts.isClassDeclaration);
  return Object.fromEntries(
    classes.map(({ name, members }) => {
      const made = members.filter(ts.isConstructorDeclaration).flatMap(({ parameters }) => [...parameters]);
      return [name?.text as string, namesIn(made).sort()];
    }),
  );
}

/** Name and fields in the rows of the table under a heading. */
function tableOf(heading: string): Record<string, string[]> {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const rows = [...text.matchAll(/^\| `([\w-]+)` \| (.*?) \|/gm)];
  return Object.fromEntries(
    rows.map(([, name = '', fields = '']) => [
      name,
      [...fields.matchAll(/`(\w+)`/g)].map(([, field = '']) => field).sort(),
    ]),
  );
}

describe('docs/events-and-errors.md', () => {
  it('has every event with its payload, and no other', () => {
    expect(Object.keys(events()).length).toBeGreaterThan(5);
    expect(tableOf('Events')).toEqual(events());
  });

  it('has every error with its fields, and no other', () => {
    const exported = Object.keys(sluice).filter((name) => name.endsWith('Error') && /^[A-Z]/.test(name));
    expect(Object.keys(errors()).sort()).toEqual(exported.sort());
    expect(tableOf('Errors')).toEqual(errors());
  });
});
