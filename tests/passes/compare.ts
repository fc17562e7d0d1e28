/** Runs a graph both ways: by the interpreter, and by its planned kernels evaluated directly. */
import * as assert from "uvu/assert";
import { evaluateDim } from "../../compiler/ir/dims.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { interpret } from "../../compiler/interpret.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { type Planned, runPasses } from "../../compiler/pipeline.ts";
import { randomNumbers } from "../ops/cases.ts";
import { evaluatePlanned } from "./evaluate-kernels.ts";

export function randomArray(dtype: NdArray["dtype"], shape: readonly number[], next: () => number): NdArray {
  const count = shape.reduce((a, b) => a * b, 1);
  const draw =
    dtype === "f32"
      ? () => next() * 4 - 2
      : dtype === "bool"
        ? () => Math.floor(next() * 2)
        : () => Math.floor(next() * 9) - 2;
  return { dtype, shape, data: Float64Array.from({ length: count }, draw) };
}

/** Plans the graph with the verifiers on, and asserts that every output agrees with the interpreter at these dims. */
export function assertPlanned(graph: Graph, dims: Readonly<Record<string, number>>, seed = 1): Planned {
  const next = randomNumbers(seed);
  const sizeOf = (name: string): number => dims[name] ?? 1;
  const feeds = new Map(
    graph.inputs.map((input) => [
      input.name,
      randomArray(
        input.type.dtype,
        input.type.shape.map((dim) => evaluateDim(dim, sizeOf)),
        next,
      ),
    ]),
  );
  const variables = new Map(graph.variables.map((v) => [v.name, randomArray(v.dtype, v.shape, next)]));
  const fetches = graph.outputs.map((output) => output.name);
  const want = interpret(graph, { feeds, variables, fetches });
  const planned = runPasses(graph, { verify: true });
  const got = evaluatePlanned(planned, { dims: new Map(Object.entries(dims)), feeds, variables });
  for (const name of fetches) {
    const expected = want.get(name)?.data ?? new Float64Array();
    const actual = got.get(name) ?? new Float64Array();
    assert.is(actual.length, expected.length, `length of ${name}`);
    const scale = Math.max(1, ...Array.from(expected, (x) => (Number.isFinite(x) ? Math.abs(x) : 0)));
    expected.forEach((x, i) => {
      const y = actual[i] ?? Number.NaN;
      assert.ok(Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-6 * scale, `${name}[${i}]: ${y} instead of ${x}`);
    });
  }
  return planned;
}
