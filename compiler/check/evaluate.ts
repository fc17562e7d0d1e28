/** Expressions to entities. Every expression is elaborated once per use; what fails becomes ⊥. */
import { spanText } from "../../grammar/source.ts";
import type {
  BinaryExpression,
  CallExpression,
  ConditionalExpression,
  Expression,
  ListExpression,
  MemberExpression,
  PipeExpression,
  StringExpression,
  UnaryExpression,
} from "../../grammar/syntax.ts";
import { DimOverflow, formatDim } from "../ir/dims.ts";
import type { DType } from "../ir/types.ts";
import { operators } from "../ops/table.ts";
import { TooLarge } from "./builder.ts";
import {
  BOTTOM,
  bool,
  describe,
  type Entity,
  float,
  formatType,
  int,
  isNumber,
  isStatic,
  list,
  literalInt,
  numberOf,
  str,
  type Supplied,
} from "./entity.ts";
import { assuming, evaluateComprehension, toScalar } from "./comprehension.ts";
import type { CallSite, Frame } from "./frame.ts";
import { foreignName } from "./foreign.ts";
import { intrinsic, isForeignDeclaration, isForeignMember, lookUp, lookUpCallee, moduleItem } from "./lookup.ts";
import { notExported } from "./modules.ts";
import { nearest } from "./nearest.ts";
import { binaryStatic, castStatic, negateStatic, NoValue } from "./numbers.ts";
import { adaptedDType, fail, toTensor } from "./operands.ts";
import { Failure, Undecided } from "./report.ts";
import { evaluateCoalesce, evaluateIndex } from "./slices.ts";
import { failDType, isDType } from "./types.ts";

export function evaluate(frame: Frame, expression: Expression): Entity {
  try {
    return evaluateHere(frame, expression);
  } catch (error) {
    if (error instanceof Failure) return BOTTOM;
    const { reporter } = frame.check;
    if (error instanceof NoValue)
      reporter.report({ code: "TFG0210", message: error.message, primary: { span: expression.span, text: "" } }, frame);
    else if (error instanceof DimOverflow)
      reporter.report(
        { code: "TFG0210", message: "a size is beyond 2^53", primary: { span: expression.span, text: "too large" } },
        frame,
      );
    else if (error instanceof TooLarge || error instanceof RangeError) {
      // Reported where the program can still be pointed at: at the outermost expression.
      if (frame.depth > 0) throw error;
      reporter.report(
        {
          code: "TFG0410",
          message: "this does not come to an end",
          primary: { span: expression.span, text: "too many or too deeply nested calls" },
        },
        frame,
      );
    } else throw error;
    return BOTTOM;
  }
}

function evaluateHere(frame: Frame, expression: Expression): Entity {
  switch (expression.kind) {
    case "number":
      return expression.isFloat || !Number.isSafeInteger(expression.value)
        ? float(expression.value)
        : int(expression.value);
    case "boolean":
      return bool(expression.value);
    case "string":
      return evaluateString(frame, expression);
    case "name":
      return lookUp(frame, expression.name, expression.span);
    case "parenthesized":
      return evaluate(frame, expression.value);
    case "list":
      return evaluateList(frame, expression);
    case "unary":
      return evaluateUnary(frame, expression);
    case "binary":
      return evaluateBinary(frame, expression);
    case "cast":
      return evaluateCast(frame, expression);
    case "pipe":
      return evaluatePipe(frame, expression);
    case "call":
      return evaluateCall(frame, expression, undefined, expression.span);
    case "member":
      return evaluateMember(frame, expression);
    case "index":
      return evaluateIndex(frame, expression);
    case "coalesce":
      return evaluateCoalesce(frame, expression);
    case "comprehension":
      return evaluateComprehension(frame, expression);
    case "conditional":
      return evaluateConditional(frame, expression);
    case "lambda":
      return { kind: "fn", form: "lambda", lambda: expression, frame };
    case "error":
      return BOTTOM;
  }
}

// ---- literals ------------------------------------------------------------------------------------------------

function evaluateString(frame: Frame, expression: StringExpression): Entity {
  let text = "";
  for (const part of expression.parts) {
    if ("text" in part) {
      text += part.text;
      continue;
    }
    const entity = evaluate(frame, part.value);
    if (entity.kind === "bottom") return BOTTOM;
    if (entity.kind === "str") text += entity.value;
    else if (entity.kind === "int") text += formatDim(entity.dim);
    else if (entity.kind === "float" || entity.kind === "bool") text += `${entity.value}`;
    else
      return fail(frame, {
        code: "TFG0210",
        message: `a string holds compile-time values, not ${describe(entity)}`,
        primary: { span: part.span, text: entity.kind === "tensor" ? "known only at run time" : describe(entity) },
      });
  }
  return str(text);
}

function evaluateList(frame: Frame, expression: ListExpression): Entity {
  const items: Entity[] = [];
  for (const { spread, value, span } of expression.items) {
    const entity = evaluate(frame, value);
    if (entity.kind === "bottom") return BOTTOM;
    if (!spread) items.push(entity);
    else if (entity.kind === "list") items.push(...entity.items);
    else
      return fail(frame, {
        code: "TFG0210",
        message: `\`..\` spreads a list, not ${describe(entity)}`,
        primary: { span, text: describe(entity) },
      });
  }
  return list(items);
}

// ---- operators -----------------------------------------------------------------------------------------------

function operatorPrimitive(frame: Frame, name: string) {
  const primitive = frame.check.primitive(name);
  if (!primitive) throw new Error(`the table has no ${name}`);
  return primitive;
}

function evaluateUnary(frame: Frame, expression: UnaryExpression): Entity {
  const { operator, operand } = expression;
  const entity = evaluate(frame, operand);
  if (entity.kind === "bottom") return BOTTOM;
  const negated = operator === "-" && isNumber(entity) ? negateStatic(entity) : undefined;
  if (negated) return negated;
  if (operator === "!" && entity.kind === "bool") return bool(!entity.value);
  const sign = { ...expression.span, end: expression.span.start + 1 };
  const site: CallSite = { span: expression.span, callee: sign, spelling: operator };
  return frame.check.apply(
    frame,
    operatorPrimitive(frame, operator === "-" ? "neg" : "not"),
    [{ entity, span: operand.span }],
    {},
    site,
  );
}

function evaluateBinary(frame: Frame, expression: BinaryExpression): Entity {
  const { operator } = expression;
  // Chains such as a + b + c + … lean left, possibly by thousands of terms: walked in a loop.
  const chain: BinaryExpression[] = [];
  let leftmost: Expression = expression;
  while (leftmost.kind === "binary" && leftmost.operator === operator) {
    chain.push(leftmost);
    leftmost = leftmost.left;
  }
  let left = evaluate(frame, leftmost);
  for (const node of chain.reverse()) {
    // What is known decides before the other side is looked at.
    if (left.kind === "bool" && (operator === "&&" || operator === "||") && left.value === (operator === "||"))
      continue;
    const isLogical = operator === "&&" || operator === "||";
    const inner = isLogical ? assuming(frame, left, operator === "&&") : frame;
    left = binary(frame, node, left, evaluate(inner, node.right));
  }
  return left;
}

function binary(frame: Frame, expression: BinaryExpression, left: Entity, right: Entity): Entity {
  if (left.kind === "bottom" || right.kind === "bottom") return BOTTOM;
  const { operator, operatorSpan } = expression;
  if (operator === "..") return range(frame, expression, left, right);
  if (isStatic(left) && isStatic(right)) {
    try {
      const result = binaryStatic(operator, left, right, frame.facts);
      if (result) return result;
      if (frame.builder.isGeneric) throw new Undecided();
    } catch (error) {
      if (!(error instanceof NoValue)) throw error;
      return fail(frame, {
        code: "TFG0210",
        message: error.message,
        primary: { span: operatorSpan, text: "" },
        related: [{ span: expression.right.span, text: "" }],
      });
    }
    const [a, b] = [left.kind, right.kind];
    const isArithmetic = (kind: string): boolean =>
      kind === "int" || kind === "float" || kind === "list" || kind === "bool";
    if (!isArithmetic(a) || !isArithmetic(b) || (a === "bool") !== (b === "bool"))
      return fail(frame, {
        code: "TFG0210",
        message: `\`${operator}\` does not take ${describe(left)} and ${describe(right)}`,
        primary: { span: operatorSpan, text: "" },
        related: [
          { span: expression.left.span, text: describe(left) },
          { span: expression.right.span, text: describe(right) },
        ],
      });
  }
  const site: CallSite = { span: expression.span, callee: operatorSpan, spelling: operator };
  const operands = [
    { entity: left, span: expression.left.span },
    { entity: right, span: expression.right.span },
  ];
  const exponent =
    operator === "**" && right.kind === "int" && right.dtype === undefined ? literalInt(right) : undefined;
  if (exponent !== undefined && Math.abs(exponent) <= 1024)
    return frame.check.apply(
      frame,
      operatorPrimitive(frame, "integer_power"),
      operands.slice(0, 1),
      { exponent },
      site,
      { exponent: expression.right.span },
    );
  return frame.check.apply(frame, operatorPrimitive(frame, operators[operator] ?? operator), operands, {}, site);
}

/** `a..b`: the ints from a up to, but without, b. */
function range(frame: Frame, expression: BinaryExpression, left: Entity, right: Entity): Entity {
  const [from, to] = [literalInt(left), literalInt(right)];
  if (from === undefined || to === undefined)
    return fail(frame, {
      code: "TFG0210",
      message: "a range has compile-time ints as its ends",
      primary: { span: expression.span, text: `${describe(left)} .. ${describe(right)}` },
    });
  if (to - from > 1_000_000)
    return fail(frame, {
      code: "TFG0210",
      message: "a range has at most a million ints",
      primary: { span: expression.span, text: "" },
    });
  return list(Array.from({ length: Math.max(to - from, 0) }, (_, i) => int(from + i)));
}

function evaluateCast(frame: Frame, expression: Extract<Expression, { kind: "cast" }>): Entity {
  const entity = evaluate(frame, expression.value);
  const { text, span } = expression.to;
  const to = frame.names.find(text)?.dtype ?? text;
  if (text === "float" || text === "int") {
    const value = numberOf(entity);
    if (value !== undefined && text === "float") return float(value);
  }
  const meant = text === "int" ? "i32" : text === "float" ? "f32" : undefined;
  if (meant && entity.kind === "tensor")
    return fail(frame, {
      code: "TFG0211",
      message: `\`${text}\` is a type of compile-time values`,
      primary: { span, text: `elements are \`${meant}\`` },
      helps: [{ text: meant, edits: [{ span, text: meant }] }],
    });
  if (!isDType(to)) return failDType(frame, { name: expression.to, span });
  if (entity.kind === "bottom") return BOTTOM;
  const converted = isStatic(entity) ? castStatic(entity, to) : undefined;
  if (converted) return converted;
  const site: CallSite = { span: expression.span, callee: span, spelling: "as" };
  return frame.check.apply(
    frame,
    operatorPrimitive(frame, "cast"),
    [{ entity, span: expression.value.span }],
    { to },
    site,
    { to: span },
  );
}

// ---- calls ---------------------------------------------------------------------------------------------------

export function evaluateCallee(frame: Frame, callee: Expression): Entity {
  if (callee.kind === "name") return lookUpCallee(frame, callee.name, callee.span);
  return evaluate(frame, callee);
}

function siteOf(callee: Expression, whole: CallSite["span"]): CallSite {
  const name = callee.kind === "member" ? callee.name.span : callee.span;
  return { span: whole, callee: name, spelling: spanText(name) };
}

function evaluateCall(
  frame: Frame,
  call: CallExpression,
  piped: Supplied | undefined,
  whole: CallSite["span"],
): Entity {
  const callee = evaluateCallee(frame, call.callee);
  const args = call.args.map(
    (arg): Supplied => ({
      expression: arg.value,
      frame,
      span: arg.span,
      ...(arg.name ? { name: arg.name.text, nameSpan: arg.name.span } : {}),
    }),
  );
  const supplied = piped ? [piped, ...args] : args;
  if (callee.kind === "fn") return invokeChecked(frame, callee, supplied, siteOf(call.callee, whole));
  // The arguments may have faults of their own, whatever the callee is.
  if (!isForeignDeclaration(frame, call.callee))
    for (const arg of args)
      if ("expression" in arg && arg.expression.kind !== "lambda") evaluate(frame, arg.expression);
  return callee.kind === "bottom" ? BOTTOM : failCallee(frame, call.callee, callee, call);
}

function invokeChecked(
  frame: Frame,
  fn: Extract<Entity, { kind: "fn" }>,
  args: readonly Supplied[],
  site: CallSite,
): Entity {
  return frame.check.invoke(frame, fn, args, site);
}

function failCallee(frame: Frame, callee: Expression, entity: Entity, call?: CallExpression): never {
  const isArray = entity.kind === "list" || (entity.kind === "tensor" && entity.type.shape.length > 0);
  const isIndexed = isArray && callee.kind === "name" && call?.args.length && call.args.every(({ name }) => !name);
  const text = `${spanText(callee.span)}[${call?.args.map(({ span }) => spanText(span)).join(", ")}]`;
  return fail(frame, {
    code: "TFG0210",
    message: `\`${spanText(callee.span)}\` is not a function`,
    primary: { span: callee.span, text: describe(entity) },
    helps: isIndexed && call ? [{ text, edits: [{ span: call.span, text }] }] : [],
  });
}

/** `x |> f(a)` is `f(x, a)`; an index or member behind the call applies to its result. */
function evaluatePipe(frame: Frame, pipe: PipeExpression): Entity {
  const chain: PipeExpression[] = [];
  let start: Expression = pipe;
  while (start.kind === "pipe") {
    chain.push(start);
    start = start.left;
  }
  let left = evaluate(frame, start);
  let source: Expression = start;
  const first = chain[chain.length - 1]?.right.span.start ?? pipe.span.start;
  for (const node of chain.reverse()) {
    const piped: Supplied =
      source === start && start.kind === "name" && left.kind !== "bottom"
        ? { expression: start, frame, span: start.span }
        : { entity: left, span: source.span };
    left = applyPiped(frame, node.right, piped, left, node.right.span);
    // A value made by the pipe comes from all of its calls, if they stand in one line.
    const calls = { ...node.right.span, start: first };
    if (left.kind === "tensor" && left.origin.start === node.right.span.start && !spanText(calls).includes("\n"))
      left = { ...left, origin: calls };
    source = node;
  }
  return left;
}

function applyPiped(frame: Frame, right: Expression, piped: Supplied, left: Entity, whole: CallSite["span"]): Entity {
  try {
    if (right.kind === "parenthesized") return applyPiped(frame, right.value, piped, left, whole);
    if (right.kind === "call") {
      const inner = right.callee;
      if (left.kind === "bottom") {
        evaluateCallee(frame, inner);
        for (const arg of right.args) if (arg.value.kind !== "lambda") evaluate(frame, arg.value);
        return BOTTOM;
      }
      return evaluateCall(frame, right, piped, whole);
    }
    const callee = evaluateCallee(frame, right);
    if (callee.kind === "bottom" || left.kind === "bottom") return BOTTOM;
    if (callee.kind !== "fn") return failCallee(frame, right, callee);
    return invokeChecked(frame, callee, [piped], siteOf(right, whole));
  } catch (error) {
    if (error instanceof Failure) return BOTTOM;
    throw error;
  }
}

function evaluateMember(frame: Frame, expression: MemberExpression): Entity {
  const { name } = expression;
  if (isForeignMember(frame, expression)) return BOTTOM;
  const value = evaluate(frame, expression.value);
  if (value.kind === "bottom") return BOTTOM;
  if (value.kind === "module") {
    const item = name.text.startsWith("_") ? undefined : value.module.items.get(name.text);
    if (item) return frame.check.itemEntity(frame, item, name.span);
    const spelling = `\`${spanText(expression.value.span)}\``;
    const { near, isPrivate, message, text } = notExported(value.module, name.text, spelling);
    return fail(frame, {
      code: "TFG0602",
      message,
      primary: { span: name.span, text },
      helps: near && !isPrivate ? [{ text: near, edits: [{ span: name.span, text: near }] }] : [],
    });
  }
  if (value.kind === "record") {
    const part = value.parts.find((other) => other.name === name.text);
    if (part) return part.entity;
    const near = nearest(
      name.text,
      value.parts.map((other) => other.name),
    );
    return fail(frame, {
      code: "TFG0201",
      message: `no result is named \`${name.text}\``,
      primary: {
        span: name.span,
        text: near
          ? `did you mean \`${near}\`?`
          : `the results are ${value.parts.map((other) => `\`${other.name}\``).join(", ")}`,
      },
      helps: near ? [{ text: near, edits: [{ span: name.span, text: near }] }] : [],
    });
  }
  const meant = foreignName(name.text)?.name ?? name.text;
  const fn = value.kind === "tensor" || isNumber(value) ? (moduleItem(frame, meant) ?? intrinsic(meant)) : undefined;
  return fail(frame, {
    code: "TFG0210",
    message: `${describe(value)} has no member \`${name.text}\``,
    primary: { span: name.span, text: fn ? "functions stand before their arguments" : "" },
    helps: fn ? [asCall(expression, meant)] : [],
  });
}

/** `x.mean(axis=1)` as `mean(x, axis=1)`. */
function asCall(member: MemberExpression, name: string) {
  const { span, value } = member;
  const operand = spanText(value.span);
  const behind = /^\((\s*\))?/.exec(span.file.text.slice(span.end));
  const isCall = behind !== null;
  const text = `${name}(${operand}${!isCall ? ")" : behind[1] === undefined ? ", " : ""}`;
  const end = isCall ? span.end + 1 : span.end;
  return { text: isCall ? `${name}(${operand}, …)` : text, edits: [{ span: { ...span, end }, text }] };
}

// ---- conditions ------------------------------------------------------------------------------------------------

function evaluateConditional(frame: Frame, expression: ConditionalExpression): Entity {
  const condition = evaluate(frame, expression.condition);
  if (condition.kind === "bottom") return BOTTOM;
  if (condition.kind === "bool") return evaluate(frame, condition.value ? expression.then : expression.else);
  const isScalarBool =
    (condition.kind === "tensor" && condition.type.dtype === "bool" && condition.type.shape.length === 0) ||
    (condition.kind === "scalar" && condition.scalar.dtype === "bool");
  if (!isScalarBool)
    return fail(frame, {
      code: condition.kind === "tensor" && condition.type.dtype === "bool" ? "TFG0303" : "TFG0210",
      message: `a condition is one bool, not ${describe(condition)}`,
      primary: { span: expression.condition.span, text: describe(condition) },
      helps:
        condition.kind === "tensor" && condition.type.dtype === "bool"
          ? [{ text: `element by element: \`select(${spanText(expression.condition.span)}, a, b)\`` }]
          : isNumber(condition) || condition.kind === "tensor"
            ? [{ text: `compare it: \`${spanText(expression.condition.span)} != 0\`` }]
            : [],
    });
  const yes = evaluate(assuming(frame, condition, true), expression.then);
  const no = evaluate(assuming(frame, condition, false), expression.else);
  return select(frame, expression, condition, yes, no);
}

/** A condition of the run: both branches exist and one is chosen. They must have one type. */
function select(frame: Frame, expression: ConditionalExpression, condition: Entity, yes: Entity, no: Entity): Entity {
  if (yes.kind === "bottom" || no.kind === "bottom") return BOTTOM;
  const dtypeOf = (entity: Entity, other: Entity): DType | undefined =>
    adaptedDType(
      entity,
      other.kind === "tensor"
        ? other.type.dtype
        : other.kind === "scalar"
          ? other.scalar.dtype
          : adaptedDType(other, undefined),
    );
  const isScalar = (entity: Entity): boolean => entity.kind === "scalar" || isNumber(entity) || entity.kind === "bool";
  const site: CallSite = { span: expression.span, callee: expression.condition.span, spelling: "if" };
  // For every index of a comprehension one of two scalars; else one of two values, and only that one is needed.
  const primitive = operatorPrimitive(frame, frame.comprehension ? "select" : "if");
  if ([condition, yes, no].some((entity) => entity.kind === "scalar") && frame.comprehension) {
    const wanted = dtypeOf(yes, no);
    const scalars = [
      { entity: yes, span: expression.then.span },
      { entity: no, span: expression.else.span },
    ].map(({ entity, span }) => ({
      entity: {
        kind: "scalar" as const,
        scalar: toScalar(frame, frame.comprehension ?? missing(), entity, span, wanted),
        of: frame.comprehension ?? missing(),
        origin: span,
      },
      span,
    }));
    return frame.check.apply(
      frame,
      primitive,
      [{ entity: condition, span: expression.condition.span }, ...scalars],
      {},
      site,
    );
  }
  // Two lists of numbers are two tensors.
  const [several, others] = isStatic(yes) && isStatic(no) ? [] : [severalOf(yes), severalOf(no)];
  if (several && others && several.length === others.length) {
    const chosen = several.map((item, i) => select(frame, expression, condition, item, others[i] ?? BOTTOM));
    if (chosen.some((entity) => entity.kind === "bottom")) return BOTTOM;
    if (yes.kind !== "record") return list(chosen);
    return { ...yes, parts: yes.parts.map((part, i) => ({ ...part, entity: chosen[i] ?? BOTTOM })) };
  }
  const wrong = [yes, no].findIndex(
    (entity) => !isScalar(entity) && entity.kind !== "tensor" && entity.kind !== "list" && entity.kind !== "initial",
  );
  if (wrong >= 0)
    return fail(frame, {
      code: "TFG0210",
      message: "a condition of the run chooses between tensors",
      primary: {
        span: [expression.then, expression.else][wrong]?.span ?? expression.span,
        text: describe(wrong ? no : yes),
      },
      related: [{ span: expression.condition.span, text: "known only at run time" }],
    });
  const a = toTensor(frame, yes, expression.then.span, dtypeOf(yes, no));
  const b = toTensor(frame, no, expression.else.span, dtypeOf(no, yes));
  const agree =
    a.type.dtype === b.type.dtype &&
    a.type.shape.length === b.type.shape.length &&
    a.type.shape.every((dim, i) => frame.facts.equal(dim, b.type.shape[i] ?? dim));
  if (!agree) {
    const name = expression.condition.kind === "name" ? frame.names.find(expression.condition.name) : undefined;
    return fail(frame, {
      code: "TFG0314",
      message: "the branches of `if` have different types",
      primary: { span: expression.else.span, text: formatType(b.type) },
      related: [
        {
          span: name?.variable?.type ?? expression.condition.span,
          text: "known only at run time, so both branches exist",
        },
        { span: expression.then.span, text: formatType(a.type) },
      ],
    });
  }
  return frame.check.apply(
    frame,
    primitive,
    [
      { entity: condition, span: expression.condition.span },
      { entity: a, span: expression.then.span },
      { entity: b, span: expression.else.span },
    ],
    {},
    site,
  );
}

/** Several values that are chosen one by one. */
function severalOf(entity: Entity): readonly Entity[] | undefined {
  if (entity.kind === "record") return entity.parts.map((part) => part.entity);
  return entity.kind === "list" ? entity.items : undefined;
}

function missing(): never {
  throw new Error("there is no comprehension here");
}
