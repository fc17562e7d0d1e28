/** Positions that depend on data: `scatter_add` writes at them, `nonzero` finds them. */
import { dimOf, formatDim, mulDims, ONE } from "../ir/dims.ts";
import type { Value } from "../ir/graph.ts";
import { compare, convert, type Expr, load, op, plus, select, times, use } from "../ir/stmt.ts";
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
  // What was added at a row has the gradient of that row, or none where it was dropped.
  vjp({ emit, value, cotangent }) {
    const [, ids, v] = value.args;
    if (ids === undefined || v === undefined) return [];
    const { shape } = emit.typeOf(ids);
    const row = emit.typeOf(v).shape.slice(shape.length);
    const isKept = emit.apply("and", [
      emit.apply("greater_equal", [ids, emit.constant(0, "i32")]),
      emit.apply("less", [ids, emit.dim(value.type.shape[0] ?? ONE, "i32")]),
    ]);
    const mask = emit.apply("reshape", [isKept], { shape: [...shape, ...row.map(() => ONE)] });
    const rows = emit.apply("gather", [cotangent, ids]);
    return [cotangent, undefined, emit.apply("select", [mask, rows, emit.constant(0, "f32")])];
  },
  linear: (_, [x, ids, v]) => x !== "fixed" && ids !== "linear" && v !== "fixed",
  routine: addRows,
};

// ---- nonzero ----------------------------------------------------------------------------------------------

/**
 * One pass over the mask; the coordinates of an element are the counters of the loops around it. Every coordinate is
 * written, to the place of the next one if its element is false: random masks would mislead any branch. Four false ones
 * in a row are skipped. What does not fit goes to scratch.
 */
function findTrue(build: RoutineBuilder, value: Value): void {
  const { code, word, lanes } = build;
  const { shape } = build.typeOf(0);
  const most = build.size(value.type.shape[0] ?? ONE);
  const places = build.size(mulDims(...value.type.shape));
  const at = code.variable("at", build.operand(0));
  const count = code.variable("count", int(0));
  const visit = (index: readonly Expr[], mask: Expr): void => {
    const next = elementAt(build, build.result(0), times(use(count), int(shape.length)));
    const to = code.let(select(less(use(count), most), next, build.scratch(0)), "to");
    for (const [k, i] of index.entries()) code.store(to, k * word, i);
    code.set(count, plus(use(count), mask));
  };
  const loops = (axis: number, index: readonly Expr[]): void => {
    const extent = build.size(shape[axis] ?? ONE);
    if (axis < shape.length - 1) {
      each(build, `i${axis}`, extent, (i) => loops(axis + 1, [...index, i]));
      return;
    }
    let from: Expr = int(0);
    if (lanes === 4) {
      const whole = code.let(op("and", extent, int(~3)), "whole");
      code.loop(`i${axis}`, from, whole, int(4), (i) => {
        code.when(convert("any_true", "i32", [load("i32x4", use(at), 0)]), () => {
          for (let k = 0; k < 4; k++) visit([...index, plus(i, int(k))], load("i32", use(at), k * word));
        });
        code.set(at, plus(use(at), int(4 * word)));
      });
      from = whole;
    }
    code.loop(`i${axis}`, from, extent, int(1), (i) => {
      visit([...index, i], load("i32", use(at), 0));
      code.set(at, plus(use(at), int(word)));
    });
  };
  loops(0, []);
  const found = code.let(select(less(use(count), most), use(count), most), "found");
  code.store(build.result(1), 0, found);
  // A coordinate that was written for a false element is cleared with the rest.
  const rest = code.let(times(found, int(shape.length)), "rest");
  code.loop("i", rest, places, int(1), (i) => code.store(elementAt(build, build.result(0), i), 0, int(0)));
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
  results: ["indices", "count"],
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
  scratch: (_, [mask]) => [dimOf(mask?.shape.length ?? 1)],
  vjp: "zero",
  routine: findTrue,
};
