/** Every primitive, compiled: each target computes what the primitive means. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dimOf, dimSymbol } from "../compiler/ir/dims.ts";
import type { Graph, Input, Output, Value } from "../compiler/ir/graph.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { primitiveOf } from "../compiler/ops/table.ts";
import { callOf, type Case, cases, dataOf, randomNumbers, SIZES, span } from "./ops/cases.ts";
import { openTargets } from "./oracle/targets.ts";

const COUNT = 10;

/** One graph with all the cases, each with inputs of its own, and the data for them. */
function graphOf(op: string, all: readonly Case[]): { graph: Graph; feeds: Map<string, NdArray> } {
  const values: Value[] = [];
  const inputs: Input[] = [];
  const outputs: Output[] = [];
  const feeds = new Map<string, NdArray>();
  // Binds the run dims whether a case mentions them or not.
  for (const [name, size] of Object.entries(SIZES)) {
    inputs.push({ name, type: { dtype: "f32", shape: [dimSymbol(name)] }, doc: "", span: span() });
    values.push({
      op: "input",
      args: [],
      attributes: { name },
      type: { dtype: "f32", shape: [dimSymbol(name)] },
      span: span(),
    });
    outputs.push({ name: `the_${name}`, value: values.length - 1, doc: "", span: span() });
    feeds.set(name, { dtype: "f32", shape: [size], data: new Float64Array(size) });
  }
  for (const [i, own] of all.entries()) {
    const data = dataOf(own);
    const args = own.operands.map((type, k) => {
      const name = `x${i}_${k}`;
      inputs.push({ name, type, doc: "", span: span() });
      const fed = data[k] ?? { dtype: type.dtype, shape: [], data: new Float64Array() };
      feeds.set(name, { ...fed, data: type.dtype === "f32" ? fed.data.map(Math.fround) : fed.data });
      return values.push({ op: "input", args: [], attributes: { name }, type, span: span() }) - 1;
    });
    const { type, attributes, more } = primitiveOf(op).infer(callOf(own.operands, own.args));
    const first =
      values.push({ op, args, attributes: attributes ?? {}, type, span: span(), ...(more ? { more } : {}) }) - 1;
    outputs.push({ name: `y${i}`, value: first, doc: "", span: span() });
    for (const [part, type] of (more ?? []).entries()) {
      const value = values.push({ op: "part", args: [first], attributes: { index: part + 1 }, type, span: span() }) - 1;
      outputs.push({ name: `y${i}_${part + 1}`, value, doc: "", span: span() });
    }
  }
  const dims = Object.keys(SIZES).map((name) => ({ name, span: span() }));
  return {
    graph: {
      name: op,
      doc: "",
      span: span(),
      dims,
      checks: [],
      inputs,
      variables: [],
      outputs,
      steps: [],
      updates: [],
      assertions: [],
      values,
      calls: [],
    },
    feeds,
  };
}

const targets = suite("primitives on their targets");

for (const [op, arbitrary] of Object.entries(cases)) {
  targets(`${op}: wasm and js compute its meaning`, async () => {
    const { graph, feeds } = graphOf(op, fc.sample(arbitrary, { numRuns: COUNT, seed: 11 }));
    const fetches = graph.outputs.map(({ name }) => name);
    const expected = interpret(graph, { feeds, variables: new Map(), fetches, rounding: "dtype" });
    for (const [target, { run }] of await openTargets(graph, new Map())) {
      const actual = await run(feeds, fetches);
      for (const name of fetches) {
        const want = expected.get(name);
        const got = actual.get(name);
        if (!want || !got) return assert.unreachable(`${target} has no ${name}`);
        assert.equal([got.dtype, got.shape], [want.dtype, want.shape], `${target}: type of ${name}`);
        for (const [i, x] of want.data.entries()) {
          const y = got.data[i] ?? Number.NaN;
          const isClose =
            x === y ||
            (Number.isNaN(x) && Number.isNaN(y)) ||
            (want.dtype === "f32" && Math.abs(x - y) <= 1e-5 * Math.max(1, Math.abs(x)));
          if (!isClose) assert.unreachable(`${target}: ${name}[${i}] is ${y}, expected ${x}`);
        }
      }
    }
  });
}

/** The results of one primitive on numbers that are given, on each target. */
async function onTargets(op: string, own: Case, data: readonly Float64Array[]) {
  const { graph, feeds } = graphOf(op, [own]);
  for (const [k, numbers] of data.entries()) {
    const name = `x0_${k}`;
    const fed = feeds.get(name);
    if (fed) feeds.set(name, { ...fed, data: numbers });
  }
  const fetches = graph.outputs.map(({ name }) => name);
  const results: (readonly [target: string, data: Float64Array])[] = [];
  for (const [target, { run }] of await openTargets(graph, new Map()))
    results.push([target, (await run(feeds, fetches)).get("y0")?.data ?? new Float64Array()]);
  return results;
}

targets("casts to integers saturate, give 0 for NaN, and take halves to the even one", async () => {
  const x = Float64Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 3e9, 1e20, -1e20, Infinity, -Infinity, NaN, 2147483520, -7.75);
  const own: Case = { operands: [{ dtype: "f32", shape: [dimOf(x.length)] }], seed: 1 };
  const i32 = [0, 2, 2, 0, -2, 2147483647, 2147483647, -2147483648, 2147483647, -2147483648, 0, 2147483520, -8];
  const u32 = [0, 2, 2, 0, 0, 3000000000, 4294967295, 0, 4294967295, 0, 0, 2147483520, 0];
  for (const [to, expected] of [
    ["i32", i32],
    ["u32", u32],
  ] as const)
    for (const [target, data] of await onTargets("cast", { ...own, args: { to } }, [x]))
      assert.equal([...data], expected, `${target}: as ${to}`);
});

targets("a sum over a million elements is as accurate as a pairwise one", async () => {
  const count = 1_000_000;
  const next = randomNumbers(5);
  const x = Float64Array.from({ length: count }, () => Math.fround(next() + 0.1));
  const exact = x.reduce((sum, value) => sum + value, 0);
  const own: Case = { operands: [{ dtype: "f32", shape: [dimOf(count)] }], args: { axis: [0], keep: false }, seed: 1 };
  // log2 of the count times half a unit in the last place bounds the relative error of a pairwise sum of one sign.
  for (const [target, data] of await onTargets("reduce_sum", own, [x]))
    assert.ok(Math.abs((data[0] ?? 0) / exact - 1) < 20 * 2 ** -24, `${target}: ${data[0]} instead of ${exact}`);
});

targets.run();
