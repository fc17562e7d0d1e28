/**
 * Parameter types against arguments: generics and packs are inferred, dims that are expressions are solved or
 * compared, compile-time types are checked. Failures point at the argument that the user wrote.
 */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { DimSyntax, FunctionDeclaration, FunctionParam, TypeSyntax } from "../../grammar/syntax.ts";
import { type Dim, divideExactly, equalDims, floorDivDims, formatDim, literalOf, subDims } from "../ir/dims.ts";
import { type DType, isFloat } from "../ir/types.ts";
import { castText } from "../ops/complaints.ts";
import { belongsTo } from "../ops/scalar.ts";
import {
  BOTTOM,
  type DimLabel,
  describe,
  type Entity,
  formatType,
  int,
  isNumber,
  list,
  literalInt,
  numberOf,
  type TensorEntity,
} from "./entity.ts";
import type { Frame } from "./frame.ts";
import { adaptedDType, checkRange, fail, flatten, listTensor, toTensor } from "./operands.ts";
import { otherKindHelps } from "./order.ts";
import { asDim, checkDimNames, failDType, isDType, packDims, unknownPack } from "./types.ts";

/** What binding the arguments of one call has found out. */
export class Binding {
  /** The callee's frame: its names are what is being bound. */
  readonly frame: Frame;
  /** The caller, for messages. */
  readonly caller: Frame;
  readonly declaration: FunctionDeclaration;
  /** Where each generic got its value. */
  readonly sources = new Map<string, { readonly span: Span; readonly text: string }>();
  /** The caller's label for each of the callee's. */
  readonly outerLabels = new Map<DimLabel, DimLabel>();
  /** Dims that mention names without a value yet. */
  readonly pending: {
    readonly dim: Extract<DimSyntax, { kind: "expr" }>;
    readonly size: Dim;
    readonly argument: Span;
    readonly type: string;
  }[] = [];

  constructor(frame: Frame, caller: Frame, declaration: FunctionDeclaration) {
    this.frame = frame;
    this.caller = caller;
    this.declaration = declaration;
  }

  isGeneric(name: string, kind: "dim" | "pack" | "dtype"): boolean {
    return this.declaration.generics.some((generic) => generic.kind === kind && generic.name.text === name);
  }
  /** Whether a type has more packs without a value than one: other arguments are bound first, which may tell. */
  isAmbiguous(type: TypeSyntax | "fn"): boolean {
    if (type === "fn") return false;
    const packs = (type.dims ?? []).flatMap((dim) => (dim.kind === "pack" ? [dim.name.text] : []));
    return packs.filter((name) => !this.isBound(name)).length > 1;
  }
  isBound(name: string): boolean {
    return this.frame.names.own.has(name);
  }
}

const COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"];
const count = (n: number): string => COUNTS[n] ?? `${n}`;

/** The argument as the parameter's type makes it. Throws after reporting. */
export function bindParameter(binding: Binding, param: FunctionParam, entity: Entity, span: Span): Entity {
  if (entity.kind === "bottom") return BOTTOM;
  const { type } = param;
  if (type === "fn") {
    if (entity.kind === "fn") return entity;
    return failKind(binding, param, "a function", entity, span);
  }
  const { text: name } = type.name;
  if (name === "int") return bindInt(binding, param, type, entity, span);
  if (name === "str")
    return type.dims
      ? bindList(binding, param, type, entity, span, "str")
      : entity.kind === "str"
        ? entity
        : failKind(binding, param, "a string", entity, span);
  if (name === "float") {
    const value = numberOf(entity);
    return value !== undefined
      ? { kind: "float", value }
      : failKind(binding, param, "a compile-time float", entity, span);
  }
  if (name === "bool" && !type.dims && entity.kind === "bool") return entity;
  if (entity.kind === "list" && type.dims === undefined && isDType(name))
    return failKind(binding, param, `one ${name}`, entity, span);
  return bindTensor(binding, param, type, entity, span);
}

function failKind(binding: Binding, param: FunctionParam, expected: string, entity: Entity, span: Span): never {
  const { caller, declaration } = binding;
  const isRunTime = entity.kind === "tensor" || entity.kind === "scalar";
  return fail(caller, {
    code: "TFG0210",
    message: `\`${param.name.text}\` of \`${declaration.name.text}\` is ${expected}, not ${describe(entity)}`,
    primary: {
      span,
      text: isRunTime && expected !== "a function" ? "this is known only at run time" : describe(entity),
    },
    helps: otherKindHelps(caller, param, entity, span),
  });
}

/** A value under `int`, `int[2]`, `str`, `float` or `bool`, outside of a call. */
export function bindStaticType(frame: Frame, type: TypeSyntax, entity: Entity, span: Span): Entity {
  const { text: name } = type.name;
  const isItem = (item: Entity): boolean =>
    name === "float" ? item.kind === "int" || item.kind === "float" : item.kind === name;
  if (!type.dims && name === "float" && numberOf(entity) !== undefined)
    return { kind: "float", value: numberOf(entity) ?? 0 };
  if (!type.dims && isItem(entity)) return entity.kind === "int" ? int(entity.dim) : entity;
  if (type.dims && entity.kind === "list" && entity.items.every(isItem)) {
    const [only] = type.dims;
    const length = only?.kind === "expr" ? literalInt(frame.check.evaluate(frame, only.value)) : undefined;
    if (length === undefined || length === entity.items.length) return entity;
  }
  return fail(frame, {
    code: "TFG0210",
    message: `${spanText(type.span)} is declared, but this is ${describe(entity)}`,
    primary: { span, text: describe(entity) },
    related: [{ span: type.span, text: "declared here" }],
  });
}

function bindInt(binding: Binding, param: FunctionParam, type: TypeSyntax, entity: Entity, span: Span): Entity {
  if (type.dims) return bindList(binding, param, type, entity, span, "int");
  if (entity.kind === "int" && (entity.dtype === undefined || entity.dtype === "i32")) return int(entity.dim);
  return failKind(binding, param, "an int", entity, span);
}

/** `int[2]`: a list of that length, or one int for all of it; `int[]`: a list of any length. */
function bindList(
  binding: Binding,
  param: FunctionParam,
  type: TypeSyntax,
  entity: Entity,
  span: Span,
  of: "int" | "str",
): Entity {
  const [only] = type.dims ?? [];
  const isItem = (item: Entity): boolean => item.kind === of;
  const length =
    only?.kind === "expr" ? literalInt(binding.frame.check.evaluate(binding.frame, only.value)) : undefined;
  const expected = `${length === undefined ? "a list of" : `a list of ${length}`} ${of === "int" ? "ints" : "strings"}`;
  if (length !== undefined && isItem(entity)) return list(new Array<Entity>(length).fill(entity));
  if (entity.kind === "list" && entity.items.every(isItem)) {
    if (length === undefined || entity.items.length === length) return entity;
    return fail(binding.caller, {
      code: "TFG0210",
      message: `\`${param.name.text}\` of \`${binding.declaration.name.text}\` has ${length} items, not ${entity.items.length}`,
      primary: { span, text: `a list of ${entity.items.length}` },
    });
  }
  if (entity.kind === "list" && entity.items.some((item) => item.kind === "bottom")) return BOTTOM;
  return failKind(binding, param, expected, entity, span);
}

// ---- tensors ---------------------------------------------------------------------------------------------

/** The element type that the parameter asks for, if it is settled already. */
function settledDType(binding: Binding, type: TypeSyntax): DType | undefined {
  const { text: name } = type.name;
  const generic = binding.declaration.generics.find((other) => other.kind === "dtype" && other.name.text === name);
  // A literal adapts to what `T: float` asks for.
  if (generic?.kind === "dtype")
    return binding.frame.names.find(name)?.dtype ?? (generic.class === "float" ? "f32" : undefined);
  return isDType(name) ? name : undefined;
}

function bindTensor(binding: Binding, param: FunctionParam, type: TypeSyntax, entity: Entity, span: Span): Entity {
  const { caller } = binding;
  const { text: name } = type.name;
  if (!binding.isGeneric(name, "dtype") && (!isDType(name) || type.args)) failDType(binding.frame, type);
  const wanted = settledDType(binding, type);

  let given: Entity = entity.kind === "initial" ? toTensor(caller, entity, span) : entity;
  if (entity.kind === "list") {
    const flat = flatten(entity);
    const isTensorList =
      flat !== "ragged" &&
      flat.items.every(
        (item) => isNumber(item) || item.kind === "bool" || item.kind === "tensor" || item.kind === "initial",
      );
    if (!isTensorList && flat !== "ragged") failKind(binding, param, "a tensor", entity, span);
    given = listTensor(caller, entity, span, wanted);
  }
  const dtype =
    given.kind === "tensor"
      ? given.type.dtype
      : given.kind === "scalar"
        ? given.scalar.dtype
        : adaptedDType(given, wanted);
  if (
    dtype === undefined ||
    (!isNumber(given) && given.kind !== "bool" && given.kind !== "tensor" && given.kind !== "scalar")
  )
    return failKind(binding, param, "a tensor", entity, span);
  bindDType(binding, param, type, dtype, span);

  const shape = given.kind === "tensor" ? given.type.shape : [];
  const shown = given.kind === "tensor" ? formatType(given.type) : describe(given);
  const labels = bindDims(binding, type, shape, given.kind === "tensor" ? given.labels : undefined, span, shown, given);
  if (given.kind === "tensor") return { ...given, labels };
  if (given.kind === "int") {
    const value = literalOf(given.dim);
    if (value !== undefined) checkRange(caller, value, dtype, span);
    return isFloat(dtype) && value !== undefined ? { kind: "float", value, dtype } : { ...given, dtype };
  }
  if (given.kind === "float") return { ...given, dtype };
  return given;
}

function bindDType(binding: Binding, param: FunctionParam, type: TypeSyntax, dtype: DType, span: Span): void {
  const { caller, declaration, frame } = binding;
  const { text: name } = type.name;
  const generic = declaration.generics.find((other) => other.kind === "dtype" && other.name.text === name);
  const operand = { type: { dtype, shape: [] }, span, origin: span };
  if (generic?.kind === "dtype") {
    if (!belongsTo(dtype, generic.class)) {
      const takes = generic.class === "num" ? "numbers" : generic.class === "int" ? "integers" : "floats";
      const to = generic.class === "int" ? "i32" : "f32";
      const cast = castText(operand, to);
      fail(caller, {
        code: "TFG0304",
        message: `\`${declaration.name.text}\` takes ${takes}, not \`${dtype}\``,
        primary: { span, text: dtype },
        helps: dtype === "f32" ? [] : [{ text: cast, edits: [{ span, text: cast }] }],
      });
    }
    const before = frame.names.find(name)?.dtype;
    if (before === undefined) {
      frame.names.own.set(name, { span: generic.span, get: () => ({ kind: "str", value: dtype }), dtype });
      binding.sources.set(name, { span, text: dtype });
    } else if (before !== dtype) failMixed(binding, param, before, dtype, span, binding.sources.get(name));
    return;
  }
  if (dtype !== name && isDType(name)) failMixed(binding, param, name, dtype, span, undefined);
}

function failMixed(
  binding: Binding,
  param: FunctionParam,
  wanted: DType,
  given: DType,
  span: Span,
  source: { readonly span: Span; readonly text: string } | undefined,
): never {
  const cast = castText({ type: { dtype: given, shape: [] }, span, origin: span }, wanted);
  return fail(binding.caller, {
    code: "TFG0304",
    message: `\`${param.name.text}\` of \`${binding.declaration.name.text}\` is \`${wanted}\`, not \`${given}\``,
    primary: { span, text: given },
    related: source && source.span.file === span.file ? [source] : [],
    helps: wanted === "bool" ? [{ text: "compare it: `!= 0`" }] : [{ text: cast, edits: [{ span, text: cast }] }],
  });
}

/** Binds or compares each dim of the pattern; the labels are those of the callee. */
function bindDims(
  binding: Binding,
  type: TypeSyntax,
  shape: readonly Dim[],
  outer: readonly (DimLabel | undefined)[] | undefined,
  span: Span,
  shown: string,
  given: Entity,
): readonly (DimLabel | undefined)[] {
  const pattern = type.dims ?? [];
  // Packs with a value have a known length; an open one takes what is left.
  const lengths = pattern.map((dim) => {
    if (dim.kind === "expr") return 1;
    const slot = binding.frame.names.find(dim.name.text);
    const entity = slot?.get(dim.span);
    return entity?.kind === "list" ? entity.items.length : entity ? 0 : undefined;
  });
  const open = pattern.filter((_, i) => lengths[i] === undefined);
  const fixed = lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0);
  const left = shape.length - fixed;
  if (open.length === 0 ? left !== 0 : left < 0)
    failRank(binding, fixed, open.length > 0, shape.length, span, shown, given);
  const packs = [...new Set(open.map((dim) => (dim.kind === "pack" ? dim.name.text : "")))];
  // One pack that occurs twice takes half each time; several are told apart by other arguments, or are all empty.
  if (open.length > 1 && left > 0 && (packs.length > 1 || left % open.length !== 0))
    fail(binding.caller, {
      code: "TFG0208",
      message: `nothing says which dimensions of ${shown} are ${packs.map((pack) => `\`..${pack}\``).join(" and which ")}`,
      primary: { span, text: shown },
      related: [{ span: type.span, text: `the type that \`${binding.declaration.name.text}\` declares` }],
    });
  const rest = open.length > 1 ? left / open.length : left;

  const labels: (DimLabel | undefined)[] = [];
  let axis = 0;
  for (const [i, dim] of pattern.entries()) {
    const length = lengths[i] ?? rest;
    const sizes = shape.slice(axis, axis + length);
    const outside = outer?.slice(axis, axis + length) ?? [];
    axis += length;
    if (dim.kind === "pack") labels.push(...bindPack(binding, dim.name.text, dim, sizes, outside, span, shown));
    else for (const size of sizes) labels.push(bindDim(binding, dim, size, outside[0], span, shown));
  }
  return labels;
}

function failRank(
  binding: Binding,
  needed: number,
  atLeast: boolean,
  has: number,
  span: Span,
  shown: string,
  given: Entity,
): never {
  const name = spanText(span);
  const named = name.length <= 24 && !name.includes("\n") ? `\`${name}\`` : "the argument";
  const why = given.kind === "tensor" ? binding.caller.check.whyRank(binding.caller, given, span) : undefined;
  return fail(binding.caller, {
    code: "TFG0303",
    message: `\`${binding.declaration.name.text}\` needs ${atLeast ? "at least " : ""}${count(needed)} ${needed === 1 ? "dimension" : "dimensions"}, ${named} has ${has === 0 ? "none" : count(has)}`,
    primary: { span, text: shown },
    related: why?.related ?? [],
    helps: why?.helps ?? [],
  });
}

function bindPack(
  binding: Binding,
  name: string,
  dim: { readonly span: Span },
  sizes: readonly Dim[],
  outside: readonly (DimLabel | undefined)[],
  span: Span,
  shown: string,
): readonly (DimLabel | undefined)[] {
  const { frame } = binding;
  const known = frame.names.find(name);
  if (!known) {
    if (!binding.isGeneric(name, "pack")) fail(frame, unknownPack(name, dim.span));
    const labels = sizes.map((_, i): DimLabel => ({ name: `${name}[${i}]` }));
    for (const [i, label] of labels.entries()) {
      const outer = outside[i];
      if (outer) binding.outerLabels.set(label, outer);
    }
    const entity = list(sizes.map((size) => int(size)));
    frame.names.own.set(name, { span: dim.span, get: () => entity, label: labels });
    binding.sources.set(name, { span, text: shown });
    return labels;
  }
  const entity = known.get(dim.span);
  for (const [i, size] of packDims(frame, entity, dim.span).entries()) {
    const given = sizes[i];
    if (given && !frame.facts.equal(size, given))
      failAgree(binding, `..${name}`, size, given, span, shown, binding.sources.get(name));
  }
  return Array.isArray(known.label) ? known.label : sizes.map(() => undefined);
}

function bindDim(
  binding: Binding,
  dim: Extract<DimSyntax, { kind: "expr" }>,
  size: Dim,
  outside: DimLabel | undefined,
  span: Span,
  shown: string,
): DimLabel | undefined {
  const { frame } = binding;
  const { value } = dim;
  if (value.kind === "name" && binding.isGeneric(value.name, "dim")) {
    const known = frame.names.find(value.name);
    if (!known) {
      const label: DimLabel = { name: value.name };
      if (outside) binding.outerLabels.set(label, outside);
      frame.names.own.set(value.name, { span: dim.span, get: () => int(size), label });
      binding.sources.set(value.name, { span, text: shown });
      return label;
    }
    const before = known.get(dim.span);
    if (before.kind === "int" && !frame.facts.equal(before.dim, size))
      failAgree(binding, value.name, before.dim, size, span, shown, binding.sources.get(value.name));
    return known.label && !Array.isArray(known.label) && "name" in known.label ? known.label : undefined;
  }
  if (openNames(binding, dim).length > 0) {
    binding.pending.push({ dim, size, argument: span, type: shown });
    return undefined;
  }
  compareDim(binding, dim, size, span, shown);
  return undefined;
}

function compareDim(
  binding: Binding,
  dim: Extract<DimSyntax, { kind: "expr" }>,
  size: Dim,
  span: Span,
  shown: string,
): void {
  const { frame } = binding;
  checkDimNames(frame, dim.value);
  const expected = asDim(frame, frame.check.evaluate(frame, dim.value), dim);
  if (!frame.facts.equal(expected, size))
    failAgree(binding, spanText(dim.span), expected, size, span, shown, undefined);
}

/** Generic dims and packs of the declaration that a dim mentions and that have no value yet. */
function openNames(binding: Binding, dim: DimSyntax): readonly string[] {
  const text = spanText(dim.span);
  return binding.declaration.generics
    .filter(
      (generic) =>
        generic.kind !== "dtype" &&
        !binding.isBound(generic.name.text) &&
        new RegExp(`\\b${generic.name.text}\\b`).test(text),
    )
    .map((generic) => generic.name.text);
}

/** Dims such as `2 * N`: solved for their one open name where that is linear, then compared. */
export function settlePending(binding: Binding): void {
  const { frame } = binding;
  let waiting = binding.pending;
  // What one argument tells may leave another with a single open name.
  for (let before = waiting.length + 1; waiting.length > 0 && waiting.length < before; ) {
    before = waiting.length;
    waiting = waiting.filter(({ dim, size, argument, type }) => {
      const [name, ...others] = openNames(binding, dim);
      if (name === undefined) {
        compareDim(binding, dim, size, argument, type);
        return false;
      }
      const solution = others.length === 0 ? solve(binding, dim, size, name) : undefined;
      if (!solution || !("dim" in solution)) return true;
      const found = solution.dim;
      frame.names.own.set(name, { span: dim.span, get: () => int(found), label: { name } });
      binding.sources.set(name, { span: argument, text: type });
      compareDim(binding, dim, size, argument, type);
      return false;
    });
  }
  const [first] = waiting;
  if (!first) return;
  const { dim, size, argument, type } = first;
  const names = openNames(binding, dim);
  const [name = ""] = names;
  const solution = names.length === 1 ? solve(binding, dim, size, name) : undefined;
  const divisor = solution && "divisor" in solution ? solution : undefined;
  const isNumber = literalOf(size) !== undefined;
  const fact = divisor && `${formatDim(divisor.dividend)} % ${formatDim(divisor.divisor)} == 0`;
  fail(binding.caller, {
    code: divisor && !isNumber ? "TFG0311" : "TFG0301",
    message: `cannot infer ${names.map((open) => `\`${open}\``).join(" and ")} of \`${binding.declaration.name.text}\` from ${type}`,
    primary: {
      span: argument,
      text: divisor && isNumber ? `no size makes \`${spanText(dim.span)}\` ${formatDim(size)}` : type,
    },
    related: [{ span: dim.span, text: `must equal ${formatDim(size)}` }],
    helps:
      fact && !isNumber && binding.caller.builder.graph
        ? [{ text: `state it: \`${binding.caller.builder.graph.head} where ${fact}\`` }]
        : [],
  });
}

/** `a·N + b = size` gives N, by the values at 0 and 1; or what would have to be divisible by what. */
function solve(
  binding: Binding,
  dim: Extract<DimSyntax, { kind: "expr" }>,
  size: Dim,
  name: string,
): { readonly dim: Dim } | { readonly dividend: Dim; readonly divisor: Dim } | undefined {
  const { frame } = binding;
  const at = (value: number): Dim | undefined => {
    frame.names.own.set(name, { span: dim.span, get: () => int(value) });
    const entity = frame.check.evaluate(frame, dim.value);
    frame.names.own.delete(name);
    return entity.kind === "int" ? entity.dim : undefined;
  };
  const [b, first, second] = [at(0), at(1), at(2)];
  if (!b || !first || !second) return undefined;
  const slope = subDims(first, b);
  const isLinear = equalDims(subDims(second, first), slope) && literalOf(slope) !== 0;
  if (!isLinear) return undefined;
  const dividend = subDims(size, b);
  const exact = divideExactly(dividend, slope);
  if (exact) return { dim: exact };
  if (!frame.facts.atLeast(slope, 1)) return undefined;
  return frame.facts.divisible(dividend, slope)
    ? { dim: frame.facts.normal(floorDivDims(dividend, slope)) }
    : { dividend, divisor: slope };
}

/** Whether two dims certainly differ, in plain numbers or names, so that no fact can make them equal. */
export function isPlainDim(dim: Dim): boolean {
  const [term] = dim.terms;
  return (
    literalOf(dim) !== undefined ||
    (dim.terms.length === 1 && term?.coefficient === 1 && term.atoms.length === 1 && term.atoms[0]?.kind === "symbol")
  );
}

function failAgree(
  binding: Binding,
  name: string,
  expected: Dim,
  size: Dim,
  span: Span,
  shown: string,
  source: { readonly span: Span; readonly text: string } | undefined,
): never {
  const { caller, declaration } = binding;
  const certain = (isPlainDim(expected) && isPlainDim(size)) || literalOf(subDims(expected, size)) !== undefined;
  const label =
    name === formatDim(expected)
      ? `${formatDim(size)} where ${name} is expected`
      : `\`${name}\` is ${formatDim(size)} here`;
  return fail(caller, {
    code: certain ? "TFG0301" : "TFG0311",
    message: certain
      ? `shapes do not agree in \`${declaration.name.text}\``
      : `cannot prove that ${formatDim(expected)} equals ${formatDim(size)}`,
    primary: { span, text: `${shown}: ${label}` },
    related:
      source && source.span.start !== span.start
        ? [{ span: source.span, text: `${source.text}: \`${name}\` is ${formatDim(expected)}` }]
        : [],
    notes:
      name === formatDim(expected) || source
        ? []
        : [`\`${name}\` of \`${declaration.name.text}\` is ${formatDim(expected)}`],
    helps: certain
      ? []
      : [
          {
            text: `state it: \`${caller.builder.graph ? `${caller.builder.graph.head} ` : ""}where ${formatDim(expected)} == ${formatDim(size)}\``,
          },
        ],
  });
}

/** Every generic must have got a value from some argument. */
export function checkInferred(binding: Binding, call: Span): void {
  for (const generic of binding.declaration.generics) {
    if (binding.isBound(generic.name.text)) continue;
    if (generic.kind === "pack")
      binding.frame.names.own.set(generic.name.text, { span: generic.span, get: () => list([]), label: [] });
    else if (generic.kind === "dtype")
      binding.frame.names.own.set(generic.name.text, {
        span: generic.span,
        get: () => ({ kind: "str", value: "f32" }),
        dtype: "f32",
      });
    else
      fail(binding.caller, {
        code: "TFG0208",
        message: `nothing says what \`${generic.name.text}\` of \`${binding.declaration.name.text}\` is`,
        primary: { span: call, text: "no argument has this dimension" },
        related: [{ span: generic.span, text: "declared here" }],
      });
  }
}

/** Labels of the callee as the caller's, for what a function returns. */
export function outerLabels(binding: Binding, tensor: TensorEntity): TensorEntity {
  const { labels, ...rest } = tensor;
  const mapped = labels?.map((label) => label && binding.outerLabels.get(label));
  return mapped?.some((label) => label) ? { ...rest, labels: mapped } : rest;
}
