/** What follows `where` in the head of a graph: conditions on its dims. */
import { spanText } from "../../grammar/source.ts";
import type { Expression } from "../../grammar/syntax.ts";
import { type Dim, dimOf, formatDim, literalOf, subDims } from "../ir/dims.ts";
import { type Facts, factsOf } from "./facts.ts";
import type { Frame } from "./frame.ts";
import { conjuncts, factsOfCondition, type SizeCondition, sizeCondition } from "./obligations.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { checkDimNames } from "./types.ts";

/** Products of run dims make a constraint that the checker cannot reason with: TFG0313. */
function nonLinear(dim: Dim): boolean {
  return dim.terms.some(
    (term) =>
      term.atoms.length > 1 ||
      term.atoms.some(
        (atom) => atom.kind === "floor" && (literalOf(atom.denominator) === undefined || nonLinear(atom.numerator)),
      ),
  );
}

function productIn(expression: Expression): Expression | undefined {
  if (expression.kind === "parenthesized") return productIn(expression.value);
  if (expression.kind !== "binary") return undefined;
  if (expression.operator === "*" || expression.operator === "**") return expression;
  return productIn(expression.left) ?? productIn(expression.right);
}

/** The conditions of a `where`, each refused that cannot hold or cannot be reasoned with. */
export function readConstraints(
  frame: Frame,
  where: readonly Expression[],
): readonly { readonly condition: SizeCondition; readonly clause: Expression }[] {
  const result: { condition: SizeCondition; clause: Expression }[] = [];
  for (const clause of where.flatMap(conjuncts)) {
    try {
      checkDimNames(frame, clause);
      const condition = sizeCondition(frame, clause);
      if (!condition || (condition.kind === "order" && condition.operator === "!=")) {
        fail(frame, {
          code: "TFG0313",
          message: `\`${spanText(clause.span)}\` is not a linear constraint`,
          primary: { span: clause.span, text: "compare sizes, or write `d % k == 0`" },
        });
        continue;
      }
      const parts = condition.kind === "divisible" ? [condition.left, condition.by] : [condition.left, condition.right];
      if (condition.kind === "divisible" && (literalOf(condition.by) ?? 1) < 1)
        fail(frame, {
          code: "TFG0313",
          message: `nothing is divisible by ${formatDim(condition.by)}`,
          primary: { span: condition.byExpression.span, text: "a positive int is expected" },
        });
      if (parts.some(nonLinear) || (condition.kind === "divisible" && literalOf(condition.by) === undefined))
        failNonLinear(frame, clause, condition);
      if (neverHolds(condition))
        fail(frame, {
          code: "TFG0317",
          message: `\`${spanText(clause.span)}\` never holds`,
          primary: {
            span: clause.span,
            text:
              condition.kind === "divisible"
                ? `${formatDim(condition.left)} % ${formatDim(condition.by)} is not ${formatDim(condition.remainder)}`
                : `${formatDim(condition.left)} and ${formatDim(condition.right)} are known when compiling`,
          },
        });
      const earlier = result.map((one) => one.condition);
      if (isRefuted(condition, factsOf(earlier.flatMap(factsOfCondition))))
        fail(frame, {
          code: "TFG0317",
          message: `\`${spanText(clause.span)}\` never holds`,
          primary: {
            span: clause.span,
            text: isRefuted(condition, factsOf([]))
              ? "dimensions are at least 1"
              : "the constraints before it say otherwise",
          },
        });
      result.push({ condition, clause });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }
  return result;
}

/** Whether a condition on numbers that are all known is false. */
function neverHolds(condition: SizeCondition): boolean {
  return factsOfCondition(condition).some((fact) => {
    const value = literalOf(fact.dim);
    if (value === undefined) return false;
    return fact.kind === "zero" ? value !== 0 : fact.kind === "divisible" ? value % fact.by !== 0 : value < 0;
  });
}

/** Whether facts say that a condition is false for all sizes. */
function isRefuted(condition: SizeCondition, facts: Facts): boolean {
  if (condition.kind === "divisible") {
    const [by, remainder] = [literalOf(condition.by) ?? 0, literalOf(condition.remainder)];
    for (let other = 0; other < Math.min(by, 64); other++)
      if (other !== remainder && facts.divisible(subDims(condition.left, dimOf(other)), condition.by)) return true;
    return false;
  }
  const { left, right, operator } = condition;
  const [more, less] = operator === "<" || operator === "<=" ? [right, left] : [left, right];
  const isBelow = (by: number): boolean => facts.atLeast(subDims(less, more), by);
  if (operator === "==") return isBelow(1) || facts.atLeast(subDims(more, less), 1);
  if (operator === "!=") return facts.equal(left, right);
  return isBelow(operator === "<" || operator === ">" ? 0 : 1);
}

function failNonLinear(frame: Frame, clause: Expression, condition: SizeCondition): never {
  const product = productIn(clause) ?? clause;
  const bound = condition.kind === "order" && condition.operator === "<=" ? literalOf(condition.right) : undefined;
  const isSquare =
    product.kind === "binary" &&
    product.operator === "*" &&
    spanText(product.left.span) === spanText(product.right.span);
  return fail(frame, {
    code: "TFG0313",
    message: `\`${spanText(clause.span)}\` is not a linear constraint`,
    primary: {
      span: product.span,
      text: condition.kind === "divisible" ? "not a literal divisor" : "product of two run dims",
    },
    helps:
      bound !== undefined && isSquare && product.kind === "binary"
        ? [{ text: `${spanText(product.left.span)} <= ${Math.floor(Math.sqrt(bound))}` }]
        : [],
  });
}
