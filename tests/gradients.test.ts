/** The gradient of every primitive, against central differences on random shapes. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { differentiate } from "../compiler/differentiate/differentiate.ts";
import { dimOf } from "../compiler/ir/dims.ts";
import { isFloat } from "../compiler/ir/types.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import { primitives } from "../compiler/ops/table.ts";
import { type Case, cases, dataOf, randomNumbers } from "./ops/cases.ts";
import { checkGradients, emitterOf, missing, sourceOf } from "./gradients/differences.ts";
import { GraphBuilder } from "./passes/graph-builder.ts";

const test = suite("gradients of primitives");
const RUNS = { numRuns: 60, seed: 31 };
const records = Object.values(primitives);

/** Functions that are not defined, or not smooth, for negative numbers. */
const POSITIVE = new Set(["log", "sqrt", "rsqrt", "pow"]);

/** Floats away from 0, where some functions have a kink or a pole; all of them different, so that nothing ties. */
function smoothData(op: string, own: Case): NdArray[] {
  const next = randomNumbers(own.seed);
  return dataOf(own).map((array, k) => {
    // Matrices that have an inverse are made for their cases.
    if (!isFloat(array.dtype) || own.data) return array;
    const isPositive = POSITIVE.has(op) || ((op === "div" || op === "mod") && k === 1);
    const number = () => (0.4 + 1.5 * next()) * (isPositive || next() < 0.5 ? 1 : -1);
    return { ...array, data: Float64Array.from({ length: elementsOf(array.shape) }, number) };
  });
}

test("every record says how it is differentiated, those with rules how they are linear", () => {
  for (const record of records) {
    if (record.class === "leaf") assert.is(record.vjp, undefined, `${record.name} is a leaf`);
    else assert.ok(record.vjp, `${record.name} has a vjp, or "zero"`);
  }
});

for (const record of records) {
  const arbitrary = cases[record.name];
  // A step for differences, the identity for gradients: rounding has a test of its own below.
  if (!arbitrary || record.vjp === undefined || record.name === "round_f32") continue;
  const takesFloats = (own: Case): boolean =>
    own.operands.some(({ dtype }) => isFloat(dtype)) && (record.name !== "cast" || own.args?.to === "f32");
  const zero = record.vjp === "zero";
  if (!fc.sample(arbitrary, { numRuns: 100, seed: 1 }).some(takesFloats)) {
    test(`${record.name}: only integers go in, and nothing is handed back`, () => assert.ok(zero));
    continue;
  }
  const differentiable = arbitrary.filter(takesFloats);
  test(`${record.name}: the gradient is the limit of differences${zero ? ", zero" : ""}`, () => {
    fc.assert(
      fc.property(differentiable, (own) => {
        const data = smoothData(record.name, own);
        const builder = new GraphBuilder();
        const inputs = new Map(
          own.operands.map(({ dtype, shape }, k): [string, number] => [`x${k}`, builder.input(`x${k}`, shape, dtype)]),
        );
        const value = builder.call(record.name, [...inputs.values()], own.args);
        const more = builder.values[value]?.more ?? [];
        const results = [value, ...more.map((_, i) => builder.part(value, i + 1))];
        const feeds = new Map(data.map((array, k): [string, NdArray] => [`x${k}`, array]));
        checkGradients(builder, results, inputs, feeds, own.seed, 1e-5);
      }),
      RUNS,
    );
  });
}

test("a value used twice gets the sum, also as both operands of one product", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", [3, 3]);
  const square = builder.call("matmul", [x, x]);
  const result = builder.call("add", [square, builder.call("mul", [square, x])]);
  const data = Float64Array.from({ length: 9 }, (_, i) => Math.sin(i));
  checkGradients(builder, [result], new Map([["x", x]]), new Map([["x", { dtype: "f32", shape: [3, 3], data }]]), 1);
});

/** The gradient of the sum of `op` at these operands. */
function gradientsAt(op: string, operands: readonly (readonly number[])[], args = {}): number[][] {
  const builder = new GraphBuilder();
  const ids = operands.map((data, k) => builder.input(`x${k}`, [data.length]));
  const value = builder.call(op, ids, args);
  const emit = emitterOf(builder);
  const cotangent = emit.apply("broadcast", [emit.constant(1, "f32")], { shape: builder.type(value).shape });
  const found = differentiate(sourceOf(builder), [{ value, cotangent }], ids);
  for (const [k, id] of found.entries()) builder.output(`d${k}`, id ?? missing("it depends on all"));
  const feeds = new Map(
    operands.map((data, k): [string, NdArray] => [
      `x${k}`,
      { dtype: "f32", shape: [data.length], data: Float64Array.from(data) },
    ]),
  );
  const fetched = interpret(builder.graph(), { feeds, variables: new Map(), fetches: found.map((_, k) => `d${k}`) });
  return [...fetched.values()].map(({ data }) => [...data]);
}

test("where there is no derivative, it is what the language says", () => {
  assert.equal(gradientsAt("abs", [[0, -2, 3]]), [[0, -1, 1]]);
  assert.equal(
    gradientsAt("maximum", [
      [1, 2, 0],
      [1, 1, 3],
    ]),
    [
      [1, 1, 0],
      [0, 0, 1],
    ],
    "at ties the first gets all",
  );
  assert.equal(
    gradientsAt("minimum", [
      [1, 2],
      [1, 1],
    ]),
    [
      [1, 0],
      [0, 1],
    ],
  );
  assert.equal(gradientsAt("reduce_max", [[3, 5, 5, 1]], { axis: [0], keep: false }), [[0, 1, 0, 0]]);
  assert.equal(gradientsAt("reduce_min", [[1, 5, 1]], { axis: [0], keep: true }), [[1, 0, 0]]);
});

test("rounding to fewer bits hands the gradient on, in f32", () => {
  assert.equal(gradientsAt("cast", [[0.1, -3]], { to: "f16" }), [[1, 1]]);
  assert.equal(gradientsAt("cast", [[0.1, -3]], { to: "bf16" }), [[1, 1]]);
  assert.equal(gradientsAt("round_f32", [[0.1, -3]]), [[1, 1]]);
});

test("a product with zeros has the product of the others", () => {
  assert.equal(gradientsAt("reduce_prod", [[2, 0, 5]], { axis: [0], keep: false }), [[0, 10, 0]]);
  assert.equal(gradientsAt("reduce_prod", [[0, 0, 5]], { axis: [0], keep: false }), [[0, 0, 0]]);
});

test("powers are smooth at zero where they are defined", () => {
  assert.equal(
    gradientsAt("pow", [
      [0, 0, 2],
      [2, 1, 0],
    ]),
    [
      [0, 1, 0],
      [0, 0, Math.log(2)],
    ],
  );
});

/** The gradient of `|gradient|²`: what a gradient penalty needs. */
function second(op: string, shapes: readonly (readonly number[])[], args = {}, positive = false): void {
  const builder = new GraphBuilder();
  const next = randomNumbers(7);
  const inputs = new Map(shapes.map((shape, k): [string, number] => [`x${k}`, builder.input(`x${k}`, shape)]));
  const value = builder.call(op, [...inputs.values()], args);
  const emit = emitterOf(builder);
  const tanh = builder.call("tanh", [value]);
  const cotangent = emit.apply("broadcast", [emit.constant(1, "f32")], { shape: builder.type(value).shape });
  const first = differentiate(sourceOf(builder), [{ value: tanh, cotangent }], [...inputs.values()]);
  const feeds = new Map(
    shapes.map((shape, k): [string, NdArray] => [
      `x${k}`,
      {
        dtype: "f32",
        shape: [...shape],
        data: Float64Array.from({ length: elementsOf(shape) }, () => (positive ? 0.5 : -0.5) + next()),
      },
    ]),
  );
  checkGradients(
    builder,
    first.flatMap((id) => id ?? []),
    inputs,
    feeds,
    3,
    1e-5,
  );
}

test("gradients have gradients", () => {
  second("matmul", [
    [2, 3],
    [3, 4],
  ]);
  second("matmul", [[2, 3, 4], [4]]);
  for (const op of ["exp", "sin", "tanh", "erf"]) second(op, [[5]]);
  for (const op of ["log", "sqrt", "rsqrt"]) second(op, [[5]], {}, true);
  second("div", [[4], [4]], {}, true);
  second("pow", [[4], [4]], {}, true);
  second("reduce_prod", [[3, 4]], { axis: [1], keep: false });
  second("reduce_max", [[3, 4]], { axis: [1], keep: true });
  second("cumsum", [[3, 4]], { axis: 1 });
  second("reshape", [[3, 4]], { shape: [2, 6].map(dimOf) });
  second("strided_slice", [[7, 4]], {
    starts: [1, 3].map(dimOf),
    sizes: [3, 2].map(dimOf),
    steps: [2, -2],
    drop: [],
    insert: [1],
  });
});

test("a product of which one factor is zero has the mixed second derivative", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", [2]);
  const emit = emitterOf(builder);
  const product = builder.call("reduce_prod", [x], { axis: [0], keep: false });
  const [first] = differentiate(sourceOf(builder), [{ value: product, cotangent: emit.constant(1, "f32") }], [x]);
  assert.ok(first !== undefined);
  const weights = builder.input("w", [2]);
  const [again] = differentiate(sourceOf(builder), [{ value: first, cotangent: weights }], [x]);
  builder.output("h", again ?? missing("it depends on x"));
  const feeds = new Map<string, NdArray>([
    ["x", { dtype: "f32", shape: [2], data: Float64Array.of(0, 3) }],
    ["w", { dtype: "f32", shape: [2], data: Float64Array.of(2, 5) }],
  ]);
  const h = interpret(builder.graph(), { feeds, variables: new Map(), fetches: ["h"] }).get("h");
  assert.equal([...(h?.data ?? [])], [5, 2], "the Hessian of a·b exchanges");
});

test.run();
