/** Primitives that turn data into positions and back: gather, take, one_hot, iota. */
import { ONE, subDims } from "../ir/dims.ts";
import type { Scalar } from "../ir/graph.ts";
import type { Affine } from "../ir/nest.ts";
import { argDim, argNumber, numberOf } from "./attributes.ts";
import { failArgument, failClass, failRank, failShapes, failSwapped } from "./complaints.ts";
import { vjpOf } from "./comprehension-vjp.ts";
import { isLinearInFirst } from "./derivatives.ts";
import { elementsOf, gathered, positionOf, stridesOf } from "./points.ts";
import type { NestBuilder, Operand, Primitive, PrimitiveCall } from "./primitive.ts";
import type { ScalarWriter } from "./scalars.ts";
import { firstOf } from "./shape.ts";

export function checkIds(call: PrimitiveCall, ids: Operand): void {
  if (ids.type.dtype !== "i32") failClass(call, ids, "int");
}

const clampTo = (id: number, extent: number) => Math.min(Math.max(id, 0), extent - 1);

/** The id as a position of an axis, clamped into it. */
function clampedId(build: NestBuilder, id: number, extent: Parameters<NestBuilder["dim"]>[0]): Affine {
  const low = build.apply("maximum", "i32", id, build.constant(0, "i32"));
  return build.position(build.apply("minimum", "i32", low, build.dim(subDims(extent, ONE), "i32")));
}

/** The id that operand 1 has at an index, clamped into an axis of operand 0. */
function clampedScalar(writer: ScalarWriter, at: readonly Scalar[], axis: number): Scalar {
  const last = writer.size(subDims(writer.shapeOf(0)[axis] ?? ONE, ONE));
  return writer.apply("minimum", writer.apply("maximum", writer.element(1, at), writer.constant(0, "i32")), last);
}

export const gather: Primitive = {
  name: "gather",
  callee: "gather",
  doc: "`gather(table, ids)`: rows; `ids[..I]` of `table[V, ..R]` gives `[..I, ..R]`. An id out of range is clamped.",
  signature: [
    { name: "table", kind: "tensor" },
    { name: "ids", kind: "tensor" },
  ],
  class: "move",
  infer(call) {
    const [table, ids] = call.operands;
    if (!table || !ids) throw new Error("`gather` has two operands");
    if (ids.type.dtype !== "i32" && table.type.dtype === "i32" && ids.type.shape.length > 0)
      failSwapped(call, "the table comes first, then the ids");
    checkIds(call, ids);
    if (table.type.shape.length === 0) failRank(call, table, "at least one dimension");
    return { type: { dtype: table.type.dtype, shape: [...ids.type.shape, ...table.type.shape.slice(1)] } };
  },
  meaning([table, ids], _, { shape }) {
    if (!table || !ids) throw new Error("`gather` has two operands");
    const rank = ids.shape.length;
    const strides = stridesOf(ids.shape);
    return gathered(table, shape, (index) => [
      clampTo(ids.data[positionOf(index, strides)] ?? 0, table.shape[0] ?? 1),
      ...index.slice(rank),
    ]);
  },
  nest(build, _, at) {
    const rank = build.typeOf(1).shape.length;
    const row = clampedId(build, build.operand(1, at.slice(0, rank)), build.typeOf(0).shape[0] ?? ONE);
    return build.operand(0, [row, ...at.slice(rank)]);
  },
  vjp: vjpOf((_, at, writer) => {
    const rank = writer.shapeOf(1).length;
    return writer.element(0, [clampedScalar(writer, at.slice(0, rank), 0), ...at.slice(rank)]);
  }),
  linear: isLinearInFirst,
};

export const take: Primitive = {
  name: "take",
  callee: "take",
  doc: "`take(x, ids, axis=-1)`: one element per row; `ids` has the shape of `x` without the axis. An id out of range is clamped.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "ids", kind: "tensor" },
    { name: "axis", kind: "axis", default: -1 },
  ],
  class: "move",
  infer(call) {
    const [x, ids] = call.operands;
    if (!x || !ids) throw new Error("`take` has two operands");
    checkIds(call, ids);
    const axis = argNumber(call, "axis");
    const shape = x.type.shape.filter((_, i) => i !== axis);
    const agree =
      shape.length === ids.type.shape.length &&
      shape.every((dim, i) => call.facts.equal(dim, ids.type.shape[i] ?? ONE));
    if (!agree) failShapes(call, `the ids must have the shape of the first operand without axis ${axis}`, [x, ids]);
    return { type: { dtype: x.type.dtype, shape }, attributes: { axis } };
  },
  meaning([x, ids], value, { shape }) {
    if (!x || !ids) throw new Error("`take` has two operands");
    const axis = numberOf(value, "axis");
    const strides = stridesOf(ids.shape);
    return gathered(x, shape, (index) => [
      ...index.slice(0, axis),
      clampTo(ids.data[positionOf(index, strides)] ?? 0, x.shape[axis] ?? 1),
      ...index.slice(axis),
    ]);
  },
  nest(build, value, at) {
    const axis = numberOf(value, "axis");
    const id = clampedId(build, build.operand(1, at), build.typeOf(0).shape[axis] ?? ONE);
    return build.operand(0, [...at.slice(0, axis), id, ...at.slice(axis)]);
  },
  vjp: vjpOf((value, at, writer) => {
    const axis = numberOf(value, "axis");
    return writer.element(0, [...at.slice(0, axis), clampedScalar(writer, at, axis), ...at.slice(axis)]);
  }),
  linear: isLinearInFirst,
};

export const oneHot: Primitive = {
  name: "one_hot",
  callee: "one_hot",
  doc: "`one_hot(ids, k)`: f32[..I, k] with 1 at each id and 0 elsewhere; an id out of range gives a row of zeros.",
  signature: [
    { name: "ids", kind: "tensor" },
    { name: "k", kind: "dim" },
  ],
  class: "move",
  infer(call) {
    const ids = firstOf(call.operands);
    checkIds(call, ids);
    const k = argDim(call, "k");
    if (!call.facts.oblige(k, 1)) failArgument(call, "k", "`one_hot` needs at least one class", "sizes are at least 1");
    return { type: { dtype: "f32", shape: [...ids.type.shape, k] } };
  },
  meaning([ids], _, { shape }) {
    const { data } = firstOf(ids ? [ids] : []);
    const k = shape[shape.length - 1] ?? 1;
    return Float64Array.from({ length: elementsOf(shape) }, (_, i) => (data[Math.floor(i / k)] === i % k ? 1 : 0));
  },
  nest(build, _, at) {
    const id = build.operand(0, at.slice(0, -1));
    const column = build.indexValue(at[at.length - 1] ?? build.literal(0));
    const isHot = build.apply("equal", "bool", id, column);
    return build.apply("select", "f32", isHot, build.constant(1, "f32"), build.constant(0, "f32"));
  },
  vjp: "zero",
};

export const iota: Primitive = {
  name: "iota",
  callee: "iota",
  doc: "`iota(n)`: i32[n] with the numbers 0 to n - 1.",
  signature: [{ name: "n", kind: "dim" }],
  class: "map",
  infer(call) {
    const n = argDim(call, "n");
    if (!call.facts.oblige(n, 1)) failArgument(call, "n", "`iota` needs at least one element", "sizes are at least 1");
    return { type: { dtype: "i32", shape: [n] } };
  },
  meaning(_, __, { shape }) {
    return Float64Array.from({ length: shape[0] ?? 0 }, (_, i) => i);
  },
  nest(build, _, at) {
    return build.indexValue(at[0] ?? build.literal(0));
  },
  vjp: "zero",
};
