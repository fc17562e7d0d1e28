/** Positions that depend on data: `scatter_add` writes at them, `nonzero` finds them. */
import { dimOf, formatDim, mulDims, ONE } from "../ir/dims.ts";
import type { Value } from "../ir/graph.ts";
import { compare, type Expr, load, op, plus, times, use } from "../ir/stmt.ts";
import { argDim } from "./attributes.ts";
import { failArgument, failClass, failMixed, failRank, failShapes } from "./complaints.ts";
import { checkIds } from "./index.ts";
import { element, elementsOf, forEachPoint } from "./points.ts";
import type { Primitive, RoutineBuilder } from "./primitive.ts";
import { copyWords, each, eachWord, elementAt, int, kindOf, less } from "./routine.ts";
import { belongsTo, scalarFunction } from "./scalar.ts";
import { firstOf } from "./shape.ts";

// ---- scatter_add ------------------------------------------------------------------------------------------

function addRows(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const { dtype, shape } = value.type;
  const kind = kindOf(dtype) === "f32" ? "f32" : "i32";
  const rows = build.size(shape[0] ?? ONE);
  const columns = build.size(mulDims(...shape.slice(1)));
  copyWords(build, build.result(0), build.operand(0), build.size(mulDims(...shape)));
  const bytes = code.let(times(columns, int(word)), "row");
  each(build, "i", build.size(mulDims(...build.typeOf(1).shape)), (i) => {
    const id = code.let(load("i32", elementAt(build, build.operand(1), i), 0), "id");
    code.when(compare("lt_u", id, rows), () => {
      const to = code.let(plus(build.result(0), times(id, bytes)), "to");
      const from = code.let(plus(build.operand(2), times(i, bytes)), "from");
      eachWord(build, "j", columns, kind, (at, wide) =>
        code.store(plus(to, at), 0, op("add", load(wide, plus(to, at), 0), load(wide, plus(from, at), 0))),
      );
    });
  });
}

export const scatterAdd: Primitive = {
  name: "scatter_add",
  callee: "scatter_add",
  doc:
    "`scatter_add(x, ids, v)`: `x[V, ..R]` with each `v[i]` added at row `ids[i]`, where `v` is `[..I, ..R]` for `ids[..I]`; " +
    "repeated ids add up, one out of range is dropped.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "ids", kind: "tensor" },
    { name: "v", kind: "tensor" },
  ],
  class: "routine",
  infer(call) {
    const [x, ids, v] = call.operands;
    if (!x || !ids || !v) throw new Error("`scatter_add` has three operands");
    checkIds(call, ids);
    if (!belongsTo(x.type.dtype, "num")) failClass(call, x, "num");
    if (v.type.dtype !== x.type.dtype) failMixed(call, x, v);
    if (x.type.shape.length === 0) failRank(call, x, "at least one dimension");
    const shape = [...ids.type.shape, ...x.type.shape.slice(1)];
    const agree =
      shape.length === v.type.shape.length && shape.every((dim, i) => call.facts.equal(dim, v.type.shape[i] ?? ONE));
    if (!agree) failShapes(call, "the rows to add are the ids' shape followed by that of a row", [x, ids, v]);
    return { type: x.type };
  },
  meaning([x, ids, v], value) {
    if (!x || !ids || !v) throw new Error("`scatter_add` has three operands");
    const { dtype } = value.type;
    const add = scalarFunction("add").meaning(dtype, dtype);
    const columns = elementsOf(x.shape.slice(1));
    const result = x.data.slice();
    for (const [i, id] of ids.data.entries())
      for (let j = 0; j < columns && id >= 0 && id < (x.shape[0] ?? 0); j++)
        result[id * columns + j] = add(element(result, id * columns + j), element(v.data, i * columns + j), 0);
    return result;
  },
  routine: addRows,
};

// ---- nonzero ----------------------------------------------------------------------------------------------

/** One pass over the mask; the coordinates of a true element are the counters of the loops around it. */
function findTrue(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const { shape } = build.typeOf(0);
  const most = build.size(value.type.shape[0] ?? ONE);
  const found = build.size(mulDims(...value.type.shape));
  eachWord(build, "i", found, "i32", (at, kind) => code.store(plus(build.result(0), at), 0, code.constant(kind, 0)));
  const at = code.variable("at", build.operand(0));
  const count = code.variable("count", int(0));
  const visit = (axis: number, index: readonly Expr[]): void => {
    if (axis < shape.length) {
      each(build, `i${axis}`, build.size(shape[axis] ?? ONE), (i) => visit(axis + 1, [...index, i]));
      return;
    }
    code.when(op("and", compare("ne", load("i32", use(at), 0), int(0)), less(use(count), most)), () => {
      const to = code.let(elementAt(build, build.result(0), times(use(count), int(shape.length))), "to");
      for (const [k, i] of index.entries()) code.store(to, k * word, i);
      code.set(count, plus(use(count), int(1)));
    });
    code.set(at, plus(use(at), int(word)));
  };
  visit(0, []);
  code.store(build.result(1), 0, use(count));
}

export const nonzero: Primitive = {
  name: "nonzero",
  callee: "nonzero",
  doc:
    "`indices, count = nonzero(mask, max=)`: the positions of the first `max` true elements in row-major order, i32[max] for a " +
    "mask of rank 1, else i32[max, rank] with one coordinate per axis; behind the first `count` of them they are 0.",
  signature: [
    { name: "mask", kind: "tensor" },
    { name: "max", kind: "dim" },
  ],
  class: "routine",
  infer(call) {
    const mask = firstOf(call.operands);
    if (mask.type.dtype !== "bool") failClass(call, mask, "bool");
    const rank = mask.type.shape.length;
    if (rank === 0) failRank(call, mask, "at least one dimension");
    const max = argDim(call, "max");
    if (!call.facts.oblige(max, 1))
      failArgument(call, "max", `\`max\` cannot be ${formatDim(max)}`, "at least 1 is expected");
    const shape = rank === 1 ? [max] : [max, dimOf(rank)];
    return { type: { dtype: "i32", shape }, more: [{ dtype: "i32", shape: [] }] };
  },
  meaning([mask], _, { shape }) {
    const { data, shape: sizes } = firstOf(mask ? [mask] : []);
    const indices = new Float64Array(elementsOf(shape));
    let count = 0;
    forEachPoint(sizes, (index, position) => {
      if (data[position] !== 1 || count === shape[0]) return;
      indices.set(index, count * sizes.length);
      count++;
    });
    return [indices, Float64Array.of(count)];
  },
  routine: findTrue,
};
