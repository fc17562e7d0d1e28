/**
 * How the sizes of a value came about, for messages: from the declared result of the function that made it, with
 * the arithmetic of its size functions written out. Works for any `-> f32[f(N, k), …]`, the library's or the user's.
 */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { CallExpression, Expression, FunctionDeclaration } from "../../grammar/syntax.ts";
import { type Dim, formatDim } from "../ir/dims.ts";
import type { Complaint } from "../ops/primitive.ts";
import type { Explanation, GraphBuilder } from "./builder.ts";
import { type Entity, formatType, type TensorEntity } from "./entity.ts";
import { type Frame, Names } from "./frame.ts";
import { moduleItem } from "./lookup.ts";
import { childrenOf, expressionsOfType, partsOf, within } from "./walk.ts";

/** Remembers how to explain the sizes of `value`, the result of a call elaborated in `inner`. */
export function explainSizes(inner: Frame, declaration: FunctionDeclaration, value: number): void {
  if (declaration.result?.kind !== "single") return;
  const calls = [...expressionsOfType(declaration.result.type)].filter((dim) => dim.kind === "call");
  const [first] = calls;
  if (!first) return;
  inner.builder.explanations.set(value, () => explanation(inner, calls, first));
}

function explanation(inner: Frame, calls: readonly CallExpression[], first: CallExpression): Explanation {
  const named = namedArguments(inner, calls);
  const strings = stringArguments(inner, first);
  const [from] = first.args;
  const before = from ? sizeOf(inner, from.value) : undefined;
  const after = sizeOf(inner, first);
  const result: { span?: Span; text?: string; way?: string } = {};
  if (named) result.span = named;
  if (before && after && before.key !== after.key) {
    const arithmetic = written(inner, first);
    const shown = strings.map(({ name, value }) => `${name}="${value}"`).join(", ");
    if (arithmetic) result.text = `${shown ? `${shown}: ` : ""}${arithmetic} = ${formatDim(after)}`;
    const way = alternative(inner, first, strings, before);
    if (way) result.way = `keep ${formatDim(before)} with \`${way}\``;
  }
  return result;
}

/** The named arguments of the call that say how its sizes round, as one place in the user's text: those that are strings. */
function namedArguments(inner: Frame, calls: readonly CallExpression[]): Span | undefined {
  const { activation } = inner;
  if (!activation) return undefined;
  let joined: Span | undefined;
  for (const call of calls)
    for (const expression of within(call)) {
      const arg = expression.kind === "name" ? activation.args.get(expression.name) : undefined;
      if (!arg?.isExplicit || arg.span.file !== activation.span.file || expression.kind !== "name") continue;
      if (inner.names.find(expression.name)?.get(expression.span).kind !== "str") continue;
      const text = arg.span.file.text.slice(activation.span.start, arg.span.start);
      const name = new RegExp(`\\b${expression.name}\\s*=\\s*$`).exec(text);
      if (!name) continue;
      const span = { ...arg.span, start: arg.span.start - name[0].length };
      joined = joined
        ? { ...joined, start: Math.min(joined.start, span.start), end: Math.max(joined.end, span.end) }
        : span;
    }
  return joined && !spanText(joined).includes("\n") ? joined : undefined;
}

interface StringArgument {
  readonly name: string;
  readonly value: string;
  /** Values that the size function compares it with. */
  readonly choices: readonly string[];
}

/** The string parameters that a size function is called with. */
function stringArguments(inner: Frame, call: CallExpression): readonly StringArgument[] {
  const callee = calleeOf(inner, call);
  return call.args.flatMap((arg, i) => {
    const entity = arg.value.kind === "name" ? inner.names.find(arg.value.name)?.get(arg.value.span) : undefined;
    const param = callee?.params[i];
    if (arg.value.kind !== "name" || entity?.kind !== "str" || !param || !callee) return [];
    return { name: arg.value.name, value: entity.value, choices: comparedStrings(callee, param.name.text) };
  });
}

function comparedStrings(declaration: FunctionDeclaration, param: string): readonly string[] {
  const roots: Expression[] =
    declaration.body.kind === "block"
      ? declaration.body.statements.flatMap((statement) => partsOf(statement).expressions)
      : [declaration.body];
  const found = new Set<string>();
  for (const root of roots)
    for (const expression of within(root)) {
      if (
        expression.kind !== "binary" ||
        expression.operator !== "==" ||
        expression.left.kind !== "name" ||
        expression.left.name !== param ||
        expression.right.kind !== "string"
      )
        continue;
      found.add(expression.right.parts.map((part) => ("text" in part ? part.text : "")).join(""));
    }
  return [...found];
}

/** `padding="same"`, if that would have given the size `wanted`. */
function alternative(
  inner: Frame,
  call: CallExpression,
  strings: readonly StringArgument[],
  wanted: Dim,
): string | undefined {
  for (const { name, value, choices } of strings)
    for (const choice of choices) {
      if (choice === value) continue;
      const names = new Names(inner.names);
      names.bind(name, call.span, { kind: "str", value: choice });
      if (sizeOf({ ...inner, names }, call)?.key === wanted.key) return `${name}="${choice}"`;
    }
  return undefined;
}

function sizeOf(frame: Frame, expression: Expression): Dim | undefined {
  const entity = frame.check.evaluate(frame, expression);
  return entity.kind === "int" ? entity.dim : undefined;
}

function calleeOf(frame: Frame, call: CallExpression): FunctionDeclaration | undefined {
  if (call.callee.kind !== "name") return undefined;
  const item = moduleItem(frame, call.callee.name);
  return item?.kind === "declaration" && item.declaration.kind === "function" ? item.declaration : undefined;
}

// ---- arithmetic written out ------------------------------------------------------------------------------------

/** What a size function computed, with its arguments in place: `28 - 3 + 1`. */
export function written(frame: Frame, call: CallExpression): string | undefined {
  const declaration = calleeOf(frame, call);
  if (!declaration) return undefined;
  const names = new Names();
  for (const [i, param] of declaration.params.entries()) {
    const arg = call.args[i]?.value ?? param.default;
    if (!arg || call.args[i]?.name) return undefined;
    names.bind(param.name.text, param.name.span, frame.check.evaluate(frame, arg));
  }
  const { body } = declaration;
  const last = body.kind === "block" ? body.statements[body.statements.length - 1] : undefined;
  const returned = body.kind !== "block" ? body : last?.kind === "return" ? last.values[0] : undefined;
  return returned ? arithmetic({ ...frame, names }, returned)?.text : undefined;
}

interface Written {
  readonly text: string;
  readonly strength: number;
}

const STRENGTHS: Readonly<Record<string, number>> = { "+": 1, "-": 1, "*": 2, "/": 2, "%": 2 };

function arithmetic(frame: Frame, expression: Expression): Written | undefined {
  switch (expression.kind) {
    case "parenthesized":
      return arithmetic(frame, expression.value);
    case "conditional": {
      const condition = frame.check.evaluate(frame, expression.condition);
      return condition.kind === "bool"
        ? arithmetic(frame, condition.value ? expression.then : expression.else)
        : undefined;
    }
    case "binary": {
      const strength = STRENGTHS[expression.operator];
      const left = arithmetic(frame, expression.left);
      const right = arithmetic(frame, expression.right);
      if (strength === undefined || !left || !right) return undefined;
      // Times and divided by 1 say nothing.
      if (strength === 2 && expression.operator !== "%" && right.text === "1") return left;
      const a = left.strength < strength ? `(${left.text})` : left.text;
      const b =
        right.strength < strength ||
        (right.strength === strength && expression.operator !== "+" && expression.operator !== "*")
          ? `(${right.text})`
          : right.text;
      return { text: `${a} ${expression.operator} ${b}`, strength };
    }
    case "call": {
      const parts = expression.args.map((arg) => arithmetic(frame, arg.value));
      if (parts.some((part) => !part)) return undefined;
      return {
        text: `${spanText(expression.callee.span)}(${parts.map((part) => part?.text).join(", ")})`,
        strength: 3,
      };
    }
    default: {
      const entity: Entity =
        [...childrenOf(expression)].length === 0 || expression.kind === "index"
          ? frame.check.evaluate(frame, expression)
          : { kind: "bottom" };
      if (entity.kind !== "int") return undefined;
      const text = formatDim(entity.dim);
      return { text, strength: /[+-]/.test(text) ? 1 : /[·/]/.test(text) ? 2 : 3 };
    }
  }
}

// ---- complaints ------------------------------------------------------------------------------------------------

/** A complaint about sizes, with why its operands have them. */
export function withExplanations(
  builder: GraphBuilder,
  complaint: Complaint,
  operands: readonly TensorEntity[],
): Complaint {
  if (complaint.code !== "TFG0305" && complaint.code !== "TFG0311") return complaint;
  const ways: string[] = [];
  const related = (complaint.related ?? []).map((part) => {
    const operand = operands.find((other) => other.origin === part.span);
    const found = operand && builder.explanations.get(operand.value)?.();
    if (!operand || !found) return part;
    if (complaint.code === "TFG0311") return found.span ? { ...part, span: found.span } : part;
    if (found.way) ways.push(found.way);
    return found.text ? { ...part, text: `${found.text}, so ${formatType(operand.type)}` } : part;
  });
  const helps = [...(complaint.helps ?? []), ...ways.map((way) => ({ text: `or ${way}` }))];
  return { ...complaint, related, helps };
}
