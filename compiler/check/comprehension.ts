/** Tensor comprehensions (language.md 5.4): their indices, bodies and reads. */
import type { Help } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { Binder, ComprehensionExpression, Expression, IndexExpression } from "../../grammar/syntax.ts";
import { addDims, type Dim, formatDim, literalOf, ONE, subDims, ZERO } from "../ir/dims.ts";
import type { Comprehension, Monoid, Scalar, ValueId } from "../ir/graph.ts";
import type { DType } from "../ir/types.ts";
import { castText } from "../ops/complaints.ts";
import { reducedDType } from "../ops/reduce.ts";
import { castNumber } from "../ops/scalar.ts";
import { depthOf } from "../ops/scalars.ts";
import { affineIndex, type AxisRange, indexRange } from "./bounds.ts";
import { describe, type Entity, formatType, numberOf, type TensorEntity } from "./entity.ts";
import { type CallSite, type Frame, Names } from "./frame.ts";
import { placeOf } from "./inside.ts";
import { nearest } from "./nearest.ts";
import { adaptedDType, checkRange, fail, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { asDim } from "./types.ts";
import { childrenOf, within } from "./walk.ts";

const MONOIDS: ReadonlySet<string> = new Set<Monoid>([
  "sum",
  "prod",
  "max",
  "min",
  "any",
  "all",
  "mean",
  "argmax",
  "argmin",
]);
const isMonoid = (name: string): name is Monoid => MONOIDS.has(name);

interface DraftAxis extends AxisRange {
  readonly name: string;
  readonly binder: Binder;
  isUsed: boolean;
}

/** A comprehension whose body is being elaborated. */
export class ComprehensionDraft {
  readonly expression: ComprehensionExpression;
  readonly axes: DraftAxis[] = [];
  readonly operands: TensorEntity[] = [];
  readonly #positions = new Map<ValueId, number>();

  constructor(expression: ComprehensionExpression) {
    this.expression = expression;
  }

  operand(tensor: TensorEntity): number {
    const known = this.#positions.get(tensor.value);
    if (known !== undefined) return known;
    this.#positions.set(tensor.value, this.operands.length);
    this.operands.push(tensor);
    return this.operands.length - 1;
  }
}

/** Where a condition of the run is known to hold, or not to. */
export const assuming = (frame: Frame, condition: Entity, holds: boolean): Frame =>
  condition.kind === "scalar"
    ? { ...frame, assumed: [...(frame.assumed ?? []), { condition: condition.scalar, holds }] }
    : frame;

/** An entity as an element: itself, a constant, or a read of a rank-0 tensor. */
export function toScalar(frame: Frame, draft: ComprehensionDraft, entity: Entity, span: Span, wanted?: DType): Scalar {
  switch (entity.kind) {
    case "bottom":
      throw new Failure();
    case "scalar":
      if (entity.of === draft) return entity.scalar;
      return fail(frame, {
        code: "TFG0210",
        message: "a `tensor` inside of a comprehension cannot use the indices around it",
        primary: { span, text: "depends on an outer index" },
        helps: [{ text: "put all indices into one `tensor(…)`, or reduce: `sum(j in M: …)`" }],
      });
    case "int": {
      const dtype = adaptedDType(entity, wanted) ?? "i32";
      const literal = literalOf(entity.dim);
      if (literal !== undefined) {
        checkRange(frame, literal, dtype, span);
        return { kind: "constant", value: literal, dtype, span };
      }
      if (dtype === "i32" || dtype === "f32") return { kind: "dim", dim: entity.dim, dtype, span };
      return { kind: "apply", fn: "cast", args: [{ kind: "dim", dim: entity.dim, dtype: "i32", span }], dtype, span };
    }
    case "float": {
      const dtype = adaptedDType(entity, wanted) ?? "f32";
      return { kind: "constant", value: castNumber(dtype, entity.value), dtype, span };
    }
    case "bool":
      return { kind: "constant", value: entity.value ? 1 : 0, dtype: "bool", span };
    default: {
      const tensor = toTensor(frame, entity, span, wanted);
      if (tensor.type.shape.length > 0)
        return fail(frame, {
          code: "TFG0302",
          message: `one element is expected, not ${formatType(tensor.type)}`,
          primary: { span, text: formatType(tensor.type) },
          helps: [{ text: `index it: \`${spanText(span)}[…]\`` }],
        });
      return { kind: "read", operand: draft.operand(tensor), at: [], dtype: tensor.type.dtype, span };
    }
  }
}

export function evaluateComprehension(frame: Frame, expression: ComprehensionExpression): Entity {
  const { callee } = expression;
  if (callee.text !== "tensor" && !isMonoid(callee.text)) {
    const near = nearest(callee.text, [...MONOIDS, "tensor"]);
    return fail(frame, {
      code: "TFG0201",
      message: `\`${callee.text}\` does not take indices`,
      primary: {
        span: callee.span,
        text: near
          ? `did you mean \`${near}\`?`
          : "`tensor` builds; sum, prod, max, min, any, all, mean, argmax and argmin reduce",
      },
      helps: near ? [{ text: near, edits: [{ span: callee.span, text: near }] }] : [],
    });
  }
  if (isMonoid(callee.text) && frame.comprehension)
    return reduction(frame, frame.comprehension, expression, callee.text);

  const draft = new ComprehensionDraft(expression);
  const inner: Frame = { ...frame, names: new Names(frame.names), comprehension: draft };
  let body: Scalar;
  let rank = 0;
  if (isMonoid(callee.text)) {
    body = toScalar(inner, draft, reduction(inner, draft, expression, callee.text), expression.span);
  } else {
    bindAxes(inner, draft, expression.binders);
    rank = draft.axes.length;
    const entity = frame.check.evaluate(inner, expression.body);
    if (entity.kind === "bottom") throw new Failure();
    body = toScalar(inner, draft, entity, expression.body.span);
    checkUsed(frame, draft.axes.slice(0, rank), "tensor", expression);
  }
  if (depthOf(body) > DEEPEST)
    fail(frame, {
      code: "TFG0101",
      message: `a body with more than ${DEEPEST} steps within each other`,
      primary: { span: expression.body.span, text: "this is too deep to compile" },
      helps: [{ text: "let a `tensor` of its own hold a part of it" }],
    });
  const result: Comprehension = { rank, axes: draft.axes.map(({ name, extent }) => ({ name, extent })), body };
  const primitive = frame.check.primitive("tensor");
  if (!primitive) throw new Error("the table has no `tensor`");
  const site: CallSite = { span: expression.span, callee: callee.span, spelling: callee.text };
  return frame.check.apply(
    frame,
    primitive,
    draft.operands.map((entity) => ({ entity, span: entity.origin })),
    { body: result },
    site,
  );
}

/** Deeper bodies are refused: what walks them, and what they become, is recursive. */
const DEEPEST = 200;

function reduction(
  frame: Frame,
  draft: ComprehensionDraft,
  expression: ComprehensionExpression,
  monoid: Monoid,
): Entity {
  const inner: Frame = { ...frame, names: new Names(frame.names), comprehension: draft };
  const first = draft.axes.length;
  bindAxes(inner, draft, expression.binders);
  const over = draft.axes.slice(first);
  const numbers = over.map((_, i) => first + i);
  const entity = frame.check.evaluate(inner, expression.body);
  if (entity.kind === "bottom") throw new Failure();
  const body = toScalar(inner, draft, entity, expression.body.span);
  checkUsed(frame, over, monoid, expression);
  const dtype = reducedDType(monoid, body.dtype);
  if (dtype === undefined) {
    const takes = monoid === "mean" ? "floats" : monoid === "any" || monoid === "all" ? "bools" : "numbers";
    const { span } = expression.body;
    const cast = castText(
      { type: { dtype: body.dtype, shape: [] }, span, origin: span },
      monoid === "mean" ? "f32" : "i32",
    );
    return fail(frame, {
      code: "TFG0304",
      message: `\`${monoid}\` takes ${takes}, not \`${body.dtype}\``,
      primary: { span, text: body.dtype },
      helps: takes === "bools" ? [{ text: "compare it: `!= 0`" }] : [{ text: cast, edits: [{ span, text: cast }] }],
    });
  }
  return {
    kind: "scalar",
    scalar: { kind: "reduce", monoid, axes: numbers, body, dtype, span: expression.span },
    of: draft,
    origin: expression.span,
  };
}

function bindAxes(frame: Frame, draft: ComprehensionDraft, binders: readonly Binder[]): void {
  const first = draft.axes.length;
  for (const binder of binders) {
    const { from, extent } = binderExtent({ ...frame, names: frame.names.outer ?? frame.names }, frame, binder);
    const clash = frame.names.own.get(binder.name.text);
    if (clash)
      fail(frame, {
        code: "TFG0202",
        message: `\`${binder.name.text}\` is bound twice`,
        primary: { span: binder.name.span, text: "again here" },
        related: [{ span: clash.span, text: "first bound here" }],
      });
    const axis: DraftAxis = { name: binder.name.text, extent, binder, isUsed: false };
    const number = draft.axes.length;
    draft.axes.push(axis);
    const { span } = binder.name;
    const index: Scalar = { kind: "axis", axis: number, dtype: "i32", span };
    const start: Scalar | undefined =
      literalOf(from) === 0
        ? undefined
        : literalOf(from) === undefined
          ? { kind: "dim", dim: from, dtype: "i32", span }
          : { kind: "constant", value: literalOf(from) ?? 0, dtype: "i32", span };
    const scalar: Scalar = start ? { kind: "apply", fn: "add", args: [index, start], dtype: "i32", span } : index;
    frame.names.own.set(binder.name.text, {
      span,
      get: (use) => {
        axis.isUsed = true;
        return { kind: "scalar", scalar: { ...scalar, span: use }, of: draft, origin: use };
      },
    });
  }
  if (draft.axes.length === first) throw new Failure();
}

/** The extent of `i in N`, or the range of `i in a..b`. */
function binderExtent(outer: Frame, inner: Frame, binder: Binder): { readonly from: Dim; readonly extent: Dim } {
  const { extent: expression } = binder;
  if (expression.kind === "binary" && expression.operator === "..") {
    const from = asDim(outer, outer.check.evaluate(outer, expression.left), expression.left, "the start of an index");
    const to = asDim(outer, outer.check.evaluate(outer, expression.right), expression.right, "the end of an index");
    return { from, extent: checkedExtent(inner, subDims(to, from), expression) };
  }
  // The indices bound before are in scope, so that the message says why they cannot be used here.
  const entity = inner.check.evaluate(inner, expression);
  if (entity.kind === "scalar" || entity.kind === "tensor")
    return fail(inner, {
      code: "TFG0210",
      message: `the extent of \`${binder.name.text}\` must be a size`,
      primary: {
        span: expression.span,
        text: entity.kind === "scalar" ? "depends on another index" : describe(entity),
      },
      helps:
        entity.kind === "scalar"
          ? [{ text: "run over the whole extent and use `select` for what lies outside" }]
          : extentHelp(binder, entity),
    });
  if (entity.kind === "int") return { from: ZERO, extent: checkedExtent(inner, entity.dim, expression) };
  return { from: ZERO, extent: asDim(inner, entity, expression, `the extent of \`${binder.name.text}\``) };
}

/** `t in x` for `t in T`, where T is the first size of x. */
function extentHelp(binder: Binder, { type }: TensorEntity): readonly Help[] {
  const [size] = type.shape;
  if (!size) return [];
  const text = formatDim(size).replaceAll("·", " * ");
  return [{ text: `${binder.name.text} in ${text}`, edits: [{ span: binder.extent.span, text }] }];
}

function checkedExtent(frame: Frame, extent: Dim, expression: Expression): Dim {
  if (frame.builder.oblige(extent, 0, expression.span, frame.facts)) return extent;
  return fail(frame, {
    code: "TFG0315",
    message: "an index cannot run over a negative size",
    primary: {
      span: expression.span,
      text: literalOf(extent) === undefined ? `${formatDim(extent)} can be negative` : `this is ${formatDim(extent)}`,
    },
  });
}

/** Whether an expression names an index that it does not bind itself. */
function mentions(expression: Expression, name: string): boolean {
  if (expression.kind === "name") return expression.name === name;
  if (expression.kind === "comprehension" && expression.binders.some((binder) => binder.name.text === name))
    return expression.binders.some((binder) => mentions(binder.extent, name));
  return [...childrenOf(expression)].some((child) => mentions(child, name));
}

/** TFG0306: an index that the body does not use. */
function checkUsed(
  frame: Frame,
  axes: readonly DraftAxis[],
  callee: string,
  expression: ComprehensionExpression,
): void {
  // One in a branch that a config switches off is used all the same.
  const unused = axes.find(
    (axis) => !axis.isUsed && !axis.name.startsWith("_") && !mentions(expression.body, axis.name),
  );
  if (!unused) return;
  const { binder } = unused;
  const { binders } = expression;
  const at = binders.indexOf(binder);
  const neighbour = binders[at + 1];
  const before = binders[at - 1];
  const removed = neighbour
    ? { ...binder.span, end: neighbour.span.start }
    : before
      ? { ...binder.span, start: before.span.end }
      : undefined;
  const extent = spanText(binder.extent.span);
  const why =
    callee === "sum"
      ? `the sum would only multiply by ${extent}`
      : callee === "tensor"
        ? "every element along it would be the same"
        : `the ${callee} does not depend on it`;
  fail(frame, {
    code: "TFG0306",
    message: `index \`${binder.name.text}\` is bound but not used`,
    primary: { span: binder.name.span, text: why },
    helps:
      callee === "tensor"
        ? [{ text: "to repeat a tensor along a new axis write `broadcast(x[:, new], [N, 3])`" }]
        : [
            {
              text: `remove \`${spanText(binder.span)}\``,
              ...(removed ? { edits: [{ span: removed, text: "" }] } : {}),
            },
          ],
  });
}

// ---- reads -----------------------------------------------------------------------------------------------

/** `x[i, j]` with an index of the comprehension in it, or `x[…] ?? v`. */
export function readElement(
  frame: Frame,
  expression: IndexExpression,
  array: Entity,
  indices: readonly { readonly entity: Entity; readonly span: Span }[],
  outside?: { readonly expression: Expression; readonly whole: Span },
): Entity {
  const draft = frame.comprehension;
  if (!draft)
    return fail(frame, {
      code: "TFG0210",
      message: "`??` belongs to a read in a comprehension",
      primary: { span: outside?.whole ?? expression.span, text: "there is no index here that could be out of range" },
    });
  if (array.kind === "scalar")
    return fail(frame, {
      code: "TFG0303",
      message: `${nameFor(expression.value)} is one element and has no axes`,
      primary: { span: expression.value.span, text: array.scalar.dtype },
    });
  const tensor = toTensor(frame, array, expression.value.span);
  if (indices.length !== tensor.type.shape.length)
    return fail(frame, {
      code: "TFG0303",
      message: `${nameFor(expression.value)} has ${tensor.type.shape.length} ${tensor.type.shape.length === 1 ? "axis" : "axes"}, but ${indices.length} ${indices.length === 1 ? "index is" : "indices are"} given`,
      primary: { span: expression.span, text: `\`${spanText(expression.value.span)}\` is ${formatType(tensor.type)}` },
      helps:
        indices.length < tensor.type.shape.length
          ? [{ text: "give every axis an index, and reduce with indices of its own: `sum(j in M: x[i, j])`" }]
          : [],
    });
  const at = indices.map(({ entity, span }, axis) => {
    // A negative literal counts from the end, as outside of a comprehension.
    const literal = numberOf(entity);
    const size = tensor.type.shape[axis] ?? ZERO;
    const fromEnd: Entity =
      entity.kind === "int" && literal !== undefined && literal < 0 && !outside
        ? { kind: "int", dim: addDims(size, entity.dim) }
        : entity;
    const scalar = toScalar(frame, draft, fromEnd, span, "i32");
    if (scalar.dtype !== "i32")
      return fail(frame, {
        code: "TFG0304",
        message: `an index is an \`i32\`, not \`${scalar.dtype}\``,
        primary: { span, text: scalar.dtype },
        helps:
          scalar.dtype === "bool"
            ? []
            : [{ text: `${castText({ type: { dtype: scalar.dtype, shape: [] }, span, origin: span }, "i32")}` }],
      });
    return scalar;
  });
  const ranges = at.map((scalar) => indexRange(scalar, draft.axes, frame.facts));
  const places = at.map((scalar, axis) => {
    const { low, high } = ranges[axis] ?? {};
    const size = tensor.type.shape[axis] ?? ZERO;
    const isInside =
      low !== undefined &&
      high !== undefined &&
      frame.facts.atLeast(low, 0) &&
      frame.facts.atLeast(subDims(size, high), 1);
    if (isInside) return "inside";
    // A read that says what lies outside needs no longer search.
    return outside ? undefined : placeOf(scalar, size, draft.axes, frame.facts, frame.assumed ?? []);
  });
  const operand = draft.operand(tensor);
  const { dtype } = tensor.type;
  const { span } = expression;
  if (outside) {
    const entity = frame.check.evaluate(frame, outside.expression);
    const scalar = toScalar(frame, draft, entity, outside.expression.span, dtype);
    if (scalar.dtype !== dtype)
      return fail(frame, {
        code: "TFG0304",
        message: `\`${dtype}\` and \`${scalar.dtype}\` do not mix in \`??\``,
        primary: { span: outside.expression.span, text: scalar.dtype },
        related: [{ span, text: dtype }],
      });
    const isSafe = places.every((place) => place === "inside");
    const read: Scalar = isSafe
      ? { kind: "read", operand, at, dtype, span }
      : { kind: "read", operand, at, outside: scalar, dtype, span };
    return { kind: "scalar", scalar: read, of: draft, origin: span };
  }
  for (const [axis, place] of places.entries())
    if (!place) failOutside(frame, draft, expression, tensor, axis, at[axis], indices[axis]?.span ?? span);
  if (places.includes("guarded")) {
    // Where the condition does not hold the value does not count, but the read happens all the same.
    const guard: Scalar = { kind: "constant", value: 0, dtype, span };
    return {
      kind: "scalar",
      scalar: { kind: "read", operand, at, outside: guard, dtype, span },
      of: draft,
      origin: span,
    };
  }
  return { kind: "scalar", scalar: { kind: "read", operand, at, dtype, span }, of: draft, origin: span };
}

const nameFor = (expression: Expression): string => `\`${spanText(expression.span)}\``;

/** `b[k, j]` for a read `b[j, k]` of plain indices that fit the axes the other way round. */
function inOtherOrder(
  frame: Frame,
  draft: ComprehensionDraft,
  expression: IndexExpression,
  tensor: TensorEntity,
): string | undefined {
  const names = expression.slices.map((slice) =>
    slice.kind === "at" && slice.value.kind === "name" ? slice.value.name : undefined,
  );
  const { shape } = tensor.type;
  if (names.length !== 2 || shape.length !== 2) return undefined;
  const fits = [...names].reverse().every((name, axis) => {
    const extent = draft.axes.findLast((other) => other.name === name)?.extent;
    return extent !== undefined && frame.facts.equal(extent, shape[axis] ?? ZERO);
  });
  return fits ? `${spanText(expression.value.span)}[${[...names].reverse().join(", ")}]` : undefined;
}

/** TFG0301 for an index whose own extent disagrees with the axis, TFG0315 for one that was shifted out of it. */
function failOutside(
  frame: Frame,
  draft: ComprehensionDraft,
  expression: IndexExpression,
  tensor: TensorEntity,
  axis: number,
  scalar: Scalar | undefined,
  span: Span,
): never {
  const size = tensor.type.shape[axis] ?? ZERO;
  const name = spanText(expression.value.span);
  const affine = scalar && affineIndex(scalar);
  const [only] = affine ? [...affine.times.keys()] : [];
  const bare = affine && affine.times.size === 1 && only !== undefined ? draft.axes[only] : undefined;
  const range = scalar ? indexRange(scalar, draft.axes, frame.facts) : {};
  if (bare && affine && only !== undefined && scalar?.kind === "axis") {
    const difference = literalOf(subDims(bare.extent, size));
    const swapped = inOtherOrder(frame, draft, expression, tensor);
    return fail(frame, {
      code: "TFG0301",
      message: `shapes do not agree in \`${spanText(expression.span)}\``,
      primary: {
        span,
        text: `\`${bare.name}\` runs over ${formatDim(bare.extent)}, axis ${axis} of \`${name}\` has ${formatDim(size)}`,
      },
      related: [{ span: bare.binder.span, text: `0 ≤ ${bare.name} < ${formatDim(bare.extent)}` }],
      helps: swapped
        ? [{ text: swapped, edits: [{ span: expression.span, text: swapped }] }]
        : difference === undefined || difference > 0
          ? [
              {
                text: `\`${bare.name} in ${formatDim(size)}\``,
                edits: [{ span: bare.binder.extent.span, text: formatDim(size).replaceAll("·", " * ") }],
              },
            ]
          : [],
    });
  }
  const { low, high } = range;
  const isLow = low === undefined || !frame.facts.atLeast(low, 0);
  const bound = isLow ? low : high;
  const at = bare && affine && only !== undefined ? describeCorner(bare, affine.times.get(only), isLow) : "";
  const text =
    bound === undefined
      ? "its range is not known"
      : isLow
        ? `is ${formatDim(bound)}${at}`
        : `reaches ${formatDim(bound)}${at}, the axis ends at ${formatDim(subDims(size, ONE))}`;
  const related = affine
    ? [...affine.times.keys()].flatMap((number) => {
        const own = draft.axes[number];
        return own && own.binder.span.file === span.file
          ? [{ span: own.binder.span, text: `0 ≤ ${own.name} < ${formatDim(own.extent)}` }]
          : [];
      })
    : [];
  const zero = tensor.type.dtype === "f32" ? "0.0" : tensor.type.dtype === "bool" ? "false" : "0";
  const read = spanText(expression.span);
  const helps: { text: string }[] = [{ text: `\`${read} ?? ${zero}\`` }];
  const later = bare && low && scalar ? startingLater(draft, bare, low) : undefined;
  if (later) helps.push({ text: later });
  if (!affine) helps.push({ text: `or keep it inside: \`clamp(${spanText(span)}, 0, ${formatDim(size)} - 1)\`` });
  return fail(frame, {
    code: "TFG0315",
    message: `\`${read}\` can be out of range`,
    primary: { span, text },
    related,
    helps,
  });
}

function describeCorner(axis: DraftAxis, times: Dim | undefined, isLow: boolean): string {
  const grows = (times && (literalOf(times) ?? 1)) ?? 1;
  const atStart = grows > 0 === isLow;
  return ` when ${axis.name} = ${atStart ? "0" : formatDim(subDims(axis.extent, ONE))}`;
}

/** For reads before the start: the same comprehension begun that much later, if its index occurs in reads only. */
function startingLater(draft: ComprehensionDraft, axis: DraftAxis, low: Dim): string | undefined {
  const by = literalOf(low);
  const { expression } = draft;
  const [binder] = expression.binders;
  if (
    by === undefined ||
    by >= 0 ||
    expression.callee.text !== "tensor" ||
    expression.binders.length !== 1 ||
    binder !== axis.binder
  )
    return undefined;
  const edits: { readonly span: Span; readonly text: string }[] = [];
  let uses = 0;
  for (const part of within(expression.body)) {
    if (part.kind === "name" && part.name === axis.name) uses++;
    if (part.kind !== "index") continue;
    for (const slice of part.slices) {
      const offset = slice.kind === "at" ? offsetFrom(axis.name, slice.value) : undefined;
      if (offset === undefined) continue;
      const shifted = offset - by;
      edits.push({
        span: slice.span,
        text: shifted === 0 ? axis.name : `${axis.name} ${shifted < 0 ? "-" : "+"} ${Math.abs(shifted)}`,
      });
    }
  }
  if (edits.length === 0 || edits.length !== uses) return undefined;
  const { span } = expression.body;
  let text = spanText(span);
  for (const edit of edits.sort((a, b) => b.span.start - a.span.start))
    text = text.slice(0, edit.span.start - span.start) + edit.text + text.slice(edit.span.end - span.start);
  return text.includes("\n")
    ? undefined
    : `or start at ${-by}: \`tensor(${axis.name} in ${formatDim(addDims(axis.extent, low))}: ${text})\``;
}

/** c, where the index is the axis plus c. */
function offsetFrom(axis: string, index: Expression): number | undefined {
  if (index.kind === "name") return index.name === axis ? 0 : undefined;
  if (index.kind !== "binary" || (index.operator !== "+" && index.operator !== "-")) return undefined;
  if (index.left.kind !== "name" || index.left.name !== axis || index.right.kind !== "number") return undefined;
  return index.operator === "+" ? index.right.value : -index.right.value;
}
