import { dirname, join } from 'node:path/posix';
import ts from 'typescript';

/** What a layer of src may import besides itself. */
export interface Layer {
  /** At run time and as types. */
  readonly imports: readonly string[];
  /** By `import type` alone. */
  readonly types?: readonly string[];
}

const arithmetic = ['core/base', 'core/time', 'core/limits', 'core/bucket'];
const rooms: Readonly<Record<string, Layer>> = {
  // The contract of a store names the types of these.
  'core/base': { imports: [], types: ['core/time', 'core/limits', 'core/bucket'] },
  'core/time': { imports: ['core/base'] },
  'core/limits': { imports: ['core/base', 'core/time'] },
  'core/bucket': { imports: ['core/base', 'core/time', 'core/limits'] },
  'core/line': { imports: arithmetic },
  'core/sharing': { imports: [...arithmetic, 'core/line'] },
  'core/listening': { imports: [...arithmetic, 'core/line'] },
  // These two are reached through what a store or an adapter hands in.
  'core/throttle': { imports: [...arithmetic, 'core/line'], types: ['core/sharing', 'core/listening'] },
};
/** All layers that are held to an order, from the bottom. Other folders of src may import what they like. */
export const layers: Readonly<Record<string, Layer>> = {
  ...rooms,
  storage: { imports: Object.keys(rooms) },
  adapters: { imports: Object.keys(rooms) },
};

const mostLines = 300;
const mostFields = 12;

/** Something that a file does against the layout of src. */
export interface Violation {
  readonly file: string;
  readonly rule: string;
}

/**
 * Finds all that one file does against the layout of src.
 * @param file its path from the root of the repository, with slashes
 */
export function violationsIn(file: string, text: string): Violation[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const rules = isInCore(file) ? [...placeRules(file), ...sizeRules(source)] : [];
  return [...rules, ...importRules(source)].map((rule) => ({ file, rule }));
}

const isInCore = (file: string): boolean => file.startsWith('src/core/');

/** The layer that a file stands in: a room of src/core, or another folder of src. */
function layerOf(file: string): string {
  return /^src\/(core\/[^/]+(?=\/)|[^/]+)/.exec(file)?.[1] ?? file;
}

function placeRules(file: string): string[] {
  const names = Object.keys(rooms).map((room) => room.replace('core/', ''));
  return layerOf(file) in rooms ? [] : [`src/core has the rooms ${names.join(', ')}, and nothing beside them`];
}

function sizeRules(source: ts.SourceFile): string[] {
  const lines = source.text.trimEnd().split('\n').length;
  const tooLong = lines > mostLines ? [`a file of src/core has at most ${mostLines} lines, not ${lines}`] : [];
  const tooWide = nodesIn(source)
    .filter(ts.isClassLike)
    .map((one) => ({ name: one.name?.text ?? 'a class without a name', fields: fieldsOf(one) }))
    .filter(({ fields }) => fields > mostFields)
    .map(({ name, fields }) => `a class has at most ${mostFields} fields, not ${fields}: ${name}`);
  return [...tooLong, ...tooWide];
}

/** A node and all below it. */
function nodesIn(node: ts.Node): ts.Node[] {
  const below: ts.Node[] = [];
  ts.forEachChild(node, (child) => void below.push(...nodesIn(child)));
  return [node, ...below];
}

/** The fields of an instance, those that the constructor's parameters declare included. */
function fieldsOf({ members }: ts.ClassLikeDeclaration): number {
  const isStatic = (member: ts.PropertyDeclaration) =>
    member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) === true;
  const properties = members.filter((member) => ts.isPropertyDeclaration(member) && !isStatic(member));
  const parameters = members
    .filter(ts.isConstructorDeclaration)
    .flatMap((made) => made.parameters.filter((parameter) => ts.isParameterPropertyDeclaration(parameter, made)));
  return properties.length + parameters.length;
}

function importRules(source: ts.SourceFile): string[] {
  const own = layerOf(source.fileName);
  const layer = layers[own];
  if (layer === undefined) return [];
  return nodesIn(source).flatMap((node) => {
    const { from, isOfTypes } = importAt(node) ?? {};
    if (from === undefined) return [];
    // Peers of stores and adapters. The core has none.
    if (!from.startsWith('.')) return isInCore(source.fileName) ? [`src/core imports no package: ${from}`] : [];
    const target = layerOf(join(dirname(source.fileName), from));
    if (target === own || layer.imports.includes(target)) return [];
    if (!layer.types?.includes(target)) return [`${own} does not import ${target}: ${from}`];
    return isOfTypes ? [] : [`${own} imports nothing but types of ${target}: ${from}`];
  });
}

interface Import {
  readonly from: string;
  readonly isOfTypes: boolean;
}

/** Reads what imports, exports again, loads, or names as `import('…')`; undefined for any other node. */
function importAt(node: ts.Node): Import | undefined {
  // `import { type One }` still loads the file.
  if (ts.isImportDeclaration(node)) return importOf(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
  if (ts.isExportDeclaration(node)) return importOf(node.moduleSpecifier, node.isTypeOnly);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return importOf(node.argument.literal, true);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return importOf(node.arguments[0], false);
  return undefined;
}

function importOf(specifier: ts.Node | undefined, isOfTypes: boolean): Import | undefined {
  return specifier && ts.isStringLiteral(specifier) ? { from: specifier.text, isOfTypes } : undefined;
}
