/** Routines beside what others make of the same: onnxruntime, the sort of typed arrays, residuals. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../compiler/ir/types.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { primitives } from "../compiler/ops/table.ts";
import { randomNumbers } from "./ops/cases.ts";
import { checked } from "./oracle/compare.ts";
import { OnnxModel } from "./oracle/onnx.ts";
import { openTargets } from "./oracle/targets.ts";

const test = suite("routines");

test("the primitives that are no nests are these", () => {
  const names = Object.values(primitives).flatMap((record) => (record.class === "routine" ? [record.name] : []));
  assert.equal(names.sort(), ["cholesky", "cumsum", "nonzero", "scatter_add", "solve", "sort", "topk"]);
});

const array = (shape: readonly number[], data: ArrayLike<number>, dtype: DType = "f32"): NdArray => ({
  dtype,
  shape,
  data: Float64Array.from(data),
});
const count = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);
const random = (shape: readonly number[], seed: number, draw = (next: () => number) => next() * 4 - 2): NdArray => {
  const next = randomNumbers(seed);
  return array(
    shape,
    Float32Array.from({ length: count(shape) }, () => draw(next)),
  );
};
/** Few different numbers, so that ties are many. */
const withTies = (shape: readonly number[], seed: number): NdArray =>
  random(shape, seed, (next) => Math.floor(next() * 9) - 4);

/** The fetches of a program on each target. */
async function onTargets(source: string, feeds: Readonly<Record<string, NdArray>>, fetches: readonly string[]) {
  const results: { target: string; of(name: string): NdArray }[] = [];
  for (const [target, { run }] of await openTargets(checked(source), new Map())) {
    const found = await run(new Map(Object.entries(feeds)), fetches);
    const of = (name: string): NdArray => found.get(name) ?? (assert.unreachable(`${target} has no ${name}`) as never);
    results.push({ target, of });
  }
  return results;
}

/** What onnxruntime computes by one node on `x`; whole numbers are cast to floats. */
async function oracle(x: NdArray, build: (model: OnnxModel) => string): Promise<NdArray> {
  const model = new OnnxModel(x.shape);
  const result = build(model);
  const session = await InferenceSession.create(model.bytes(model.node("Cast", [result], { to: 1 }), 1), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const results = await session.run({ x: new Tensor("float32", Float32Array.from(x.data), [...x.shape]) });
    const [y] = Object.values(results);
    if (!(y?.data instanceof Float32Array)) throw new Error("the oracle gives no floats");
    return array(y.dims, y.data);
  } finally {
    await session.release();
  }
}

function assertEqual(actual: NdArray, expected: NdArray, what: string, tolerance = 0): void {
  assert.equal(actual.shape, expected.shape, `${what}: shape`);
  for (const [i, x] of expected.data.entries()) {
    const y = actual.data[i] ?? Number.NaN;
    if (!(Math.abs(x - y) <= tolerance)) assert.unreachable(`${what}[${i}] is ${y} instead of ${x}`);
  }
}

const SHAPES = [[1], [8], [100], [3, 33], [40, 500], [5, 6, 17]] as const;

test("topk picks what TopK of onnxruntime does, ties and order included", async () => {
  for (const [seed, shape] of SHAPES.entries())
    for (const k of [1, 2, 9, shape[shape.length - 1] ?? 1]) {
      const size = shape[shape.length - 1] ?? 1;
      if (k > size) continue;
      const x = withTies(shape, seed);
      const dims = shape.map((_, i) => `D${i}`).join(", ");
      const fits = `D${shape.length - 1} >= ${k}`;
      const source = `graph g[${dims}] where ${fits} {
        input x: f32[${dims}]
        values, indices = topk(x, ${k})
        output values
        output indices
      }`;
      const values = await oracle(x, (model) => model.node("TopK", ["x", model.ints(k)], {}, 2, 0));
      const indices = await oracle(x, (model) => model.node("TopK", ["x", model.ints(k)], {}, 2, 1));
      for (const { target, of } of await onTargets(source, { x }, ["values", "indices"])) {
        assertEqual(of("values"), values, `${target}: values of ${shape}, k = ${k}`);
        assertEqual(of("indices"), indices, `${target}: indices of ${shape}, k = ${k}`);
      }
    }
});

test("sort orders every axis as TopK of onnxruntime does, of which it takes all", async () => {
  for (const [seed, shape] of SHAPES.entries())
    for (const axis of shape.keys()) {
      const x = random(shape, seed);
      const dims = shape.map((_, i) => `D${i}`).join(", ");
      const source = `graph g[${dims}] { input x: f32[${dims}]  output y = sort(x, axis=${axis}) }`;
      const size = shape[axis] ?? 1;
      const expected = await oracle(x, (model) =>
        model.node("TopK", ["x", model.ints(size)], { axis, largest: 0 }, 2, 0),
      );
      for (const { target, of } of await onTargets(source, { x }, ["y"]))
        assertEqual(of("y"), expected, `${target}: ${shape} along ${axis}`);
    }
});

test("long rows are sorted as typed arrays sort them, NaN and zeros of both signs included", async () => {
  const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1e-45, -1e-45];
  for (const length of [1, 7, 8, 9, 64, 1000, 4096, 65537]) {
    const next = randomNumbers(length);
    const floats = Float32Array.from({ length }, (_, i) => (i % 5 === 0 ? (special[i % 7] ?? 0) : next() - 0.5));
    const source =
      "graph g[N] { input x: f32[N]  input i: i32[N]  input u: u32[N]\n output y = sort(x)  output j = sort(i)  output v = sort(u) }";
    const words = Array.from({ length }, () => Math.floor(next() * 2 ** 32));
    const ints = Int32Array.from(words, (word) => word | 0);
    const feeds = { x: array([length], floats), i: array([length], ints, "i32"), u: array([length], words, "u32") };
    const expected = { y: floats.slice().sort(), j: ints.slice().sort(), v: Uint32Array.from(words).sort() };
    for (const { target, of } of await onTargets(source, feeds, ["y", "j", "v"]))
      for (const [name, want] of Object.entries(expected))
        for (const [k, x] of want.entries())
          if (!Object.is(of(name).data[k], x))
            assert.unreachable(`${target}: ${name}[${k}] of ${length} is ${of(name).data[k]} instead of ${x}`);
  }
});

test("cumsum agrees with CumSum of onnxruntime along every axis", async () => {
  for (const [seed, shape] of [...SHAPES, [7, 33, 20], [300, 70]].entries())
    for (const axis of shape.keys()) {
      const x = random(shape, seed);
      const dims = shape.map((_, i) => `D${i}`).join(", ");
      const source = `graph g[${dims}] { input x: f32[${dims}]  output y = cumsum(x, axis=${axis}) }`;
      const expected = await oracle(x, (model) => model.node("CumSum", ["x", model.ints(axis)]));
      for (const { target, of } of await onTargets(source, { x }, ["y"]))
        assertEqual(of("y"), expected, `${target}: ${shape} along ${axis}`, 2e-4);
    }
});

test("a running sum is as exact at its end as at its beginning", async () => {
  const length = 1_000_000;
  const x = random([length], 3, (next) => next());
  let exact = 0;
  for (const { target, of } of await onTargets("graph g[N] { input x: f32[N]  output y = cumsum(x) }", { x }, ["y"])) {
    exact = 0;
    for (const [i, value] of x.data.entries()) {
      exact += value;
      if (of("y").data[i] !== Math.fround(exact)) {
        // Sums in another order may round to the other neighbour.
        const apart = Math.abs((of("y").data[i] ?? 0) / exact - 1);
        assert.ok(apart <= 2 ** -23, `${target}: element ${i} is off by ${apart}`);
      }
    }
  }
  assert.ok(exact > 4e5);
});

test("nonzero finds what NonZero of onnxruntime does", async () => {
  for (const [seed, shape] of SHAPES.entries()) {
    const x = random(shape, seed, (next) => (next() < 0.3 ? 1 : 0));
    const dims = shape.map((_, i) => `D${i}`).join(", ");
    const max = count(shape) + 3;
    const source = `graph g[${dims}] {
      input x: f32[${dims}]
      all, count = nonzero(x > 0.5, max=${max})
      few, _found = nonzero(x > 0.5, max=2)
      output all
      output few
      output count
    }`;
    const found = await oracle(x, (model) => model.node("Transpose", [model.node("NonZero", ["x"])], { perm: [1, 0] }));
    const rank = shape.length;
    const rows = found.shape[0] ?? 0;
    const expected = (size: number): NdArray => {
      const data = new Float64Array(size * rank);
      data.set(found.data.subarray(0, size * rank));
      return array(rank === 1 ? [size] : [size, rank], data, "i32");
    };
    for (const { target, of } of await onTargets(source, { x }, ["all", "few", "count"])) {
      assertEqual(of("all"), expected(max), `${target}: ${shape}`);
      assertEqual(of("few"), expected(2), `${target}: the first two of ${shape}`);
      assert.is(of("count").data[0], rows);
    }
  }
});

test("scatter_add adds up as ScatterND of onnxruntime does", async () => {
  for (const [rows, columns, ids] of [
    [5, 1, 20],
    [3, 7, 40],
    [100, 16, 30],
  ] as const) {
    const next = randomNumbers(rows);
    const at = Array.from({ length: ids }, () => Math.floor(next() * rows));
    const x = random([rows, columns], 1);
    const v = random([ids, columns], 2);
    const expected = await oracle(x, (model) => {
      const indices = model.node("Unsqueeze", [model.ints(...at), model.ints(1)]);
      return model.node("ScatterND", ["x", indices, model.weight(v.shape, Float32Array.from(v.data))], {
        reduction: "add",
      });
    });
    const source = `graph g[V, R, I] { input x: f32[V, R]  input ids: i32[I]  input v: f32[I, R]
      output y = scatter_add(x, ids, v) }`;
    for (const { target, of } of await onTargets(source, { x, ids: array([ids], at, "i32"), v }, ["y"]))
      assertEqual(of("y"), expected, `${target}: ${rows} rows`, 1e-5);
  }
});

// ---- linear systems ------------------------------------------------------------------------------------

const SOLVE = "graph g[B, N, M] { input a: f32[B, N, N]  input b: f32[B, N, M]  output x = solve(a, b) }";

test("what solve gives solves the system, to the rounding of its elements", async () => {
  for (const [batch, n, sides] of [
    [3, 1, 1],
    [2, 5, 3],
    [1, 40, 1],
    [4, 17, 6],
    [1, 120, 2],
  ] as const) {
    // No diagonal to rely on: a wrong choice of pivots shows.
    const a = random([batch, n, n], n);
    const b = random([batch, n, sides], n + 1);
    for (const { target, of } of await onTargets(SOLVE, { a, b }, ["x"])) {
      const x = of("x");
      for (let m = 0; m < batch; m++)
        for (let c = 0; c < sides; c++) {
          const side = (y: NdArray, i: number): number => y.data[(m * n + i) * sides + c] ?? Number.NaN;
          const norm = Math.max(...Array.from({ length: n }, (_, i) => Math.abs(side(x, i))));
          for (let i = 0; i < n; i++) {
            let rest = side(b, i);
            for (let k = 0; k < n; k++) rest -= (a.data[(m * n + i) * n + k] ?? 0) * side(x, k);
            // Backward stable: the residual is a few roundings of |A| |x|, whatever the condition.
            assert.ok(Math.abs(rest) <= 8 * n * 2 ** -24 * 2 * norm, `${target}: row ${i} of ${n} is off by ${rest}`);
          }
        }
    }
  }
});

test("a permutation is solved exactly, a singular matrix not at all", async () => {
  const n = 6;
  const order = [3, 0, 5, 1, 4, 2];
  const a = array(
    [1, n, n],
    Array.from({ length: n * n }, (_, i) => (order[Math.floor(i / n)] === i % n ? 2 : 0)),
  );
  const b = array([1, n, 1], [1, 2, 3, 4, 5, 6]);
  const want = new Float64Array(n);
  for (const [row, column] of order.entries()) want[column] = (row + 1) / 2;
  for (const { target, of } of await onTargets(SOLVE, { a, b }, ["x"]))
    assertEqual(of("x"), array([1, n, 1], want), target);
  const flat = array([1, 2, 2], [1, 2, 2, 4]);
  for (const { target, of } of await onTargets(SOLVE, { a: flat, b: array([1, 2, 1], [1, 1]) }, ["x"]))
    assert.ok(!of("x").data.some(Number.isFinite), `${target} gives ${of("x").data}`);
});

/** Row by row in float64, as textbooks have it. */
function textbookCholesky(a: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  const at = (m: Float64Array, i: number, j: number): number => m[i * n + j] ?? 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = at(a, i, j);
      for (let k = 0; k < j; k++) sum -= at(l, i, k) * at(l, j, k);
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / at(l, j, j);
    }
  return l;
}

test("cholesky gives the factor, and NaN for what has none", async () => {
  const source = "graph g[B, N] { input a: f32[B, N, N]  output l = cholesky(a) }";
  for (const [batch, n] of [
    [2, 1],
    [3, 6],
    [1, 50],
  ] as const) {
    const half = random([batch, n, n], n);
    const a = array([batch, n, n], new Float64Array(batch * n * n));
    for (let m = 0; m < batch; m++)
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          let sum = i === j ? n / 10 : 0;
          for (let k = 0; k < n; k++)
            sum += (half.data[(m * n + i) * n + k] ?? 0) * (half.data[(m * n + j) * n + k] ?? 0);
          a.data[(m * n + i) * n + j] = Math.fround(sum);
        }
    for (const { target, of } of await onTargets(source, { a }, ["l"]))
      for (let m = 0; m < batch; m++) {
        const want = textbookCholesky(a.data.slice(m * n * n, (m + 1) * n * n), n);
        const got = of("l").data.slice(m * n * n, (m + 1) * n * n);
        assertEqual(array([n, n], got), array([n, n], want), `${target}: ${n}`, 1e-5 * Math.max(...want));
      }
  }
  for (const { target, of } of await onTargets(source, { a: array([1, 2, 2], [1, 2, 2, 1]) }, ["l"]))
    assert.equal([...of("l").data], [1, 0, 2, Number.NaN], target);
});

test.run();
