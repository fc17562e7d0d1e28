/**
 * TFG0904: a division of ints that drops a remainder, where the numbers are the same in every run: `(28 - 5) / 2`,
 * and `1 / 2`, which is 0. In terms of run dims or of a function's arguments rounding down is the rule, and meant.
 */
import { spanText } from "../../../grammar/source.ts";
import type { BinaryExpression, Declaration, Expression, GraphItem } from "../../../grammar/syntax.ts";
import { emptyFrame } from "../declarations.ts";
import { literalInt } from "../entity.ts";
import type { Check, Module } from "../frame.ts";
import { expressionsOfDeclaration, namesBoundIn } from "../walk.ts";
import type { Lint } from "./names.ts";

/** Consts that are defined by each other nest no deeper. */
const deepest = 20;

export function lintDivisions(check: Check, module: Module): Lint[] {
  const frame = emptyFrame(check, module);
  return module.tree.declarations.flatMap((declaration) => {
    const locals = localValues(declaration);
    const valueOf = (expression: Expression, depth = 0): number | undefined => {
      switch (expression.kind) {
        case "number":
          return expression.isFloat ? undefined : expression.value;
        case "parenthesized":
          return valueOf(expression.value, depth);
        case "unary": {
          const value = valueOf(expression.operand, depth);
          return expression.operator === "-" && value !== undefined ? -value : undefined;
        }
        case "binary": {
          const [a, b] = [valueOf(expression.left, depth), valueOf(expression.right, depth)];
          return a === undefined || b === undefined ? undefined : arithmetic(expression.operator, a, b);
        }
        case "name": {
          const local = locals.get(expression.name);
          if (local) return local.value && depth < deepest ? valueOf(local.value, depth + 1) : undefined;
          const item = module.items.get(expression.name);
          if (item?.kind !== "declaration") return undefined;
          const { kind } = item.declaration;
          return kind === "const" || kind === "config"
            ? literalInt(check.itemEntity(frame, item, expression.span))
            : undefined;
        }
        default:
          return undefined;
      }
    };
    const meant = new Set<Expression>();
    const lints: Lint[] = [];
    for (const expression of expressionsOfDeclaration(declaration)) {
      for (const division of divisionsMeant(expression)) meant.add(division);
      if (expression.kind !== "binary" || expression.operator !== "/" || meant.has(expression)) continue;
      const [a, b] = [valueOf(expression.left), valueOf(expression.right)];
      if (a === undefined || b === undefined || b === 0 || a % b === 0 || isIdiom(expression)) continue;
      lints.push(dropped(expression, a, b));
    }
    return lints;
  });
}

function arithmetic(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return b === 0 ? undefined : Math.floor(a / b);
    case "%":
      return b === 0 ? undefined : a - b * Math.floor(a / b);
    default:
      return undefined;
  }
}

function dropped(expression: BinaryExpression, a: number, b: number): Lint {
  const { left, right, span } = expression;
  const quotient = Math.floor(a / b);
  const inner = left.kind === "parenthesized" ? left.value : left;
  const asFloat = right.kind === "number" ? `${spanText(left.span)} / ${right.value}.0` : undefined;
  return {
    code: "TFG0904",
    message: `\`${spanText(span)}\` rounds down`,
    primary: { span, text: `${a} / ${b} is ${quotient}, and the remainder ${a - b * quotient} is dropped` },
    helps: [
      ...(asFloat === undefined ? [] : [{ text: `for ${a / b} write \`${asFloat}\`` }]),
      { text: `to round up write \`ceil_div(${spanText(inner.span)}, ${spanText(right.span)})\`` },
    ],
  };
}

/** `n / k * k` and `n - n / k * k`: the remainder is dropped on purpose. */
function* divisionsMeant(expression: Expression): Iterable<Expression> {
  if (expression.kind !== "binary" || expression.operator !== "*") return;
  const bare = (side: Expression): Expression => (side.kind === "parenthesized" ? bare(side.value) : side);
  const { left, right } = expression;
  for (const [product, other] of [
    [bare(left), right],
    [bare(right), left],
  ] as const)
    if (product.kind === "binary" && product.operator === "/" && sameText(product.right, other)) yield product;
}

/** `TAPS / 2`, the middle of a window; `(n + k - 1) / k`, which rounds up. */
function isIdiom({ left, right }: BinaryExpression): boolean {
  if (left.kind === "name" && right.kind === "number" && right.value === 2) return true;
  const sum = left.kind === "parenthesized" ? left.value : left;
  if (sum.kind !== "binary") return false;
  const isOne = (side: Expression): boolean => side.kind === "number" && side.value === 1;
  const { left: most, right: least, operator } = sum;
  return (
    operator === "-" &&
    isOne(least) &&
    most.kind === "binary" &&
    most.operator === "+" &&
    (sameText(most.right, right) || sameText(most.left, right))
  );
}

const sameText = (a: Expression, b: Expression): boolean =>
  spanText(a.span).replaceAll(/\s/g, "") === spanText(b.span).replaceAll(/\s/g, "");

/** The names bound in a declaration; those that a `const` or one binding gives have an expression. */
function localValues(declaration: Declaration): ReadonlyMap<string, { readonly value?: Expression }> {
  const found = new Map<string, { readonly value?: Expression }>();
  const add = (name: string, value?: Expression): void => {
    found.set(name, value === undefined || found.has(name) ? {} : { value });
  };
  for (const { name, item } of namesBoundIn(declaration)) add(name.text, item && soleValue(item));
  for (const expression of expressionsOfDeclaration(declaration)) {
    if (expression.kind === "lambda")
      for (const { names } of expression.patterns) for (const { text } of names) add(text);
    if (expression.kind === "comprehension") for (const { name } of expression.binders) add(name.text);
  }
  return found;
}

function soleValue(item: GraphItem): Expression | undefined {
  if (item.kind === "const") return item.value;
  return item.kind === "binding" && item.names.length === 1 && item.type === undefined ? item.value : undefined;
}
