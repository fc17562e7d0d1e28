/** Linear systems: `solve` by LU decomposition, `cholesky`. */
import { mulDims, ONE } from "../ir/dims.ts";
import type { Value, ValueId } from "../ir/graph.ts";
import { compare, constant, convert, type Expr, load, op, plus, select, times, use } from "../ir/stmt.ts";
import { failClass, failMixed, failRank, failShapes } from "./complaints.ts";
import { element } from "./points.ts";
import type { Emitter, Operand, Primitive, PrimitiveCall, RoutineBuilder } from "./primitive.ts";
import { copyWords, dot, each, elementAt, int, less } from "./routine.ts";
import { belongsTo } from "./scalar.ts";
import { firstOf } from "./shape.ts";

/** Square matrices in the last two dims of a float tensor. */
function checkMatrix(call: PrimitiveCall, a: Operand): void {
  const { dtype, shape } = a.type;
  if (!belongsTo(dtype, "float")) failClass(call, a, "float");
  const rank = shape.length;
  if (rank < 2) failRank(call, a, "at least two dimensions");
  if (!call.facts.equal(shape[rank - 2] ?? ONE, shape[rank - 1] ?? ONE))
    failShapes(call, "the matrix must be square", [a]);
}

const wide = (x: Expr): Expr => convert("promote", "f64", [x]);
const narrow = (x: Expr): Expr => convert("demote", "f32", [x]);
const f32At = (pointer: Expr): Expr => load("f32", pointer, 0);

/** Each matrix in the last two dims turned over. */
function transposed(emit: Emitter, x: ValueId): ValueId {
  const axes = emit.typeOf(x).shape.map((_, i) => i);
  const [row = 0, column = 1] = axes.slice(-2);
  return emit.apply("transpose", [x], { perm: [...axes.slice(0, -2), column, row] });
}

// ---- cholesky -----------------------------------------------------------------------------------------------

/** Row by row, each element by a product of two rows that are done (Cholesky and Banachiewicz). */
function factor(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const { shape } = value.type;
  const rank = shape.length;
  const n = build.size(shape[rank - 1] ?? ONE);
  const bytes = code.let(times(n, int(word)), "row");
  each(build, "m", build.size(mulDims(...shape.slice(0, -2))), (m) => {
    const start = code.let(times(m, times(n, bytes)), "start");
    const a = code.let(plus(build.operand(0), start), "a");
    const l = code.let(plus(build.result(0), start), "l");
    each(build, "i", n, (i) => {
      const row = code.let(times(i, bytes), "at");
      const li = code.let(plus(l, row), "li");
      each(build, "j", code.let(plus(i, int(1)), "behind"), (j) => {
        const lj = code.let(plus(l, times(j, bytes)), "lj");
        const step = int(word);
        const sum = dot(build, { at: li, step }, { at: lj, step }, j);
        const rest = code.let(op("sub", wide(f32At(elementAt(build, plus(a, row), j))), sum), "rest");
        const pivot = wide(f32At(elementAt(build, lj, j)));
        code.when(
          compare("eq", i, j),
          () => code.store(elementAt(build, li, j), 0, narrow(op("sqrt", rest))),
          () => code.store(elementAt(build, li, j), 0, narrow(op("div", rest, pivot))),
        );
      });
      const behind = code.let(plus(i, int(1)), "behind");
      code.loop("j", behind, n, int(1), (j) => code.store(elementAt(build, li, j), 0, constant("f32", 0)));
    });
  });
}

export const cholesky: Primitive = {
  name: "cholesky",
  callee: "cholesky",
  doc:
    "`cholesky(a)`: the lower triangular L with L Lᵀ = a, for each symmetric positive definite matrix in the last two dims; only " +
    "the lower triangle is read. NaN where a matrix is not positive definite.",
  signature: [{ name: "a", kind: "tensor" }],
  class: "routine",
  infer(call) {
    const a = firstOf(call.operands);
    checkMatrix(call, a);
    return { type: a.type };
  },
  meaning([a], _, { shape }) {
    const { data } = firstOf(a ? [a] : []);
    const n = shape[shape.length - 1] ?? 1;
    const result = data.slice();
    for (let from = 0; from < result.length; from += n * n) {
      const m = result.subarray(from, from + n * n);
      // Column by column; each is taken out of the columns behind it.
      for (let k = 0; k < n; k++) {
        const root = Math.sqrt(element(m, k * n + k));
        for (let i = 0; i < n; i++) m[i * n + k] = i < k ? 0 : i === k ? root : element(m, i * n + k) / root;
        for (let j = k + 1; j < n; j++)
          for (let i = j; i < n; i++)
            m[i * n + j] = element(m, i * n + j) - element(m, i * n + k) * element(m, j * n + k);
      }
    }
    return result;
  },
  /**
   * With P the lower triangle of LᵀG, its diagonal halved, and S = L⁻ᵀ P L⁻¹, the gradient of a symmetric matrix is the
   * symmetric part of S (Murray, "Differentiation of the Cholesky decomposition", 2016). The elements below the
   * diagonal stand for those above, which are not read, too.
   */
  vjp({ emit, value, id, cotangent }) {
    const n = value.type.shape[value.type.shape.length - 1] ?? ONE;
    const index = emit.apply("iota", [], { n });
    const row = emit.apply("reshape", [index], { shape: [n, ONE] });
    const column = emit.apply("reshape", [index], { shape: [ONE, n] });
    const number = (x: number): ValueId => emit.constant(x, "f32");
    const lowerOf = (x: ValueId, diagonal: ValueId): ValueId => {
      const below = emit.apply("select", [emit.apply("greater", [row, column]), x, number(0)]);
      return emit.apply("select", [emit.apply("equal", [row, column]), diagonal, below]);
    };
    const turned = transposed(emit, id);
    const product = emit.apply("matmul", [turned, cotangent]);
    const p = lowerOf(product, emit.apply("mul", [product, number(0.5)]));
    const left = emit.apply("solve", [turned, p]);
    const s = emit.apply("solve", [turned, transposed(emit, left)]);
    return [lowerOf(emit.apply("add", [s, transposed(emit, s)]), s)];
  },
  routine: factor,
};

// ---- solve ---------------------------------------------------------------------------------------------------

/** Exchanges two rows of `count` words. */
function exchange(build: RoutineBuilder, a: Expr, b: Expr, count: Expr): void {
  const { code } = build;
  each(build, "w", count, (w) => {
    const [p, q] = [code.let(elementAt(build, a, w), "p"), code.let(elementAt(build, b, w), "q")];
    const [x, y] = [code.let(load("i32", p, 0), "x"), code.let(load("i32", q, 0), "y")];
    code.store(p, 0, y);
    code.store(q, 0, x);
  });
}

/**
 * PA = LU with partial pivoting, column by column from what is done (as JAMA does): each element is one product of a row
 * and a column, summed in f64 and rounded once. Rows of the right-hand sides change places with those of the matrix.
 */
function eliminate(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const { shape } = build.typeOf(0);
  const rank = shape.length;
  const size = shape[rank - 1] ?? ONE;
  const isVector = build.typeOf(1).shape.length < rank;
  const n = build.size(size);
  const sides = build.size(isVector ? ONE : (value.type.shape[rank - 1] ?? ONE));
  const bytes = code.let(times(n, int(word)), "row");
  const sideBytes = code.let(times(sides, int(word)), "side");
  const [lu, column] = [build.scratch(0), build.scratch(1)];
  const rowOf = (i: Expr): Expr => plus(lu, times(i, bytes));
  const step = int(word);
  each(build, "m", build.size(mulDims(...shape.slice(0, -2))), (m) => {
    copyWords(build, lu, plus(build.operand(0), times(m, times(n, bytes))), code.let(times(n, n), "elements"));
    const offset = code.let(times(m, times(n, sideBytes)), "offset");
    const x = code.let(plus(build.result(0), offset), "x");
    copyWords(build, x, plus(build.operand(1), offset), code.let(times(n, sides), "elements"));
    each(build, "j", n, (j) => {
      each(build, "i", n, (i) => code.store(elementAt(build, column, i), 0, f32At(elementAt(build, rowOf(i), j))));
      const pivot = code.variable("pivot", j);
      const greatest = code.variable("greatest", constant("f32", 0));
      each(build, "i", n, (i) => {
        const row = code.let(rowOf(i), "at");
        const done = code.let(select(less(i, j), i, j), "done");
        const sum = dot(build, { at: row, step }, { at: column, step }, done);
        const own = code.let(elementAt(build, column, i), "own");
        code.store(own, 0, narrow(op("sub", wide(f32At(own)), sum)));
        const rest = code.let(f32At(own), "rest");
        code.store(elementAt(build, row, j), 0, rest);
        const magnitude = code.let(op("abs", rest), "magnitude");
        const isBetter = op("and", compare("le", j, i), compare("gt", magnitude, use(greatest)));
        code.when(isBetter, () => {
          code.set(greatest, magnitude);
          code.set(pivot, i);
        });
      });
      code.when(compare("ne", use(pivot), j), () => {
        exchange(build, rowOf(j), rowOf(use(pivot)), n);
        exchange(build, plus(x, times(j, sideBytes)), plus(x, times(use(pivot), sideBytes)), sides);
      });
      const divisor = code.let(f32At(elementAt(build, rowOf(j), j)), "divisor");
      code.loop("i", code.let(plus(j, int(1)), "behind"), n, int(1), (i) => {
        const at = code.let(elementAt(build, rowOf(i), j), "at");
        code.store(at, 0, op("div", f32At(at), divisor));
      });
    });
    each(build, "c", sides, (c) => {
      const side = code.let(elementAt(build, x, c), "side_at");
      const sideRun = (i: Expr): Expr => plus(side, times(i, sideBytes));
      const sideStep = isVector ? step : sideBytes;
      each(build, "i", n, (i) => {
        const sum = dot(build, { at: rowOf(i), step }, { at: side, step: sideStep }, i);
        const at = code.let(sideRun(i), "at");
        code.store(at, 0, narrow(op("sub", wide(f32At(at)), sum)));
      });
      each(build, "t", n, (t) => {
        const i = code.let(op("sub", op("sub", n, int(1)), t), "i");
        const next = code.let(plus(i, int(1)), "next");
        const row = code.let(rowOf(i), "at");
        const sum = dot(build, { at: elementAt(build, row, next), step }, { at: sideRun(next), step: sideStep }, t);
        const at = code.let(sideRun(i), "place");
        const rest = op("sub", wide(f32At(at)), sum);
        code.store(at, 0, narrow(op("div", rest, wide(f32At(elementAt(build, row, i))))));
      });
    });
  });
}

export const solve: Primitive = {
  name: "solve",
  callee: "solve",
  doc:
    "`solve(a, b)`: the x with a @ x = b, by LU decomposition with partial pivoting. `a` is [..B, n, n]; `b` is [..B, n], or [..B, n, m] " +
    "for m right-hand sides. Infinities or NaN where `a` is singular.",
  signature: [
    { name: "a", kind: "tensor" },
    { name: "b", kind: "tensor" },
  ],
  class: "routine",
  infer(call) {
    const [a, b] = call.operands;
    if (!a || !b) throw new Error("`solve` has two operands");
    checkMatrix(call, a);
    if (b.type.dtype !== a.type.dtype) failMixed(call, a, b);
    const rank = a.type.shape.length;
    const { shape } = b.type;
    const agree =
      (shape.length === rank || shape.length === rank - 1) &&
      a.type.shape.slice(0, -1).every((dim, i) => call.facts.equal(dim, shape[i] ?? ONE));
    if (!agree) failShapes(call, "the right-hand side has the rows of the matrix", [a, b]);
    return { type: b.type };
  },
  meaning([a, b]) {
    if (!a || !b) throw new Error("`solve` has two operands");
    const n = a.shape[a.shape.length - 1] ?? 1;
    const sides = b.shape.length < a.shape.length ? 1 : (b.shape[b.shape.length - 1] ?? 1);
    const result = b.data.slice();
    for (let batch = 0; batch < a.data.length / (n * n); batch++) {
      // Gauss and Jordan: each pivot row is taken out of all others, of matrix and right-hand sides together.
      const rows = Array.from({ length: n }, (_, i) => [
        ...a.data.subarray((batch * n + i) * n, (batch * n + i + 1) * n),
        ...b.data.subarray((batch * n + i) * sides, (batch * n + i + 1) * sides),
      ]);
      for (let k = 0; k < n; k++) {
        const size = (i: number): number => Math.abs(rows[i]?.[k] ?? 0);
        let best = k;
        for (let i = k + 1; i < n; i++) if (size(i) > size(best)) best = i;
        const pivot = rows[best] ?? [];
        rows[best] = rows[k] ?? [];
        const divisor = pivot[k] ?? 0;
        rows[k] = pivot.map((y) => y / divisor);
        for (const [i, row] of rows.entries())
          if (i !== k) rows[i] = row.map((y, c) => y - (row[k] ?? 0) * (rows[k]?.[c] ?? 0));
      }
      for (const [i, row] of rows.entries()) result.set(row.slice(n), (batch * n + i) * sides);
    }
    return result;
  },
  // Of b: the solution of the transposed system; of a: minus its product with the solution.
  vjp({ emit, value, id, cotangent, wants }) {
    const [a] = value.args;
    if (a === undefined) return [];
    const side = emit.apply("solve", [transposed(emit, a), cotangent]);
    const { shape } = value.type;
    const columns = (x: ValueId): ValueId =>
      shape.length < emit.typeOf(a).shape.length ? emit.apply("reshape", [x], { shape: [...shape, ONE] }) : x;
    const product = (): ValueId => emit.apply("matmul", [columns(side), transposed(emit, columns(id))]);
    return [wants(0) ? emit.apply("neg", [product()]) : undefined, side];
  },
  linear: (_, [a]) => a === "fixed",
  scratch: (_, [a]) => {
    const n = a?.shape[a.shape.length - 1] ?? ONE;
    return [mulDims(n, n), n];
  },
  routine: eliminate,
};
