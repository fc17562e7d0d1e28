/** The matrix product `a @ b`. */
import { type Dim, formatDim, isLiteral, ONE } from "../ir/dims.ts";
import type { TensorType } from "../ir/types.ts";
import { broadcastIndex, broadcastShapes, stretched } from "./broadcast.ts";
import { failClass, failInner, failMixed, failRank, failShapes } from "./complaints.ts";
import { vjpOf } from "./comprehension-vjp.ts";
import { isLinearInOne } from "./derivatives.ts";
import { element, elementsOf } from "./points.ts";
import type { Primitive } from "./primitive.ts";
import { belongsTo, scalarFunction } from "./scalar.ts";

/** The dims of an operand by role: batch dims, the free dim (absent for a vector), and which axis is summed over. */
function roles(type: TensorType, side: "left" | "right") {
  const { shape } = type;
  const rank = shape.length;
  const summed = side === "left" || rank === 1 ? rank - 1 : rank - 2;
  const free = rank === 1 ? undefined : side === "left" ? rank - 2 : rank - 1;
  return { batch: shape.slice(0, Math.max(rank - 2, 0)), free, summed, inner: shape[summed] ?? ONE };
}

const freeDims = (type: TensorType, free: number | undefined): readonly Dim[] =>
  free === undefined ? [] : [type.shape[free] ?? ONE];

export const matmul: Primitive = {
  name: "matmul",
  doc:
    "`a @ b`: c[.., m, n] = sum_k a[.., m, k] * b[.., k, n]. Leading dims are batch dims and broadcast; a vector on the " +
    "left is a row, on the right a column, and its dim is missing in the result.",
  signature: [
    { name: "a", kind: "tensor" },
    { name: "b", kind: "tensor" },
  ],
  class: "contraction",
  infer(call) {
    const [left, right] = call.operands;
    if (!left || !right) throw new Error("`@` has two operands");
    if (left.type.dtype !== right.type.dtype) failMixed(call, left, right);
    for (const operand of [left, right]) {
      if (!belongsTo(operand.type.dtype, "num")) failClass(call, operand, "num");
      if (operand.type.shape.length === 0) failRank(call, operand, "at least one dimension");
    }
    const a = roles(left.type, "left");
    const b = roles(right.type, "right");
    if (!call.facts.equal(a.inner, b.inner)) failInner(call, left, right, a.summed, b.summed);
    const batch = broadcastShapes(a.batch, b.batch, call.facts.equal);
    if ("disagree" in batch) {
      const pair = batch.disagree?.map(formatDim);
      failShapes(
        call,
        `the batch dimensions ${pair ? `${pair[0]} and ${pair[1]} ` : ""}differ`,
        [left, right],
        ["a symbolic dimension is never stretched"],
      );
    }
    return {
      type: {
        dtype: left.type.dtype,
        shape: [...batch.shape, ...freeDims(left.type, a.free), ...freeDims(right.type, b.free)],
      },
    };
  },
  meaning([a, b], value, { shape }) {
    if (!a || !b) throw new Error("`@` has two operands");
    const inner = a.shape[a.shape.length - 1] ?? 1;
    const rows = a.shape.length === 1 ? 1 : (a.shape[a.shape.length - 2] ?? 1);
    const columns = b.shape.length === 1 ? 1 : (b.shape[b.shape.length - 1] ?? 1);
    const freeCount = (a.shape.length === 1 ? 0 : 1) + (b.shape.length === 1 ? 0 : 1);
    const batch = shape.slice(0, shape.length - freeCount);
    const left = stretched({ ...a, shape: [...a.shape.slice(0, -2), rows, inner] }, [...batch, rows, inner]);
    const right = stretched({ ...b, shape: [...b.shape.slice(0, -2), inner, columns] }, [...batch, inner, columns]);
    const { dtype } = value.type;
    const isInt = belongsTo(dtype, "int");
    const add = scalarFunction("add").meaning(dtype, dtype);
    const multiply = scalarFunction("mul").meaning(dtype, dtype);
    const result = new Float64Array(elementsOf(shape));
    for (let position = 0; position < result.length; position++) {
      const column = position % columns;
      const row = Math.floor(position / columns) % rows;
      const block = Math.floor(position / columns / rows);
      let sum = 0;
      for (let k = 0; k < inner; k++) {
        const x = element(left, (block * rows + row) * inner + k);
        const y = element(right, (block * inner + k) * columns + column);
        sum = isInt ? add(sum, multiply(x, y, 0), 0) : sum + x * y;
      }
      result[position] = sum;
    }
    return result;
  },
  nest(build, value, at) {
    const left = build.typeOf(0);
    const right = build.typeOf(1);
    const a = roles(left, "left");
    const b = roles(right, "right");
    const freeCount = (a.free === undefined ? 0 : 1) + (b.free === undefined ? 0 : 1);
    const batch = at.slice(0, at.length - freeCount);
    const free = at.slice(at.length - freeCount);
    const row = a.free === undefined ? [] : free.slice(0, 1);
    const column = b.free === undefined ? [] : free.slice(-1);
    const axis = build.reduceAxis("k", a.inner);
    const k = build.index(axis);
    const x = build.operand(0, [...broadcastIndex(build, a.batch, batch), ...row, k]);
    const y = build.operand(1, [...broadcastIndex(build, b.batch, batch), k, ...column]);
    const { dtype } = value.type;
    return build.reduce("sum", [axis], build.apply("mul", dtype, x, y), dtype);
  },
  vjp: vjpOf((_, at, writer) => {
    const [left, right] = [0, 1].map((k) => writer.shapeOf(k));
    const a = roles({ dtype: "f32", shape: left ?? [] }, "left");
    const b = roles({ dtype: "f32", shape: right ?? [] }, "right");
    const freeCount = (a.free === undefined ? 0 : 1) + (b.free === undefined ? 0 : 1);
    const batch = at.slice(0, at.length - freeCount);
    const free = at.slice(at.length - freeCount);
    const axis = writer.newAxis("k", a.inner);
    const k = writer.axis(axis);
    // A batch dim of 1 has the single index 0, whatever runs over the result's.
    const batchIndex = (dims: readonly Dim[]) =>
      dims.map((dim, i) =>
        isLiteral(dim, 1) ? writer.constant(0, "i32") : (batch[batch.length - dims.length + i] ?? k),
      );
    const x = writer.element(0, [...batchIndex(a.batch), ...(a.free === undefined ? [] : free.slice(0, 1)), k]);
    const y = writer.element(1, [...batchIndex(b.batch), k, ...(b.free === undefined ? [] : free.slice(-1))]);
    return writer.reduce("sum", [axis], writer.apply("mul", x, y));
  }),
  linear: isLinearInOne,
};
