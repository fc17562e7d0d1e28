/** `param` and `state`: shape, initialiser, name; and how initialisers written in the language become data or a recipe. */
import type { Span } from "../../grammar/source.ts";
import type { Attribute, Expression, ParamStatement, StateStatement, TypeSyntax } from "../../grammar/syntax.ts";
import { type Dim, dimOf, evaluateDim, literalOf } from "../ir/dims.ts";
import type { ConstantData, Initializer, ValueId } from "../ir/graph.ts";
import { isFloat, isInteger } from "../ir/types.ts";
import type { NdArray } from "../ops/primitive.ts";
import {
  BOTTOM,
  describe,
  type Entity,
  formatType,
  type FunctionEntity,
  int,
  list,
  numberOf,
  type TensorEntity,
} from "./entity.ts";
import type { DeclaredVariable, Frame } from "./frame.ts";
import { lookUp } from "./lookup.ts";
import { constantData, emitValue, fail, listTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { fixedShape, type WrittenType, writtenType } from "./types.ts";

/** Initialisers computed while compiling may have this many elements. */
const MOST_ELEMENTS = 1 << 22;

export interface NewVariable {
  readonly entity: Entity;
  readonly declared: DeclaredVariable;
}

/** Declares the variable, or finds it where a layer instance is shared. */
export function freshVariable(frame: Frame, statement: ParamStatement | StateStatement): NewVariable {
  const { kind, name } = statement;
  if (!("kind" in statement.type))
    return fail(frame, {
      code: "TFG0106",
      message: "`like` belongs to an optimiser, which is not built yet",
      primary: { span: statement.type.like.span, text: "" },
    });
  const type = writtenType(frame, statement.type);
  const shape = fixedShape(frame, type, kind, name.text);
  const declared: DeclaredVariable = {
    kind,
    span: { ...statement.type.span, start: keywordStart(statement) },
    type: statement.type.span,
    dims: type.spans,
  };
  const last = givenName(frame, statement.attributes) ?? name.text;
  const { builder, scope } = frame;
  const before = builder.findVariable(scope, last);
  if (before && frame.reuse) {
    if (before.dtype !== type.dtype || before.shape.join() !== shape.join())
      fail(frame, {
        code: "TFG0405",
        message: `the shared \`${name.text}\` is ${before.dtype}[${before.shape.join(", ")}]`,
        primary: { span: reuseSpan(frame) ?? name.span, text: `this use needs ${type.dtype}[${shape.join(", ")}]` },
      });
    return {
      entity: {
        kind: "tensor",
        value: before.value,
        type: builder.valueAt(before.value).type,
        origin: name.span,
        labels: type.labels,
      },
      declared,
    };
  }
  if (before)
    fail(frame, {
      code: "TFG0404",
      message: `two variables are named "${last}"`,
      primary: { span: nameSpan(statement.attributes) ?? name.span, text: "again" },
      related:
        before.span.file === name.span.file && before.span.start !== name.span.start
          ? [{ span: before.span, text: "first" }]
          : [],
      helps: [{ text: "choose another name" }],
    });
  const tensor = emitValue(frame, "variable", [], { name: last }, type, name.span);
  const init: Initializer = builder.isGeneric
    ? { fn: "fill", value: 0 }
    : initializer(frame, statement.init, type, shape, statement.type, kind);
  builder.variables.push({
    scope,
    last,
    dtype: type.dtype,
    shape,
    trainable: kind === "param",
    init,
    doc: statement.doc,
    span: name.span,
    value: tensor.value,
  });
  return { entity: { ...tensor, labels: type.labels }, declared };
}

function keywordStart(statement: ParamStatement | StateStatement): number {
  const { text } = statement.span.file;
  const at = text.lastIndexOf(statement.kind, statement.name.span.start);
  return Math.max(at, statement.span.start);
}

/** The `reuse=` argument that led here. */
function reuseSpan(frame: Frame): Span | undefined {
  for (let at: Frame | undefined = frame; at?.reuse; at = at.activation?.caller) {
    if (at.reuse.span && !at.activation?.caller.reuse) return at.reuse.span;
  }
  return frame.activation?.callee;
}

const nameAttribute = (attributes: readonly Attribute[]): Attribute | undefined =>
  attributes.find((attribute) => attribute.name.text === "name");
const nameSpan = (attributes: readonly Attribute[]): Span | undefined => nameAttribute(attributes)?.span;

/** The argument of `@name("…")`. */
function givenName(frame: Frame, attributes: readonly Attribute[]): string | undefined {
  const attribute = nameAttribute(attributes);
  if (!attribute) return undefined;
  const [arg] = attribute.args;
  const entity = arg ? frame.check.evaluate(frame, arg.value) : undefined;
  if (entity?.kind === "bottom") throw new Failure();
  if (entity?.kind === "str" && entity.value !== "") return entity.value;
  return fail(frame, {
    code: "TFG0210",
    message: "`@name` takes the variable's name as a string",
    primary: { span: attribute.span, text: '`@name("kernel")`' },
  });
}

// ---- initialisers ------------------------------------------------------------------------------------------

function initializer(
  frame: Frame,
  expression: Expression | undefined,
  type: WrittenType,
  shape: readonly number[],
  syntax: TypeSyntax,
  kind: "param" | "state",
): Initializer {
  const span = expression?.span ?? syntax.span;
  const dims = list(shape.map((size) => int(size)));
  let entity: Entity;
  if (!expression) {
    if (kind === "state" || shape.length < 2 || !isFloat(type.dtype)) return { fn: "fill", value: 0 };
    const standard = lookUp(frame, "glorot_uniform", span);
    entity = standard.kind === "fn" ? callInitializer(frame, standard, dims, span) : BOTTOM;
  } else entity = initialEntity(frame, expression, dims);
  return asInitializer(frame, entity, type, shape, span);
}

const callInitializer = (frame: Frame, fn: FunctionEntity, dims: Entity, span: Span): Entity =>
  frame.check.invoke(frame, fn, [{ entity: dims, span }], {
    span,
    callee: span,
    spelling: span.file.text.slice(span.start, span.end).split("(")[0] ?? "",
  });

/** In initialiser position a function, or a call that lacks its first argument, gets the shape. */
function initialEntity(frame: Frame, expression: Expression, dims: Entity): Entity {
  if (expression.kind === "parenthesized") return initialEntity(frame, expression.value, dims);
  if (expression.kind === "call") {
    const callee = frame.check.evaluateCallee(frame, expression.callee);
    if (callee.kind === "bottom") return BOTTOM;
    if (
      callee.kind === "fn" &&
      wantsShape(
        callee,
        expression.args.length,
        expression.args.map((arg) => arg.name?.text),
      )
    ) {
      const partial: FunctionEntity = {
        kind: "fn",
        form: "partial",
        of: callee,
        args: expression.args,
        frame,
        span: expression.span,
      };
      return callInitializer(frame, partial, dims, expression.span);
    }
  }
  const entity = frame.check.evaluate(frame, expression);
  return entity.kind === "fn" ? callInitializer(frame, entity, dims, expression.span) : entity;
}

/** Builtins whose first parameter is a shape. */
const RANDOM: ReadonlySet<string> = new Set(["random_uniform", "random_normal", "truncated_normal", "orthogonal"]);

/** Whether the call leaves the parameter `shape` open, which then comes first. */
function wantsShape(callee: FunctionEntity, given: number, names: readonly (string | undefined)[]): boolean {
  if (names.includes("shape")) return false;
  if (callee.form === "builtin")
    return RANDOM.has(callee.name) && given === names.filter((name) => name !== undefined).length;
  if (callee.form !== "declared") return false;
  const { params } = callee.declaration;
  const [first] = params;
  if (first?.type === "fn" || first?.type.name.text !== "int" || first.type.dims?.length !== 0) return false;
  const required = params.filter((param) => param.default === undefined).length;
  const positional = names.filter((name) => name === undefined).length;
  const named = names.filter(
    (name) => name !== undefined && params.some((param) => param.name.text === name && param.default === undefined),
  ).length;
  return positional + named < required;
}

function asInitializer(
  frame: Frame,
  entity: Entity,
  type: WrittenType,
  shape: readonly number[],
  span: Span,
): Initializer {
  const needsFloat = (): void => {
    if (!isFloat(type.dtype))
      fail(frame, {
        code: "TFG0304",
        message: `random numbers start floats, not \`${type.dtype}\``,
        primary: { span, text: "" },
      });
  };
  switch (entity.kind) {
    case "bottom":
      throw new Failure();
    case "initial":
      needsFloat();
      checkShape(frame, entity.shape, shape, type, span);
      return entity.init;
    case "int":
    case "float": {
      const value = numberOf(entity);
      if (value === undefined) return failInitializer(frame, "depends on a run dim", span);
      if (!isFloat(type.dtype) && (!Number.isInteger(value) || type.dtype === "bool"))
        fail(frame, {
          code: "TFG0304",
          message: `${value} is no \`${type.dtype}\``,
          primary: { span, text: type.dtype === "bool" ? "`true` or `false`" : `the variable is ${type.dtype}` },
        });
      return { fn: "fill", value };
    }
    case "bool":
      if (type.dtype !== "bool")
        fail(frame, {
          code: "TFG0304",
          message: `a bool cannot start a variable of \`${type.dtype}\``,
          primary: { span, text: "" },
        });
      return { fn: "fill", value: entity.value ? 1 : 0 };
    case "list": {
      const tensor = listTensor(frame, entity, span, type.dtype);
      return tensorInitializer(frame, tensor, type, shape, span);
    }
    case "tensor":
      return tensorInitializer(frame, entity, type, shape, span);
    default:
      return fail(frame, {
        code: "TFG0210",
        message: `an initialiser is a number, a tensor or a function of the shape, not ${describe(entity)}`,
        primary: { span, text: "" },
      });
  }
}

function checkShape(
  frame: Frame,
  given: readonly Dim[],
  shape: readonly number[],
  type: WrittenType,
  span: Span,
): void {
  if (given.length === shape.length && given.every((dim, i) => literalOf(dim) === shape[i])) return;
  fail(frame, {
    code: "TFG0301",
    message: `the initialiser is ${formatType({ dtype: type.dtype, shape: given })}, the variable ${formatType({ dtype: type.dtype, shape: shape.map((size) => dimOf(size)) })}`,
    primary: { span, text: "" },
  });
}

const failInitializer = (frame: Frame, text: string, span: Span): never =>
  fail(frame, { code: "TFG0210", message: "an initialiser must be known when compiling", primary: { span, text } });

/** A tensor that depends on nothing but constants: evaluated by the primitives' own meanings. */
function tensorInitializer(
  frame: Frame,
  tensor: TensorEntity,
  type: WrittenType,
  shape: readonly number[],
  span: Span,
): Initializer {
  const uniform = uniformValue(frame, tensor.value);
  // `zeros` and `ones` start integers too: what they repeat is a number like any other.
  const isWhole = uniform !== undefined && isInteger(type.dtype) && Number.isInteger(uniform);
  const isRounded = isFloat(tensor.type.dtype) && isFloat(type.dtype);
  if (tensor.type.dtype !== type.dtype && !isRounded && !isWhole)
    fail(frame, {
      code: "TFG0304",
      message: `the initialiser is \`${tensor.type.dtype}\`, the variable \`${type.dtype}\``,
      primary: { span, text: formatType(tensor.type) },
    });
  if (tensor.type.shape.length > 0) checkShape(frame, tensor.type.shape, shape, type, span);
  if (uniform !== undefined) return { fn: "fill", value: uniform };
  const array = constantArray(frame, tensor.value, span, new Map());
  const [first] = array.data;
  if (tensor.type.shape.length === 0 && first !== undefined) return { fn: "fill", value: first };
  const data: ConstantData = constantData(type.dtype, [...array.data]);
  return { fn: "data", data };
}

/** The one number that a broadcast constant repeats. */
function uniformValue(frame: Frame, id: ValueId): number | undefined {
  const value = frame.builder.valueAt(id);
  if (value.op === "broadcast" || value.op === "reshape") return uniformValue(frame, value.args[0] ?? id);
  const data = value.op === "constant" ? value.attributes.data : undefined;
  return typeof data === "object" && "data" in data && data.data.length === 1 ? data.data[0] : undefined;
}

function constantArray(frame: Frame, id: ValueId, span: Span, known: Map<ValueId, NdArray>): NdArray {
  const before = known.get(id);
  if (before) return before;
  const value = frame.builder.valueAt(id);
  if (value.op === "input" || value.op === "variable")
    return failInitializer(frame, `depends on ${value.op === "input" ? "an input" : "another variable"}`, span);
  const shape = value.type.shape.map((dim) => literalOf(dim) ?? failInitializer(frame, "depends on a run dim", span));
  if (shape.reduce((a, b) => a * b, 1) > MOST_ELEMENTS)
    return failInitializer(frame, "too many elements to compute while compiling", span);
  const args = value.args.map((arg) => constantArray(frame, arg, span, known));
  const primitive = frame.check.primitive(value.op === "part" ? "" : value.op);
  if (primitive?.class === "leaf" && value.op !== "constant" && value.op !== "dim")
    return failInitializer(frame, "depends on values of the run", span);
  if (!primitive) return failInitializer(frame, `\`${value.op}\` cannot be computed while compiling`, span);
  const size = (dim: Dim): number => evaluateDim(dim, () => failInitializer(frame, "depends on a run dim", span));
  const data = primitive.meaning(args, value, { shape, type: value.type, size });
  const own = Array.isArray(data) ? data[0] : data;
  const array: NdArray = {
    dtype: value.type.dtype,
    shape,
    data: own instanceof Float64Array ? own : new Float64Array(),
  };
  known.set(id, array);
  return array;
}
