/** Calls of primitives by name: arguments are bound by the record's signature. */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { Expression } from "../../grammar/syntax.ts";
import { type Dim, literalOf } from "../ir/dims.ts";
import { resolveAxis, resolveOver } from "../ops/axes.ts";
import type { Argument, Operand, Parameter, Primitive } from "../ops/primitive.ts";
import type { OperandEntity } from "./apply.ts";
import { assuming } from "./comprehension.ts";
import {
  BOTTOM,
  type DimLabel,
  describe,
  type Entity,
  type FunctionEntity,
  isNumber,
  isStatic,
  literalInt,
  numberOf,
  type Supplied,
  type TensorEntity,
} from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { distribute, suppliedEntity } from "./functions.ts";
import { applyStatic, binaryStatic, extremeDim } from "./numbers.ts";
import { fail, flatten, operandOf, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { isDType, dimName, packDims } from "./types.ts";
import { addDims, mulDims, ONE, ZERO } from "../ir/dims.ts";

/** `sum(x, axis, keep = false)` */
function signatureText(name: string, primitive: Primitive): string {
  const params = primitive.signature.map((param) => {
    const shown = param.default === undefined ? "" : ` = ${JSON.stringify(param.default)}`;
    return `${param.name}${shown}`;
  });
  return `${name}(${params.join(", ")})`;
}

const isOptional = (param: Parameter): boolean => param.default !== undefined || param.kind === "axes";

export function callPrimitive(
  frame: Frame,
  fn: Extract<FunctionEntity, { form: "primitive" }>,
  args: readonly Supplied[],
  site: CallSite,
): Entity {
  const entities = new Map<Supplied, Entity>();
  for (const [i, arg] of args.entries()) {
    if (arg.name === "over") continue;
    // In a comprehension each branch of `select` is elaborated under its condition.
    const mask = fn.name === "select" && i > 0 ? entities.get(args[0] ?? arg) : undefined;
    const given = mask && "frame" in arg ? { ...arg, frame: assuming(arg.frame, mask, i === 1) } : arg;
    entities.set(arg, suppliedEntity(given, false));
  }
  const isNotAxis = (arg: Supplied): boolean => arg.name === undefined;
  const positional = args.filter(isNotAxis);
  const primitive = chosen(fn, positional.length, args);
  if ([...entities.values()].some((entity) => entity.kind === "bottom")) return BOTTOM;

  const folded = foldStatic(frame, fn.name, primitive, args, entities);
  if (folded) return folded;

  const axisParam = primitive.signature.find((param) => param.kind === "axes" || param.kind === "axis");
  const bound = distribute(
    frame,
    site,
    primitive.signature.map((param) => ({
      name: param.name,
      isOptional: isOptional(param) || (param === axisParam && args.some((arg) => arg.name === "over")),
    })),
    args,
    signatureText(fn.name, primitive),
    axisParam ? ["over"] : [],
  );
  return bindAndApply(frame, primitive, bound, entities, site);
}

/** `max` and `min` are two primitives: with two values element-wise, with one the reduction. */
function chosen(
  fn: Extract<FunctionEntity, { form: "primitive" }>,
  positional: number,
  args: readonly Supplied[],
): Primitive {
  const [first, ...others] = fn.candidates;
  if (!first) throw new Error(`no primitive is called ${fn.name}`);
  if (others.length === 0) return first;
  const isReduction =
    args.some((arg) => arg.name === "axis" || arg.name === "over" || arg.name === "keep") || positional < 2;
  return fn.candidates.find((candidate) => (candidate.class === "reduce") === isReduction) ?? first;
}

/** Functions of compile-time numbers, and sums and products of lists of them. */
function foldStatic(
  frame: Frame,
  name: string,
  primitive: Primitive,
  args: readonly Supplied[],
  entities: ReadonlyMap<Supplied, Entity>,
): Entity | undefined {
  const values = [...entities.values()];
  if (args.length !== values.length || !values.every(isStatic)) return undefined;
  if (primitive.class === "reduce") {
    const [list] = values;
    if (values.length !== 1 || list?.kind !== "list" || list.dtype !== undefined || !list.items.every(isNumber))
      return undefined;
    return foldList(frame, name, list.items);
  }
  if (args.some((arg) => arg.name !== undefined)) return undefined;
  if (primitive.name === "clamp" && values.every(isNumber)) {
    const [x, low, high] = values;
    const raised = x && low && applyStatic("maximum", [x, low], frame.facts);
    return raised && high ? applyStatic("minimum", [raised, high], frame.facts) : undefined;
  }
  return applyStatic(primitive.name, values, frame.facts);
}

function foldList(frame: Frame, name: string, items: readonly Entity[]): Entity | undefined {
  const ints = items.flatMap((item) => (item.kind === "int" ? [item.dim] : []));
  const allInts = ints.length === items.length;
  const fold = (operator: "+" | "*"): Entity | undefined =>
    items
      .slice(1)
      .reduce<Entity | undefined>((sum, item) => sum && binaryStatic(operator, sum, item, frame.facts), items[0]);
  switch (name) {
    case "prod":
      return allInts ? { kind: "int", dim: mulDims(ONE, ...ints) } : fold("*");
    case "sum":
      return allInts ? { kind: "int", dim: addDims(ZERO, ...ints) } : fold("+");
    case "max":
    case "min": {
      const [first, ...others] = ints;
      if (allInts && first)
        return { kind: "int", dim: others.reduce((a, b) => extremeDim(name, a, b, frame.facts), first) };
      const numbers = items.map(numberOf);
      return numbers.length > 0 && numbers.every((value) => value !== undefined)
        ? { kind: "float", value: Math[name](...numbers) }
        : undefined;
    }
    default:
      return undefined;
  }
}

function bindAndApply(
  frame: Frame,
  primitive: Primitive,
  bound: ReadonlyMap<string, Supplied>,
  entities: ReadonlyMap<Supplied, Entity>,
  site: CallSite,
): Entity {
  const operands: OperandEntity[] = [];
  const positions: OperandEntity[] = [];
  const values: Record<string, Argument> = {};
  const spans: Record<string, Span> = {};
  let first: { readonly tensor: TensorEntity; readonly operand: Operand } | undefined;
  for (const param of primitive.signature) {
    const arg = bound.get(param.name);
    const span = arg ? ("expression" in arg ? arg.expression.span : arg.span) : site.span;
    const entity = arg && entities.get(arg);
    if (arg) spans[param.name] = span;
    if (param.kind === "tensor" && entity) {
      operands.push({ entity, span });
      continue;
    }
    if (param.kind === "tensors" && entity) {
      if (entity.kind !== "list")
        fail(frame, {
          code: "TFG0210",
          message: `\`${param.name}\` of \`${site.spelling}\` is a list of tensors`,
          primary: { span, text: describe(entity) },
          helps: [{ text: `\`[${spanText(span)}, …]\`` }],
        });
      if (entity.kind === "list")
        for (const [i, item] of entity.items.entries()) operands.push({ entity: item, span: itemSpan(arg, i) ?? span });
      if (operands.length === 0)
        fail(frame, {
          code: "TFG0210",
          message: `\`${site.spelling}\` needs at least one tensor`,
          primary: { span, text: "an empty list" },
        });
      continue;
    }
    if (param.kind === "axis" || param.kind === "axes") {
      const [x] = operands;
      if (!x) throw new Error(`\`${primitive.name}\` has an axis but no operand`);
      if (!first) {
        const tensor = toTensor(frame, x.entity, x.span);
        operands[0] = { entity: tensor, span: x.span };
        first = { tensor, operand: operandOf(frame, tensor, x.span) };
      }
      values[param.name] = axesArgument(frame, param, first, arg, entity, bound.get("over"), span, site);
      continue;
    }
    if (param.kind === "position" && entity && entity.kind !== "int") {
      positions.push({ entity, span });
      continue;
    }
    if (entity) values[param.name] = argumentValue(frame, param, entity, span, site);
    else if (param.default !== undefined) values[param.name] = param.default;
  }
  return frame.check.apply(frame, primitive, [...operands, ...positions], values, site, spans);
}

function itemSpan(arg: Supplied | undefined, index: number): Span | undefined {
  return arg && "expression" in arg && arg.expression.kind === "list" ? arg.expression.items[index]?.span : undefined;
}

function argumentValue(frame: Frame, param: Parameter, entity: Entity, span: Span, site: CallSite): Argument {
  const wrong = (expected: string, helps: readonly { text: string }[] = []): never =>
    fail(frame, {
      code: "TFG0210",
      message: `\`${param.name}\` of \`${site.spelling}\` is ${expected}, not ${describe(entity)}`,
      primary: {
        span,
        text:
          entity.kind === "tensor" || entity.kind === "scalar" ? "this is known only at run time" : describe(entity),
      },
      helps,
    });
  switch (param.kind) {
    case "int": {
      const value = literalInt(entity);
      if (value !== undefined) return value;
      if (entity.kind === "int")
        return fail(frame, {
          code: "TFG0312",
          message: `\`${param.name}\` of \`${site.spelling}\` must be known when compiling`,
          primary: { span, text: "changes from run to run" },
        });
      return wrong("an int");
    }
    case "dim":
    case "position":
      return entity.kind === "int" ? entity.dim : wrong("an int");
    case "dims": {
      const flat = entity.kind === "list" ? flatten(entity) : "ragged";
      if (flat === "ragged")
        return wrong("a list of ints", entity.kind === "int" ? [{ text: `\`[${spanText(span)}]\`` }] : []);
      return flat.items.map((item): Dim => (item.kind === "int" ? item.dim : wrong("a list of ints")));
    }
    case "ints": {
      const items = entity.kind === "list" ? entity.items.map(literalInt) : [undefined];
      return items.map((item) => item ?? wrong("a list of ints"));
    }
    case "number": {
      const value = numberOf(entity);
      return value ?? wrong("a compile-time number");
    }
    case "bool":
      return entity.kind === "bool" ? entity.value : wrong("`true` or `false`");
    case "string":
      return entity.kind === "str" ? entity.value : wrong("a string");
    case "dtype":
      return entity.kind === "str" && isDType(entity.value) ? entity.value : wrong("an element type");
    default:
      throw new Error(`a parameter of kind ${param.kind} is an operand`);
  }
}

// ---- axes ----------------------------------------------------------------------------------------------------

function axesArgument(
  frame: Frame,
  param: Parameter,
  first: { readonly tensor: TensorEntity; readonly operand: Operand },
  arg: Supplied | undefined,
  entity: Entity | undefined,
  over: Supplied | undefined,
  span: Span,
  site: CallSite,
): Argument {
  const { tensor, operand } = first;
  const complain = (complaint: Parameters<typeof fail>[1]): never => fail(frame, complaint);
  const finished = (axes: readonly number[], at: Span): Argument => {
    const sorted = [...axes].sort((a, b) => a - b);
    if (new Set(sorted).size !== sorted.length)
      fail(frame, { code: "TFG0309", message: "an axis is named twice", primary: { span: at, text: "" } });
    if (param.kind === "axes") return sorted;
    const [axis] = sorted;
    if (sorted.length === 1 && axis !== undefined) return axis;
    return fail(frame, {
      code: "TFG0210",
      message: `\`${site.spelling}\` takes one axis`,
      primary: { span: at, text: `these are ${sorted.length}` },
    });
  };
  if (over && arg) failAxisAndOver(frame, arg.span, over.span);
  if (over) {
    const at = "expression" in over ? over.expression.span : over.span;
    return finished("expression" in over ? overAxes(over.frame, over.expression, tensor, operand, complain) : [], at);
  }
  if (!entity) {
    const { default: standard } = param;
    if (typeof standard === "number")
      return finished([resolveAxis(standard, operand, site.callee, complain)], site.callee);
    return finished(Array.isArray(standard) ? standard : tensor.type.shape.map((_, i) => i), site.callee);
  }
  const items = entity.kind === "list" ? entity.items : [entity];
  const axes = items.map((item, i) => {
    const axis = literalInt(item);
    const at = entity.kind === "list" ? (itemSpan(arg, i) ?? span) : span;
    if (axis === undefined)
      return fail(frame, {
        code: "TFG0210",
        message:
          item.kind === "int"
            ? `\`axis\` of \`${site.spelling}\` counts axes, it is no dimension`
            : `\`axis\` of \`${site.spelling}\` is a compile-time int, not ${describe(item)}`,
        primary: { span: at, text: item.kind === "int" ? "changes from run to run" : describe(item) },
        helps: item.kind === "int" ? [{ text: `over=${spanText(at)}` }] : [],
      });
    return resolveAxis(axis, operand, at, complain);
  });
  return finished(axes, span);
}

/** TFG0209 for a call with both. */
export const failAxisAndOver = (frame: Frame, axis: Span, over: Span): never =>
  fail(frame, {
    code: "TFG0209",
    message: "`axis` and `over` say the same thing",
    primary: { span: over, text: "give one of them" },
    related: [{ span: axis, text: "" }],
  });

/** The axes that `over=T`, `over=[H, W]`, `over=[..B]` names: by the declared dim an axis bears, else by its size. */
export function overAxes(
  frame: Frame,
  expression: Expression,
  tensor: TensorEntity,
  operand: Operand,
  complain: (complaint: Parameters<typeof fail>[1]) => never,
): readonly number[] {
  if (expression.kind === "parenthesized") return overAxes(frame, expression.value, tensor, operand, complain);
  if (expression.kind === "list")
    return expression.items.flatMap((item) =>
      item.spread
        ? packAxes(frame, item.value, tensor, operand, complain)
        : overAxes(frame, item.value, tensor, operand, complain),
    );
  if (expression.kind === "name") {
    const { entity, slot, label } = dimName(frame, expression.name, expression.span);
    if (entity.kind === "bottom") throw new Failure();
    const own = slot?.label ?? label;
    if (entity.kind === "list") return packAxes(frame, expression, tensor, operand, complain);
    if (entity.kind === "int")
      return [
        labelledAxis(
          own && !Array.isArray(own) && "name" in own ? own : undefined,
          entity.dim,
          tensor,
          operand,
          expression.span,
          expression.name,
          complain,
        ),
      ];
  }
  const entity = frame.check.evaluate(frame, expression);
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind === "int") {
    if (literalOf(entity.dim) === undefined)
      return [resolveOver(entity.dim, operand, expression.span, spanText(expression.span), complain)];
    const axes = tensor.type.shape.flatMap((own, i) => (own.key === entity.dim.key ? [i] : []));
    return complain({
      code: "TFG0308",
      message: `\`over=${spanText(expression.span)}\` names a size, not a dimension`,
      primary: { span: expression.span, text: "a declared dimension is expected" },
      helps: axes.length > 0 ? [{ text: axes.map((axis) => `\`axis=${axis}\``).join(" or ") }] : [],
    });
  }
  return fail(frame, {
    code: "TFG0210",
    message: `\`over\` names a dimension, not ${describe(entity)}`,
    primary: { span: expression.span, text: "" },
  });
}

function packAxes(
  frame: Frame,
  expression: Expression,
  tensor: TensorEntity,
  operand: Operand,
  complain: (complaint: Parameters<typeof fail>[1]) => never,
): readonly number[] {
  if (expression.kind !== "name")
    return fail(frame, {
      code: "TFG0210",
      message: "`over` spreads a pack of dimensions",
      primary: { span: expression.span, text: "" },
    });
  const { entity, slot } = dimName(frame, expression.name, expression.span);
  return packDims(frame, entity, expression.span).map((dim, i) =>
    labelledAxis(
      Array.isArray(slot?.label) ? slot.label[i] : undefined,
      dim,
      tensor,
      operand,
      expression.span,
      `..${expression.name}`,
      complain,
    ),
  );
}

function labelledAxis(
  label: DimLabel | undefined,
  dim: Dim,
  tensor: TensorEntity,
  operand: Operand,
  span: Span,
  text: string,
  complain: (complaint: Parameters<typeof fail>[1]) => never,
): number {
  const found = label ? (tensor.labels ?? []).flatMap((own, i) => (own === label ? [i] : [])) : [];
  const [axis] = found;
  if (found.length === 1 && axis !== undefined) return axis;
  // A literal that a declared dim stands for is found by its size, if only one axis has it that is not another's.
  const same = tensor.type.shape.flatMap((own, i) => (own.key === dim.key && !tensor.labels?.[i] ? [i] : []));
  const [only] = same;
  if (label && found.length === 0 && literalOf(dim) !== undefined && same.length === 1 && only !== undefined)
    return only;
  const [from] = operand.declared?.dims ?? [];
  const to = operand.declared?.dims[operand.declared.dims.length - 1];
  // The brackets of the declaration are what makes `over` ambiguous.
  const shown =
    operand.declared && from && to
      ? { ...operand, declared: { ...operand.declared, span: { ...from, start: from.start - 1, end: to.end + 1 } } }
      : operand;
  return resolveOver(dim, shown, span, text, complain);
}
