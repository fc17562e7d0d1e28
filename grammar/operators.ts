/** The precedence of operators: rows `or` to `coalesce` of the grammar (language.md 2.2), folded from a flat list. */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "./diagnostic.ts";
import { spanAt, syntaxError } from "./messages.ts";
import type { SourceFile, Span } from "./source.ts";
import { joinSpans, spanText } from "./source.ts";
import type { BinaryOperator, Expression } from "./syntax.ts";
import { Bang, endOf } from "./tokens.ts";

interface Level {
  /** Higher binds tighter. */
  readonly binds: number;
  readonly side: "left" | "right" | "none";
}

const binary: Readonly<Record<BinaryOperator | "??", Level>> = {
  "||": { binds: 1, side: "left" },
  "&&": { binds: 2, side: "left" },
  "==": { binds: 3, side: "none" },
  "!=": { binds: 3, side: "none" },
  "<=": { binds: 3, side: "none" },
  ">=": { binds: 3, side: "none" },
  "<": { binds: 3, side: "none" },
  ">": { binds: 3, side: "none" },
  "..": { binds: 4, side: "none" },
  "+": { binds: 5, side: "left" },
  "-": { binds: 5, side: "left" },
  "*": { binds: 6, side: "left" },
  "/": { binds: 6, side: "left" },
  "%": { binds: 6, side: "left" },
  "@": { binds: 6, side: "left" },
  "**": { binds: 8, side: "right" },
  "??": { binds: 9, side: "none" },
};
const operators = Object.keys(binary) as (keyof typeof binary)[];
/** `-` and `!`, between `*` and `**`: `-x ** 2` is `-(x ** 2)`. */
const prefixBinds = 7;

export interface Operand {
  readonly prefixes: readonly IToken[];
  readonly value: Expression;
}

type Pending =
  | { readonly kind: "prefix"; readonly operator: "-" | "!"; readonly span: Span; readonly binds: number }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator | "??";
      readonly span: Span;
      readonly binds: number;
    };

/**
 * Folds `operands[0] written[0] operands[1] …`. An operator that is undefined was not written: it is read as `*`, and
 * the first one is reported (TFG0103). Needs no stack of calls, however long the list.
 */
export function foldOperators(
  file: SourceFile,
  operands: readonly Operand[],
  written: readonly (IToken | undefined)[],
  report: (diagnostic: Diagnostic) => void,
): Expression {
  const values: Expression[] = [];
  const pending: Pending[] = [];

  /** Applies the pending operators that bind tighter than `binds`, and those that bind as tightly if `orEqual`. */
  const apply = (binds: number, orEqual: boolean): void => {
    for (let top = pending.at(-1); top !== undefined; top = pending.at(-1)) {
      if (top.binds < binds || (top.binds === binds && !orEqual)) return;
      pending.pop();
      const right = values.pop();
      if (right === undefined) return;
      if (top.kind === "prefix") {
        values.push({ kind: "unary", operator: top.operator, operand: right, span: joinSpans(top.span, right.span) });
        continue;
      }
      const left = values.pop();
      if (left === undefined) return;
      values.push(joined(top.operator, top.span, left, right));
    }
  };

  operands.forEach((operand, index) => {
    let before: Pending | undefined;
    if (index > 0) {
      const token = written[index - 1];
      const left = operands[index - 1]?.value;
      const isFirst = token === undefined && index === written.indexOf(undefined) + 1;
      // A value that failed, and was reported, may reach into what stands behind it.
      if (isFirst && left !== undefined && left.span.end <= operand.value.span.start) {
        report(missingOperator(left, operand.value));
      }
      const operator = token === undefined ? "*" : operatorOf(token);
      const { binds, side } = binary[operator];
      apply(binds, side === "left");
      const span = token === undefined ? spanAt(file, left?.span.end ?? 0) : spanOf(file, token);
      const top = pending.at(-1);
      if (side === "none" && top?.kind === "binary" && top.binds === binds) {
        report(chained(top.operator, operator, span));
        apply(binds, true);
      }
      before = { kind: "binary", operator, span, binds };
      pending.push(before);
    }
    // `x ?? -1 ** 2` must not take the power into the alternative: the sign belongs to the number.
    const binds = before?.kind === "binary" && before.operator === "??" ? before.binds : prefixBinds;
    for (const prefix of operand.prefixes) {
      const operator = prefix.tokenType === Bang ? "!" : "-";
      pending.push({ kind: "prefix", operator, span: spanOf(file, prefix), binds });
    }
    values.push(operand.value);
  });
  apply(0, true);
  return values[0] ?? { kind: "error", span: spanAt(file, 0) };
}

function joined(operator: BinaryOperator | "??", operatorSpan: Span, left: Expression, right: Expression): Expression {
  const span = joinSpans(left.span, right.span);
  if (operator === "??") return { kind: "coalesce", value: left, outside: right, span };
  return { kind: "binary", operator, operatorSpan, left, right, span };
}

/** By the token's type, since its text may be a sign that stands for the operator. */
function operatorOf(token: IToken): BinaryOperator | "??" {
  const text = token.tokenType.PATTERN;
  return operators.find((operator) => operator === text) ?? "*";
}

function spanOf(file: SourceFile, token: IToken): Span {
  return spanAt(file, token.startOffset, endOf(token));
}

/** `x conv2d(32, 3)`: a call that lacks its first argument, so that a pipe is missing and no product. */
function isNextStage(left: Expression, right: Expression): boolean {
  if (left.kind === "number" || right.kind !== "call") return false;
  const [first] = right.args;
  return first === undefined || first.name !== undefined || first.value.kind === "number";
}

function missingOperator(left: Expression, right: Expression): Diagnostic {
  const [a, b] = [spanText(left.span), spanText(right.span)];
  const sign = isNextStage(left, right) ? "|>" : "*";
  const edits = [{ span: { ...left.span, start: left.span.end, end: right.span.start }, text: ` ${sign} ` }];
  const product = `${a} ${sign} ${b}`;
  if (product.length > 60 || /[\n\r]/.test(product)) {
    const primary = { span: right.span, text: "an operator is missing before this" };
    return syntaxError("TFG0103", "missing operator between two values", primary, {
      helps: [{ text: `insert \`${sign}\``, edits }],
    });
  }
  const primary = { span: joinSpans(left.span, right.span), text: `did you mean \`${product}\`?` };
  return syntaxError("TFG0103", `missing operator between \`${a}\` and \`${b}\``, primary, {
    helps: [{ text: product, edits }],
  });
}

function chained(first: string, second: string, span: Span): Diagnostic {
  if (first === "??" || first === "..") {
    return syntaxError("TFG0101", `\`${first}\` does not chain`, { span, text: "a second one needs parentheses" });
  }
  return syntaxError(
    "TFG0101",
    "comparisons do not chain",
    { span, text: `a second comparison after \`${first}\`` },
    { helps: [{ text: `join two comparisons by \`&&\`: \`a ${first} b && b ${second} c\`` }] },
  );
}
