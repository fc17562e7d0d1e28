/** The reference interpreter on graphs made by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addDims, type Dim, dimOf, dimSymbol, mulDims } from "../compiler/ir/dims.ts";
import type { Attributes, DimCheck, Graph, Input, Value, ValueId } from "../compiler/ir/graph.ts";
import type { DType, TensorType } from "../compiler/ir/types.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { TfgError } from "../runtime/errors.ts";
import { span } from "./ops/cases.ts";

const N = dimSymbol("N");
const typeOf = (dtype: DType, ...shape: readonly (Dim | number)[]): TensorType => ({
  dtype,
  shape: shape.map((dim) => (typeof dim === "number" ? dimOf(dim) : dim)),
});
const array = (dtype: DType, shape: readonly number[], ...data: readonly number[]): NdArray => ({
  dtype,
  shape,
  data: Float64Array.from(data),
});

class Sketch {
  readonly values: Value[] = [];
  readonly inputs: Input[] = [];
  readonly checks: DimCheck[] = [];

  add(
    op: string,
    type: TensorType,
    args: readonly ValueId[] = [],
    attributes: Attributes = {},
    more: Partial<Value> = {},
  ): ValueId {
    return this.values.push({ op, type, args, attributes, span: span(), ...more }) - 1;
  }
  input(name: string, type: TensorType, rest: Partial<Input> = {}): ValueId {
    this.inputs.push({ name, type, doc: "", span: span(), ...rest });
    return this.add("input", type, [], { name });
  }
  graph(outputs: Readonly<Record<string, ValueId>>): Graph {
    return {
      name: "g",
      doc: "",
      span: span(),
      dims: [{ name: "N", span: span() }],
      checks: this.checks,
      inputs: this.inputs,
      variables: [],
      outputs: Object.entries(outputs).map(([name, value]) => ({ name, value, doc: "", span: span() })),
      steps: [],
      updates: [],
      assertions: [],
      values: this.values,
      calls: [],
    };
  }
}

/** y = x @ w, with w a variable, and s = the sum of y. */
function affine() {
  const sketch = new Sketch();
  const x = sketch.input("x", typeOf("f32", N, 2));
  const w = sketch.add("variable", typeOf("f32", 2, 3), [], { name: "w" });
  const y = sketch.add("matmul", typeOf("f32", N, 3), [x, w], {}, { name: "product" });
  const s = sketch.add("reduce_sum", typeOf("f32"), [y], { axes: [0, 1], keep: false });
  return sketch.graph({ y, s });
}

const run = (
  graph: Graph,
  feeds: Readonly<Record<string, NdArray>>,
  fetches: readonly string[],
  variables: Readonly<Record<string, NdArray>> = {},
) =>
  interpret(graph, { feeds: new Map(Object.entries(feeds)), variables: new Map(Object.entries(variables)), fetches });

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof TfgError ? error.code : String(error);
  }
  return "none";
}

const interpreter = suite("the interpreter");
const w = array("f32", [2, 3], 1, 2, 3, 4, 5, 6);

interpreter("run dims come from the feeds, and results have concrete shapes", () => {
  for (const n of [1, 2, 5]) {
    const x = array("f32", [n, 2], ...new Array<number>(2 * n).fill(1));
    const { y, s } = Object.fromEntries(run(affine(), { x }, ["y", "s"], { w }));
    assert.equal(y?.shape, [n, 3]);
    assert.equal([...(y?.data ?? [])].slice(0, 3), [5, 7, 9]);
    assert.equal(s, array("f32", [], 21 * n));
  }
});

interpreter("a node at graph level can be fetched by its name", () => {
  const x = array("f32", [1, 2], 1, 0);
  assert.equal([...(run(affine(), { x }, ["product"], { w }).get("product")?.data ?? [])], [1, 2, 3]);
});

interpreter("only what the fetches need is evaluated", () => {
  const sketch = new Sketch();
  const a = sketch.input("a", typeOf("f32"));
  const b = sketch.input("b", typeOf("f32"));
  const graph = sketch.graph({
    twice: sketch.add("add", typeOf("f32"), [a, a]),
    both: sketch.add("add", typeOf("f32"), [a, b]),
  });
  assert.equal(run(graph, { a: array("f32", [], 2) }, ["twice"]).get("twice"), array("f32", [], 4));
  assert.is(
    codeOf(() => run(graph, { a: array("f32", [], 2) }, ["both"])),
    "TFG0803",
  );
});

interpreter("a dim is solved from a size that it occurs in, and must be the same everywhere", () => {
  const sketch = new Sketch();
  const x = sketch.input("x", typeOf("f32", addDims(mulDims(dimOf(2), N), dimOf(1))));
  sketch.input("z", typeOf("f32", N));
  const size = sketch.add("dim", typeOf("i32"), [], { dim: N });
  const graph = sketch.graph({ size, x });
  assert.equal(run(graph, { x: array("f32", [7], 1, 2, 3, 4, 5, 6, 7) }, ["size"]).get("size"), array("i32", [], 3));
  assert.is(
    codeOf(() => run(graph, { x: array("f32", [6], 1, 2, 3, 4, 5, 6) }, ["size"])),
    "TFG0802",
  );
  assert.is(
    codeOf(() => run(graph, { x: array("f32", [3], 1, 2, 3), z: array("f32", [2], 1, 2) }, ["size"])),
    "TFG0801",
  );
});

interpreter("feeds, variables and fetches that do not fit have the codes of the run time", () => {
  const x = array("f32", [1, 2], 1, 0);
  const graph = affine();
  assert.is(
    codeOf(() => run(graph, {}, ["y"], { w })),
    "TFG0803",
  );
  assert.is(
    codeOf(() => run(graph, { x, q: x }, ["y"], { w })),
    "TFG0804",
  );
  assert.is(
    codeOf(() => run(graph, { x }, ["nothing"], { w })),
    "TFG0809",
  );
  assert.is(
    codeOf(() => run(graph, { x }, ["y"])),
    "TFG0701",
  );
  assert.is(
    codeOf(() => run(graph, { x: array("i32", [1, 2], 1, 0) }, ["y"], { w })),
    "TFG0808",
  );
  assert.is(
    codeOf(() => run(graph, { x: array("f32", [2], 1, 0) }, ["y"], { w })),
    "TFG0808",
  );
});

interpreter("a check of the graph that does not hold refuses the run", () => {
  const sketch = new Sketch();
  const x = sketch.input("x", typeOf("f32", N));
  sketch.checks.push({
    difference: addDims(dimOf(4), mulDims(N, dimOf(-1))),
    holds: ">= 0",
    text: "N <= 4",
    span: span(),
  });
  sketch.checks.push({ difference: N, holds: { divisibleBy: dimOf(2) }, text: "N % 2 == 0", span: span() });
  const graph = sketch.graph({ y: x });
  const of = (n: number) => codeOf(() => run(graph, { x: array("f32", [n], ...new Array<number>(n).fill(0)) }, ["y"]));
  assert.equal([of(4), of(3), of(6)], ["none", "TFG0802", "TFG0802"]);
});

interpreter("an input that is not fed has its default", () => {
  const sketch = new Sketch();
  const rate = sketch.input("rate", typeOf("f32"), { default: 0.5 });
  assert.equal(run(sketch.graph({ rate }), {}, ["rate"]).get("rate"), array("f32", [], 0.5));
});

interpreter("in the mode `dtype` each value is what its dtype holds", () => {
  const sketch = new Sketch();
  const x = sketch.input("x", typeOf("f32"));
  const third = sketch.add("constant", typeOf("f32"), [], { data: { data: Float64Array.of(1 / 3) } });
  const graph = sketch.graph({ y: sketch.add("mul", typeOf("f32"), [x, third]) });
  const options = { feeds: new Map([["x", array("f32", [], 0.1)]]), variables: new Map(), fetches: ["y"] };
  assert.is(interpret(graph, options).get("y")?.data[0], 0.1 * (1 / 3));
  assert.is(
    interpret(graph, { ...options, rounding: "dtype" }).get("y")?.data[0],
    Math.fround(Math.fround(0.1) * Math.fround(1 / 3)),
  );
});

interpreter("several results of one primitive are its parts", () => {
  const sketch = new Sketch();
  const x = sketch.input("x", typeOf("f32", 4));
  const half = typeOf("f32", 2);
  const first = sketch.add("split", half, [x], { axis: 0 }, { more: [half] });
  const second = sketch.add("part", half, [first], { index: 1 });
  const results = run(sketch.graph({ first, second }), { x: array("f32", [4], 1, 2, 3, 4) }, ["first", "second"]);
  assert.equal(
    [...results.values()].map(({ data }) => [...data]),
    [
      [1, 2],
      [3, 4],
    ],
  );
});

interpreter.run();
