/** Parts of one axis: `slice`, and `split` and `unstack`, which have several results. */
import {
  addDims,
  type Dim,
  dimOf,
  divideExactly,
  floorDivDims,
  formatDim,
  literalOf,
  modDims,
  ONE,
  scaleDim,
  subDims,
  ZERO,
} from "../ir/dims.ts";
import type { Value, ValueId } from "../ir/graph.ts";
import type { Affine } from "../ir/nest.ts";
import type { TensorType } from "../ir/types.ts";
import { argDim, argNumber, dimOfAttribute, numberOf } from "./attributes.ts";
import { failClass, failRank, nameOf, typeLabel } from "./complaints.ts";
import { isLinearInFirst } from "./derivatives.ts";
import { gathered } from "./points.ts";
import type { NdArray, NestBuilder, Operand, Primitive, PrimitiveCall, Pullback } from "./primitive.ts";
import { checkRange, firstOf } from "./shape.ts";

/** `x` with `by` added to the index along `axis`. */
const shifted = (build: NestBuilder, at: readonly Affine[], axis: number, by: Affine | Dim): readonly Affine[] =>
  at.map((index, i) => (i === axis ? build.add(index, by) : index));

const withSize = (type: TensorType, axis: number, size: Dim): TensorType => ({
  dtype: type.dtype,
  shape: type.shape.map((dim, i) => (i === axis ? size : dim)),
});

// ---- positions that may be scalars of the graph -------------------------------------------------------------

/** Checks an `at` that is an operand: a rank-0 i32. */
export function checkPosition(call: PrimitiveCall, at: Operand): void {
  if (at.type.dtype !== "i32") failClass(call, at, "int");
  if (at.type.shape.length > 0)
    call.fail({
      code: "TFG0303",
      message: `\`at\` is one position, ${nameOf(at)} has dimensions`,
      primary: typeLabel(at),
    });
}

/** `at` from operand `k`, clamped so that `size` positions fit into `extent`. */
export function clampedPosition(build: NestBuilder, k: number, extent: Dim, size: Dim): Affine {
  const last = build.dim(subDims(extent, size), "i32");
  const at = build.apply("maximum", "i32", build.operand(k, []), build.constant(0, "i32"));
  return build.position(build.apply("minimum", "i32", at, last));
}

/** The position as a number: an attribute, or operand `k` clamped likewise. */
export function positionFor(value: Value, at: NdArray | undefined, size: (dim: Dim) => number, room: number): number {
  if (!at) return size(dimOfAttribute(value, "at"));
  return Math.min(Math.max(at.data[0] ?? 0, 0), room);
}

export const slice: Primitive = {
  name: "slice",
  callee: "slice",
  doc: "`slice(x, axis=, at=, size=)`: `size` positions of an axis from `at` on. A scalar of the graph as `at` is clamped so that they fit.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "axis", kind: "axis" },
    { name: "at", kind: "position" },
    { name: "size", kind: "dim" },
  ],
  class: "view",
  infer(call) {
    const [x, at] = call.operands;
    if (!x) throw new Error("`slice` has an operand");
    const axis = argNumber(call, "axis");
    const size = argDim(call, "size");
    const extent = x.type.shape[axis] ?? ONE;
    if (at) {
      checkPosition(call, at);
      checkRange(call, extent, ZERO, size, 1);
      return { type: withSize(x.type, axis, size), attributes: { axis } };
    }
    const given = argDim(call, "at");
    const start = (literalOf(given) ?? 0) < 0 ? addDims(extent, given) : given;
    checkRange(call, extent, start, size, 1);
    return { type: withSize(x.type, axis, size), attributes: { axis, at: start } };
  },
  meaning([x, at], value, { shape, size }) {
    const array = firstOf(x ? [x] : []);
    const axis = numberOf(value, "axis");
    const start = positionFor(value, at, size, (array.shape[axis] ?? 0) - (shape[axis] ?? 0));
    return gathered(array, shape, (index) => index.map((i, own) => (own === axis ? i + start : i)));
  },
  nest(build, value, at) {
    const axis = numberOf(value, "axis");
    const start =
      value.args.length > 1
        ? clampedPosition(build, 1, build.typeOf(0).shape[axis] ?? ONE, value.type.shape[axis] ?? ONE)
        : build.literal(dimOfAttribute(value, "at"));
    return build.operand(0, shifted(build, at, axis, start));
  },
  vjp({ emit, value, cotangent }) {
    const [x, ...position] = value.args;
    if (x === undefined) return [];
    const axis = numberOf(value, "axis");
    const { shape } = emit.typeOf(x);
    if (position.length > 0) {
      const none = emit.zeros(shape);
      return [emit.apply("update_slice", [none, cotangent, ...position], { axis })];
    }
    const before = dimOfAttribute(value, "at");
    const size = value.type.shape[axis] ?? ONE;
    const after = subDims(shape[axis] ?? ONE, addDims(before, size));
    const pads = shape.flatMap((_, i) => (i === axis ? [before, after] : [ZERO, ZERO]));
    return [emit.apply("pad", [cotangent], { pads, value: 0 })];
  },
  linear: isLinearInFirst,
};

// ---- several results ---------------------------------------------------------------------------------------

/** The cotangents of all results put together again, zeros for those that nothing depends on. */
function joined({ emit, value, cotangents }: Pullback, by: "concat" | "stack"): ValueId {
  const none = () => emit.zeros(value.type.shape);
  return emit.apply(
    by,
    cotangents.map((cotangent) => cotangent ?? none()),
    { axis: numberOf(value, "axis") },
  );
}

function failDivision(call: PrimitiveCall, extent: Dim, n: number): never {
  const literal = literalOf(extent);
  return call.fail({
    code: "TFG0310",
    message: `${formatDim(extent)} is not divisible by ${n}`,
    primary: {
      span: call.spans?.n ?? call.span,
      text: literal === undefined ? `${n} equal parts` : `${literal} % ${n} = ${literal % n}`,
    },
  });
}

export const split: Primitive = {
  name: "split",
  callee: "split",
  doc: "`split(x, n, axis=)`: the n equal parts of `x` along an axis, in order.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "n", kind: "int" },
    { name: "axis", kind: "axis" },
  ],
  class: "view",
  infer(call) {
    const x = firstOf(call.operands);
    const n = argNumber(call, "n");
    const axis = argNumber(call, "axis");
    const extent = x.type.shape[axis] ?? ONE;
    const part =
      n >= 1
        ? (divideExactly(extent, dimOf(n)) ??
          (call.facts.equal(modDims(extent, dimOf(n)), ZERO) ? floorDivDims(extent, dimOf(n)) : undefined))
        : undefined;
    if (!part) return failDivision(call, extent, n);
    const type = withSize(x.type, axis, part);
    return { type, attributes: { axis }, more: new Array<TensorType>(n - 1).fill(type) };
  },
  meaning([x], value, { shape }) {
    const axis = numberOf(value, "axis");
    return [value.type, ...(value.more ?? [])].map((_, part) =>
      gathered(firstOf(x ? [x] : []), shape, (index) =>
        index.map((i, own) => (own === axis ? i + part * (shape[axis] ?? 0) : i)),
      ),
    );
  },
  nest(build, value, at, result = 0) {
    const axis = numberOf(value, "axis");
    return build.operand(0, shifted(build, at, axis, scaleDim(value.type.shape[axis] ?? ONE, result)));
  },
  vjp: (pullback) => [joined(pullback, "concat")],
  linear: isLinearInFirst,
};

export const unstack: Primitive = {
  name: "unstack",
  callee: "unstack",
  doc: "`unstack(x, axis=0)`: the slices of `x` along an axis of literal extent, without that axis.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "axis", kind: "axis", default: 0 },
  ],
  class: "view",
  infer(call) {
    const x = firstOf(call.operands);
    const axis = argNumber(call, "axis");
    const extent = x.type.shape[axis];
    const n = extent && literalOf(extent);
    if (!extent) return failRank(call, x, "at least one dimension");
    if (n === undefined)
      return call.fail({
        code: "TFG0312",
        message: `the number of results of \`${call.spelling}\` must be known when compiling`,
        primary: { ...typeLabel(x) },
        notes: [`axis ${axis} has ${formatDim(extent)} positions, which changes from run to run`],
      });
    const type: TensorType = { dtype: x.type.dtype, shape: x.type.shape.filter((_, i) => i !== axis) };
    return { type, attributes: { axis }, more: new Array<TensorType>(n - 1).fill(type) };
  },
  meaning([x], value, { shape }) {
    const axis = numberOf(value, "axis");
    return [value.type, ...(value.more ?? [])].map((_, part) =>
      gathered(firstOf(x ? [x] : []), shape, (index) => [...index.slice(0, axis), part, ...index.slice(axis)]),
    );
  },
  nest(build, value, at, result = 0) {
    const axis = numberOf(value, "axis");
    return build.operand(0, [...at.slice(0, axis), build.literal(result), ...at.slice(axis)]);
  },
  vjp: (pullback) => [joined(pullback, "stack")],
  linear: isLinearInFirst,
};
