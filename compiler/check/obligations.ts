/** `where` on functions: what the caller must satisfy; and `assert`, which the compiler decides. */
import type { Help } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { AssertStatement, Expression } from "../../grammar/syntax.ts";
import { type Dim, formatDim, literalOf, modDims, mulDims, ONE, subDims } from "../ir/dims.ts";
import { isHostScalar, mayBeHost } from "./effects.ts";
import { describe, isNumber } from "./entity.ts";
import { fail } from "./operands.ts";
import type { Fact } from "./facts.ts";
import type { Frame } from "./frame.ts";
import { nearest } from "./nearest.ts";
import { Failure } from "./report.ts";

/** A `where` or `assert` on sizes, taken apart. */
export type SizeCondition =
  | {
      readonly kind: "divisible";
      readonly left: Dim;
      readonly by: Dim;
      readonly remainder: Dim;
      readonly byExpression: Expression;
      readonly leftExpression: Expression;
    }
  | {
      readonly kind: "order";
      readonly operator: "==" | "!=" | "<" | "<=" | ">" | ">=";
      readonly left: Dim;
      readonly right: Dim;
    };

const ORDERS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const isOrder = (operator: string): operator is "==" | "!=" | "<" | "<=" | ">" | ">=" => ORDERS.has(operator);

export function withoutParentheses(expression: Expression): Expression {
  return expression.kind === "parenthesized" ? withoutParentheses(expression.value) : expression;
}

/** `a && b` as its parts. */
export function conjuncts(expression: Expression): readonly Expression[] {
  const bare = withoutParentheses(expression);
  return bare.kind === "binary" && bare.operator === "&&"
    ? [...conjuncts(bare.left), ...conjuncts(bare.right)]
    : [bare];
}

/** The condition if it compares sizes; undefined for anything else. */
export function sizeCondition(frame: Frame, expression: Expression): SizeCondition | undefined {
  const bare = withoutParentheses(expression);
  if (bare.kind !== "binary" || !isOrder(bare.operator)) return undefined;
  const size = (part: Expression): Dim | undefined => {
    const entity = frame.check.evaluate(frame, part);
    if (entity.kind === "bottom") throw new Failure();
    return entity.kind === "int" ? entity.dim : undefined;
  };
  const modulo = withoutParentheses(bare.left);
  if (bare.operator === "==" && modulo.kind === "binary" && modulo.operator === "%") {
    const remainder = size(bare.right);
    const left = size(modulo.left);
    const by = size(modulo.right);
    if (!left || !by || !remainder) return undefined;
    // A remainder that no division leaves is compared as any size.
    const rest = literalOf(remainder);
    if (rest === 0 || (rest !== undefined && rest > 0 && rest < (literalOf(by) ?? 0)))
      return { kind: "divisible", left, by, remainder, leftExpression: modulo.left, byExpression: modulo.right };
  }
  const left = size(bare.left);
  const right = size(bare.right);
  return left && right ? { kind: "order", operator: bare.operator, left, right } : undefined;
}

/** Proves the obligations of a function for this call; TFG0310, TFG0311. */
export function checkObligations(frame: Frame, where: readonly Expression[]): void {
  for (const clause of where.flatMap(conjuncts)) {
    const condition = sizeCondition(frame, clause);
    if (condition?.kind === "divisible") checkDivisible(frame, clause, condition);
    else checkCondition(frame, clause);
  }
}

function checkDivisible(
  frame: Frame,
  clause: Expression,
  condition: Extract<SizeCondition, { kind: "divisible" }>,
): void {
  const { left, by, remainder } = condition;
  const [a, k, r] = [left, by, remainder].map(literalOf);
  if (k !== undefined && k < 1)
    throwOutward(frame, {
      code: "TFG0310",
      message: `nothing is divisible by ${k}`,
      span: argumentSpan(frame, condition.byExpression) ?? frame.activation?.callee ?? clause.span,
      text: "a positive int is expected",
      related: [{ span: clause.span, text: "required here" }],
      helps: [],
    });
  const at =
    argumentSpan(frame, condition.byExpression) ??
    argumentSpan(frame, condition.leftExpression) ??
    frame.activation?.callee ??
    clause.span;
  if (a !== undefined && k !== undefined && r !== undefined && k > 0) {
    if (((a % k) + k) % k === r) return;
    const names = [condition.leftExpression, condition.byExpression]
      .filter((part) => part.kind === "name")
      .map((part) => spanText(part.span));
    const written = names[0] ?? spanText(condition.leftExpression.span);
    const divisors = Array.from({ length: Math.min(a, 4096) }, (_, i) => i + 1).filter((n) => a % n === 0);
    const near = divisors
      .filter((n) => n > 1)
      .sort((x, y) => Math.abs(Math.log(x / k)) - Math.abs(Math.log(y / k)))
      .slice(0, 3)
      .sort((x, y) => x - y);
    throwOutward(frame, {
      code: "TFG0310",
      message: r === 0 ? `${a} is not divisible by ${k}` : `${a} % ${k} is ${((a % k) + k) % k}, not ${r}`,
      span: at,
      text: `${a} % ${k} = ${((a % k) + k) % k}`,
      related: [{ span: clause.span, text: `required here, with ${written} = ${a}` }],
      helps:
        r === 0 && near.length > 0
          ? [
              {
                text: `${near.length > 1 ? `${near.slice(0, -1).join(", ")} and ` : ""}${near[near.length - 1]} divide${near.length > 1 ? "" : "s"} ${a}`,
              },
            ]
          : [],
    });
  }
  if (remainder.terms.length === 0 && frame.facts.divisible(left, by)) return;
  const fact = `${formatDim(left)} % ${formatDim(by)} == ${formatDim(remainder)}`;
  throwOutward(frame, {
    code: "TFG0311",
    message: `cannot prove that ${formatDim(left)} is divisible by ${formatDim(by)}`,
    span: at,
    text: `${fact} is not known`,
    related: [{ span: clause.span, text: "required here" }],
    helps: frame.builder.graph ? [{ text: `state it: \`${frame.builder.graph.head} where ${fact}\`` }] : [],
  });
}

function checkCondition(frame: Frame, clause: Expression): void {
  const entity = frame.check.evaluate(frame, clause);
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind === "bool") {
    if (entity.value) return;
    const at =
      mentioned(clause)
        .map((part) => argumentSpan(frame, part))
        .find((span) => span !== undefined) ??
      frame.activation?.callee ??
      clause.span;
    throwOutward(frame, {
      code: "TFG0310",
      message: `\`${spanText(clause.span)}\` does not hold`,
      span: at,
      text: valuesText(frame, clause),
      related: [{ span: clause.span, text: "required here" }],
      helps: [],
    });
  }
  const condition = sizeCondition(frame, clause);
  const shown =
    condition?.kind === "order"
      ? `${formatDim(condition.left)} ${condition.operator} ${formatDim(condition.right)}`
      : spanText(clause.span);
  throwOutward(frame, {
    code: "TFG0311",
    message: `cannot prove that ${shown}`,
    span: frame.activation?.callee ?? clause.span,
    text: "this call needs it",
    related: [{ span: clause.span, text: "required here" }],
    helps:
      frame.builder.graph && condition ? [{ text: `state it: \`${frame.builder.graph.head} where ${shown}\`` }] : [],
  });
}

/** `with N = 3, K = 4` */
function valuesText(frame: Frame, clause: Expression): string {
  const values = new Map<string, string>();
  const visit = (expression: Expression): void => {
    if (expression.kind === "name") {
      const entity = frame.names.find(expression.name)?.get(expression.span);
      if (entity?.kind === "int") values.set(expression.name, formatDim(entity.dim));
    } else if (expression.kind === "binary") {
      visit(expression.left);
      visit(expression.right);
    } else if (expression.kind === "unary") visit(expression.operand);
    else if (expression.kind === "parenthesized") visit(expression.value);
  };
  visit(clause);
  return values.size === 0 ? "" : `with ${[...values].map(([name, value]) => `${name} = ${value}`).join(", ")}`;
}

/** For an argument that should be one of several strings: the one that was probably meant. */
function nearestText(frame: Frame, condition: Expression, at: Span): readonly Help[] {
  const texts: string[] = [];
  let given: string | undefined;
  const visit = (expression: Expression): void => {
    const bare = withoutParentheses(expression);
    if (bare.kind !== "binary") return;
    for (const part of [bare.left, bare.right]) {
      const entity = part.kind === "name" ? frame.names.find(part.name)?.get(part.span) : undefined;
      if (entity?.kind === "str") given = entity.value;
      else if (part.kind === "string") texts.push(spanText(part.span).slice(1, -1));
      else visit(part);
    }
  };
  visit(condition);
  const name = given;
  if (name === undefined) return [];
  const near = texts.find((text) => text.toLowerCase() === name.toLowerCase()) ?? nearest(name, texts);
  if (near === undefined || spanText(at) !== `"${name}"`) return [];
  return [{ text: `"${near}"`, edits: [{ span: at, text: `"${near}"` }] }];
}

interface Outward {
  readonly code: string;
  readonly message: string;
  readonly span: Span;
  readonly text: string;
  readonly related: readonly { readonly span: Span; readonly text: string }[];
  readonly helps: readonly Help[];
}

function throwOutward(frame: Frame, { code, message, span, text, related, helps }: Outward): never {
  return frame.check.reporter.fail({ code, message, primary: { span, text }, related, helps }, frame);
}

/**
 * The argument that gave a parameter its value, in the text of the user: followed outward while a library function
 * only hands its own parameter on.
 */
export function argumentSpan(frame: Frame, expression: Expression): Span | undefined {
  const bare = withoutParentheses(expression);
  if (bare.kind !== "name") return undefined;
  const arg = frame.activation?.args.get(bare.name);
  if (!arg) return undefined;
  if (!arg.isExplicit) return undefined;
  if (arg.forwarded?.frame.activation && arg.forwarded.frame.module.isLibrary) {
    const further = argumentSpan(arg.forwarded.frame, { kind: "name", name: arg.forwarded.name, span: arg.span });
    if (further) return further;
  }
  return arg.span;
}

/** Every parameter that an expression mentions. */
function mentioned(expression: Expression, into: Expression[] = []): Expression[] {
  switch (expression.kind) {
    case "name":
      into.push(expression);
      break;
    case "binary":
      mentioned(expression.left, into);
      mentioned(expression.right, into);
      break;
    case "unary":
      mentioned(expression.operand, into);
      break;
    case "parenthesized":
      mentioned(expression.value, into);
      break;
    case "index":
      mentioned(expression.value, into);
      break;
    case "call":
      for (const arg of expression.args) mentioned(arg.value, into);
      break;
    default:
  }
  return into;
}

/** `assert` on compile-time values; on run dims in a graph it becomes a check of the feeds. TFG0317. */
export function runAssert(frame: Frame, statement: AssertStatement): void {
  const entity = frame.check.evaluate(frame, statement.condition);
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind === "bool" && entity.value) return;
  const said = statement.message ? frame.check.evaluate(frame, statement.message) : undefined;
  const text = said?.kind === "str" ? said.value : undefined;
  if (entity.kind === "bool") {
    const at = mentioned(statement.condition)
      .map((part) => argumentSpan(frame, part))
      .find((span) => span !== undefined);
    throwOutward(frame, {
      code: "TFG0317",
      message: text ?? "this assertion does not hold",
      span: at ?? frame.activation?.callee ?? statement.condition.span,
      text: at ? "" : text === undefined ? valuesText(frame, statement.condition) : "",
      related: at || frame.activation ? [{ span: statement.span, text: "asserted here" }] : [],
      helps: at ? nearestText(frame, statement.condition, at) : [],
    });
  }
  if (entity.kind !== "tensor" && entity.kind !== "scalar")
    fail(frame, {
      code: "TFG0210",
      message: `an assertion is a bool, not ${describe(entity)}`,
      primary: { span: statement.condition.span, text: "" },
      helps: isNumber(entity) ? [{ text: `compare it: \`${spanText(statement.condition.span)} != 0\`` }] : [],
    });
  const clauses = conjuncts(statement.condition);
  const conditions = clauses.map((clause) => sizeCondition(frame, clause));
  if (frame.builder.isGeneric) {
    for (const condition of conditions)
      if (condition) for (const fact of factsOfCondition(condition)) frame.facts.assume(fact);
    return;
  }
  // A step's assertion is of the runs that fetch it, a check of the feeds of all.
  if (frame.builder.graph && frame.owner?.kind !== "step" && conditions.every(isCheckOfFeeds)) {
    for (const [i, condition] of conditions.entries())
      if (condition) addSizeCheck(frame, condition, clauses[i] ?? statement.condition, text);
    return;
  }
  const { span } = statement.condition;
  if (
    frame.builder.graph &&
    entity.kind === "tensor" &&
    entity.type.dtype === "bool" &&
    isHostScalar(frame.builder, entity.value, mayBeHost)
  ) {
    const own = spanText(span);
    frame.builder.assertions.push({
      condition: entity.value,
      message: text ?? own,
      text: own,
      owner: frame.owner,
      span,
    });
    return;
  }
  throwOutward(frame, {
    code: "TFG0317",
    message: "this assertion cannot be decided before a run",
    span,
    text: entity.kind === "tensor" ? "it depends on values of the graph" : `this is ${describe(entity)}`,
    related: [],
    helps: [{ text: "assert on sizes, compile-time values, and integer states of rank 0" }],
  });
}

/** Whether the feeds can be checked for it: what they cannot is asserted before each run. */
const isCheckOfFeeds = (condition: SizeCondition | undefined): boolean =>
  condition?.kind === "divisible"
    ? literalOf(condition.by) !== undefined
    : condition !== undefined && condition.operator !== "!=";

/** A condition on run dims as a check of the feeds, and as a fact from here on; `message` is an assertion's own. */
export function addSizeCheck(frame: Frame, condition: SizeCondition, clause: Expression, message?: string): void {
  const { builder, facts } = frame;
  const { span } = clause;
  const check = { text: spanText(span), span, ...(message === undefined ? {} : { message }) };
  for (const fact of factsOfCondition(condition)) facts.assume(fact);
  if (condition.kind === "divisible") {
    builder.addCheck({
      difference: subDims(condition.left, condition.remainder),
      holds: { divisibleBy: condition.by },
      ...check,
    });
    return;
  }
  const { left, right, operator } = condition;
  const [more, less] = operator === "<" || operator === "<=" ? [right, left] : [left, right];
  const difference = subDims(more, less);
  if (operator === "==") builder.addCheck({ difference, holds: "== 0", ...check });
  // Of integers that differ the square of the difference is at least 1.
  else if (operator === "!=")
    builder.addCheck({ difference: subDims(mulDims(difference, difference), ONE), holds: ">= 0", ...check });
  else {
    const isStrict = operator === "<" || operator === ">";
    builder.addCheck({ difference: isStrict ? subDims(difference, ONE) : difference, holds: ">= 0", ...check });
  }
}

/** What a condition says that proofs can use. */
export function factsOfCondition(condition: SizeCondition): readonly Fact[] {
  if (condition.kind === "divisible") {
    const by = literalOf(condition.by);
    if (by === undefined)
      return [{ kind: "zero", dim: subDims(modDims(condition.left, condition.by), condition.remainder) }];
    return by < 1 ? [] : [{ kind: "divisible", dim: subDims(condition.left, condition.remainder), by }];
  }
  const { left, right, operator } = condition;
  switch (operator) {
    case "==":
      return [{ kind: "zero", dim: subDims(left, right) }];
    case "<=":
      return [{ kind: "nonNegative", dim: subDims(right, left) }];
    case "<":
      return [{ kind: "nonNegative", dim: subDims(subDims(right, left), ONE) }];
    case ">=":
      return [{ kind: "nonNegative", dim: subDims(left, right) }];
    case ">":
      return [{ kind: "nonNegative", dim: subDims(subDims(left, right), ONE) }];
    default:
      return [];
  }
}
