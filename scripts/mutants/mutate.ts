import ts from 'typescript';

/** One small change of the source, which a test should notice. */
export interface Mutant {
  readonly id: number;
  readonly file: string;
  readonly line: number;
  /** The line it stands in, as it is written. */
  readonly code: string;
  readonly from: string;
  readonly to: string;
}

type Change = readonly [from: string, to: string];

const comparisons = new Map([
  ['<', ['<=', '>=']],
  ['<=', ['<', '>']],
  ['>', ['>=', '<=']],
  ['>=', ['>', '<']],
]);
const opposites = new Map(
  [
    ['===', '!=='],
    ['+', '-'],
    ['*', '/'],
    ['+=', '-='],
    ['*=', '/='],
    ['++', '--'],
    ['Math.max', 'Math.min'],
    ['Math.ceil', 'Math.floor'],
    ['some', 'every'],
  ].flatMap(([one, other]) => [
    [one, other],
    [other, one],
  ]) as [string, string][],
);

/**
 * Writes all mutants of a file into it at once. The one whose number `__mutant` says yes to is active: the expression
 * `a < b` becomes `(__mutant(7) ? (a <= b) : a < b)`, the statement `x();` becomes `{ if (!__mutant(8)) x(); }`.
 */
export function mutate(
  file: string,
  text: string,
  firstId: number,
): { readonly code: string; readonly mutants: Mutant[] } {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS);
  const lines = text.split('\n');
  const mutants: Mutant[] = [];
  const code = text.slice(0, source.getStart()) + emit(source);
  return { code, mutants };

  function plain(node: ts.Node): string {
    return text.slice(node.getStart(), node.end);
  }

  function add(node: ts.Node, [from, to]: Change): number {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line;
    const id = firstId + mutants.length;
    mutants.push({ id, file, line: line + 1, code: (lines[line] ?? '').trim(), from: flat(from), to: flat(to) });
    return id;
  }

  function emit(node: ts.Node): string {
    if (isWithoutCode(node)) return plain(node);
    if (isRemovable(node)) {
      const id = add(node, [plain(node), ';']);
      return `{ if (!__mutant(${id})) ${withChildren(node)} }`;
    }
    if (isTarget(node)) return withChildren(node);
    const active = changesOf(node).map((change) => `__mutant(${add(node, change)}) ? (${change[1]}) : `);
    const unchanged = withChildren(node);
    return active.length === 0 ? unchanged : `(${active.join('')}${unchanged})`;
  }

  function withChildren(node: ts.Node): string {
    const children: ts.Node[] = [];
    node.forEachChild((child) => void children.push(child));
    let at = node.getStart();
    let out = '';
    for (const child of children.sort((a, b) => a.getStart() - b.getStart())) {
      out += text.slice(at, child.getStart()) + emit(child);
      at = child.end;
    }
    return out + text.slice(at, node.end);
  }

  function changesOf(node: ts.Node): Change[] {
    if (!ts.isExpression(node) || ts.isParenthesizedExpression(node)) return [];
    const own = plain(node);
    const changes: Change[] = [];
    const to = (text: string): void => void changes.push([own, text]);
    const condition = conditionOf(node);
    if (condition !== undefined) {
      if (condition === 'choice') to('true');
      to('false');
    }
    if (ts.isBinaryExpression(node)) {
      const operator = plain(node.operatorToken);
      const [left, right] = [plain(node.left), plain(node.right)];
      const [edge, negated] = comparisons.get(operator) ?? [];
      if (edge !== undefined) to(`${left} ${edge} ${right}`);
      if (negated !== undefined && !isOperandOfLogic(node) && condition === undefined)
        to(`${left} ${negated} ${right}`);
      if (['&&', '||', '??'].includes(operator)) {
        to(left);
        to(right);
      }
      const other = opposites.get(operator);
      const isEquality = operator === '===' || operator === '!==';
      if (
        other !== undefined &&
        !isText(node) &&
        !(isEquality && (isOperandOfLogic(node) || condition !== undefined))
      ) {
        to(`${left} ${other} ${right}`);
      }
    } else if (ts.isPrefixUnaryExpression(node)) {
      const operand = plain(node.operand);
      if (node.operator === ts.SyntaxKind.MinusToken) to(operand);
      if (node.operator === ts.SyntaxKind.ExclamationToken && !isOperandOfLogic(node) && condition === undefined)
        to(operand);
      if (node.operator === ts.SyntaxKind.PlusPlusToken) to(`--${operand}`);
      if (node.operator === ts.SyntaxKind.MinusMinusToken) to(`++${operand}`);
    } else if (ts.isPostfixUnaryExpression(node)) {
      to(`${plain(node.operand)}${node.operator === ts.SyntaxKind.PlusPlusToken ? '--' : '++'}`);
    } else if (ts.isNumericLiteral(node)) {
      to(String(Number(node.text) + 1));
    } else if (node.kind === ts.SyntaxKind.TrueKeyword && condition === undefined) {
      to('false');
    } else if (node.kind === ts.SyntaxKind.FalseKeyword && condition === undefined) {
      to('true');
    } else if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) {
      to('[]');
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression;
      const other = opposites.get(plain(node.expression)) ?? opposites.get(name.text);
      if (other !== undefined) {
        const callee = other.includes('.') ? other : `${plain(expression)}.${other}`;
        to(callee + text.slice(node.expression.end, node.end));
      }
    }
    if (ts.isOptionalChain(node) && !(ts.isOptionalChain(node.parent) && node.parent.expression === node)) {
      for (const token of tokensOf(node)) {
        const rest = text.slice(token.end, node.end);
        to(text.slice(node.getStart(), token.getStart()) + (/^\s*[[(]/.test(rest) ? '' : '.') + rest);
      }
    }
    if (isResult(node) && changes.length === 0 && !isPlainResult(node)) to('undefined');
    return changes;
  }
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

function isWithoutCode(node: ts.Node): boolean {
  return (
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isTypeParameterDeclaration(node) ||
    ts.isTaggedTemplateExpression(node) ||
    ts.isHeritageClause(node) ||
    (ts.isPropertyName(node) && !ts.isComputedPropertyName(node) && isNameOf(node)) ||
    (ts.isExpressionStatement(node) &&
      ts.isCallExpression(node.expression) &&
      node.expression.expression.kind === ts.SyntaxKind.SuperKeyword)
  );
}

function isNameOf(node: ts.Node): boolean {
  const { parent } = node;
  return 'name' in parent && parent.name === node;
}

/** A statement that can be left out. That of an `if` alone is left out by a false condition, the last `return` changes its value. */
function isRemovable(node: ts.Node): boolean {
  if (ts.isExpressionStatement(node)) return true;
  if (!ts.isReturnStatement(node) && !ts.isContinueStatement(node) && !ts.isBreakStatement(node)) return false;
  const { parent } = node;
  if (!ts.isBlock(parent) || parent.statements.length < 2) return false;
  return !(ts.isFunctionLike(parent.parent) && parent.statements.at(-1) === node);
}

/** What is assigned to, counted up, deleted or called: it cannot be put into brackets. */
function isTarget(node: ts.Node): boolean {
  const { parent } = node;
  if (parent === undefined) return false;
  if (ts.isBinaryExpression(parent) && parent.left === node) {
    const operator = parent.operatorToken.kind;
    return operator >= ts.SyntaxKind.FirstAssignment && operator <= ts.SyntaxKind.LastAssignment;
  }
  if (ts.isPrefixUnaryExpression(parent)) {
    return parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken;
  }
  if (ts.isPostfixUnaryExpression(parent) || ts.isDeleteExpression(parent)) return true;
  return (ts.isCallExpression(parent) || ts.isNewExpression(parent)) && parent.expression === node;
}

/** Whether it chooses between two ways, or ends a loop: one without an end proves nothing. */
function conditionOf(node: ts.Node): 'choice' | 'loop' | undefined {
  let child = node;
  let { parent } = node;
  while (ts.isParenthesizedExpression(parent)) [child, parent] = [parent, parent.parent];
  if (ts.isIfStatement(parent) && parent.expression === child) return 'choice';
  if (ts.isConditionalExpression(parent) && parent.condition === child) return 'choice';
  if ((ts.isWhileStatement(parent) || ts.isDoStatement(parent)) && parent.expression === child) {
    return child.kind === ts.SyntaxKind.TrueKeyword ? undefined : 'loop';
  }
  return ts.isForStatement(parent) && parent.condition === child ? 'loop' : undefined;
}

function isOperandOfLogic(node: ts.Node): boolean {
  let { parent } = node;
  while (ts.isParenthesizedExpression(parent)) parent = parent.parent;
  return ts.isBinaryExpression(parent) && ['&&', '||'].includes(parent.operatorToken.getText());
}

function isText(node: ts.Expression): boolean {
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    return isText(node.left) || isText(node.right);
  }
  return ts.isStringLiteral(node) || ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node);
}

function tokensOf(chain: ts.Node): ts.Node[] {
  const tokens: ts.Node[] = [];
  let node = chain;
  while (ts.isOptionalChain(node)) {
    if (!ts.isNonNullExpression(node) && node.questionDotToken) tokens.push(node.questionDotToken);
    node = node.expression;
  }
  return tokens;
}

function isResult(node: ts.Expression): boolean {
  const { parent } = node;
  return ts.isReturnStatement(parent) || (ts.isArrowFunction(parent) && parent.body === node);
}

function isPlainResult(node: ts.Expression): boolean {
  return (
    (ts.isIdentifier(node) && node.text === 'undefined') ||
    ts.isVoidExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isBinaryExpression(node) ||
    ts.isConditionalExpression(node) ||
    // Its value is rarely looked at: `() => this.#wake()`.
    (ts.isArrowFunction(node.parent) && ts.isCallExpression(node) && node.parent.parameters.length === 0)
  );
}
