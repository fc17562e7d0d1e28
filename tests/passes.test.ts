import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../compiler/index.ts";
import { literalOf } from "../compiler/ir/dims.ts";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { type Planned, passNames, runPasses } from "../compiler/pipeline.ts";
import { assertPlanned } from "./passes/compare.ts";
import { apply, GraphBuilder, int, scalar, size, window } from "./passes/graph-builder.ts";

const test = suite("passes");
const names = (planned: Planned): string[] =>
  planned.kernels.steps.map((call) => planned.kernels.kernels[call.kernel]?.name ?? "");

test("bias, activation and residual are the epilogue of their contraction", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 6, 6, 4]);
  const z = g.conv(x, g.variable("k", [1, 1, 4, 4]), [1, 1], true);
  const biased = g.call("add", [z, g.variable("b", [4])]);
  g.output("y", g.call("maximum", [g.call("add", [biased, x]), g.constant([0])]));
  const planned = assertPlanned(g.graph(), { N: 2 });
  assert.is(planned.kernels.steps.length, 1, printKernels(planned.kernels));
});

test("softmax is one kernel over rows", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 7]);
  const e = g.call("exp", [g.call("sub", [x, g.call("reduce_max", [x], { axis: [1], keep: true })])]);
  g.output("y", g.call("div", [e, g.call("reduce_sum", [e], { axis: [1], keep: true })]));
  const planned = assertPlanned(g.graph(), { N: 3 });
  assert.is(planned.kernels.steps.length, 1, printKernels(planned.kernels));
  assert.is(planned.kernels.kernels[0]?.nests[0]?.axes.length, 2, "its passes share the row's axis");
});

test("layer normalisation is one kernel over rows", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 3, 5]);
  const mean = (of: number): number => g.call("reduce_mean", [of], { axis: [2], keep: true });
  const centred = g.call("sub", [x, mean(x)]);
  const variance = mean(g.call("mul", [centred, centred]));
  const scale = g.call("rsqrt", [g.call("add", [variance, g.constant([1e-5])])]);
  const normal = g.call("mul", [g.call("mul", [centred, scale]), g.variable("gamma", [5])]);
  g.output("y", g.call("add", [normal, g.variable("beta", [5])]));
  const planned = assertPlanned(g.graph(), { N: 2 });
  assert.is(planned.kernels.steps.length, 1, printKernels(planned.kernels));
});

test("a chain of element-wise operations is one kernel", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 4]);
  const y = g.call("tanh", [g.call("mul", [x, g.constant([0.5])])]);
  g.output("y", g.call("mul", [g.call("add", [y, g.constant([1])]), x]));
  assert.is(assertPlanned(g.graph(), { N: 5 }).kernels.steps.length, 1);
});

test("a value with two readers of different padding has the halo of the larger one", () => {
  const g = new GraphBuilder();
  const x = g.call("exp", [g.input("x", ["N", 6, 5, 2])]);
  const h = g.call("mul", [x, x]);
  g.output("small", g.conv(h, g.variable("k3", [3, 3, 2, 3]), [1, 1], true));
  g.output("large", g.conv(h, g.variable("k5", [5, 4, 2, 3]), [2, 1], true));
  const planned = assertPlanned(g.graph(), { N: 2 });
  const [halo] = planned.kernels.buffers.flatMap((buffer) => buffer.halo ?? []);
  assert.equal(
    halo?.sides.map((side) => [literalOf(side.before), literalOf(side.after)]),
    [
      [0, 0],
      [1, 2],
      [1, 2],
      [0, 0],
    ],
  );
});

test("readers that want different values outside of one buffer each get theirs", () => {
  const g = new GraphBuilder();
  const h = g.call("neg", [g.input("x", ["N", 6])]);
  const around = (fill: number): number =>
    g.tensor([h], ["N", 6], [3], ([n, i, u], read) => {
      const at = apply("sub", "i32", apply("add", "i32", i ?? int(0), u ?? int(0)), int(1));
      return scalar({ dtype: "f32", kind: "reduce", monoid: "max", axes: [2], body: read(0, [n ?? int(0), at], fill) });
    });
  g.output("high", around(100));
  g.output("low", around(Number.NEGATIVE_INFINITY));
  assertPlanned(g.graph(), { N: 2 });
});

test("an output that is also read with padding stays plain", () => {
  const g = new GraphBuilder();
  const h = g.call("neg", [g.input("x", ["N", 4, 4, 1])]);
  g.output("h", h);
  g.output("y", g.conv(h, g.variable("k", [3, 3, 1, 2]), [1, 1], true));
  assertPlanned(g.graph(), { N: 2 });
});

test("convolutions take height and width as run dims", () => {
  for (const same of [true, false])
    for (const stride of [1, 2]) {
      const g = new GraphBuilder();
      const x = g.input("x", ["N", "H", "W", 3]);
      const h = g.call("maximum", [g.conv(x, g.variable("k", [3, 2, 3, 4]), [stride, 1], same), g.constant([0])]);
      g.output("y", g.conv(h, g.variable("k2", [3, 3, 4, 2]), [stride, stride], same));
      for (const dims of [
        { N: 1, H: 9, W: 8 },
        { N: 2, H: 7, W: 10 },
      ])
        assertPlanned(g.graph(), dims);
    }
});

test("a flattened convolution is read in place by the product behind it", () => {
  const g = new GraphBuilder();
  const h = g.conv(g.input("x", ["N", 5, 5, 2]), g.variable("k", [3, 3, 2, 3]), [1, 1], false);
  const flat = g.call("reshape", [h], { shape: [size("N"), size(27)] });
  g.output("y", g.call("matmul", [flat, g.variable("w", [27, 4])]));
  const planned = assertPlanned(g.graph(), { N: 2 });
  assert.is(planned.kernels.steps.length, 2, printKernels(planned.kernels));
});

test("a flattened value with a halo is read through its halo", () => {
  const g = new GraphBuilder();
  const h = g.call("neg", [g.input("x", ["N", 4, 4, 2])]);
  g.output("y", g.conv(h, g.variable("k", [3, 3, 2, 3]), [1, 1], true));
  const flat = g.call("reshape", [h], { shape: [size("N"), size(32)] });
  g.output("z", g.call("matmul", [flat, g.variable("w", [32, 4])]));
  assertPlanned(g.graph(), { N: 3 });
});

test("a 1x1 convolution is a matrix product over all pixels", () => {
  const g = new GraphBuilder();
  g.output("y", g.conv(g.input("x", ["N", 5, 5, 3]), g.variable("k", [1, 1, 3, 8]), [1, 1], true));
  const planned = assertPlanned(g.graph(), { N: 2 });
  assert.is(planned.kernels.kernels[0]?.nests[0]?.axes.length, 3, printKernels(planned.kernels));
});

test("two equal layers share one kernel function", () => {
  const g = new GraphBuilder();
  const dense = (x: number, i: number): number =>
    g.call("tanh", [g.call("add", [g.call("matmul", [x, g.variable(`w${i}`, [8, 8])]), g.variable(`b${i}`, [8])])]);
  g.output("y", dense(dense(dense(g.input("x", ["N", 8]), 0), 1), 2));
  const planned = assertPlanned(g.graph(), { N: 3 });
  assert.is(planned.kernels.kernels.length, 1);
  assert.is(planned.kernels.steps.length, 3);
});

test("weights that only a contraction reads are stored as panels, and nowhere else", () => {
  const g = new GraphBuilder();
  g.output("y", g.call("matmul", [g.input("x", ["N", 5]), g.variable("w", [5, 11])]));
  const { kernels, memory } = assertPlanned(g.graph(), { N: 3 });
  assert.is(kernels.derive.length, 0);
  const weights = kernels.buffers.flatMap((buffer, id) =>
    buffer.place === "variable" && memory.places.has(id) ? [buffer] : [],
  );
  assert.is(weights.length, 1);
  assert.equal(weights[0]?.panels, { columns: 11, step: 1, depth: [[5, 11]] });
});

test("weights with another reader keep their plain form beside derived panels", () => {
  const g = new GraphBuilder();
  const w = g.variable("w", [5, 11]);
  g.output("y", g.call("matmul", [g.input("x", ["N", 5]), w]));
  g.output("norm", g.call("reduce_sum", [g.call("mul", [w, w])], { axis: [0, 1], keep: false }));
  assert.is(assertPlanned(g.graph(), { N: 3 }).kernels.derive.length > 0, true);
});

test("what depends on variables alone is derived, outside of the run", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 6]);
  const scale = g.call("rsqrt", [g.call("exp", [g.variable("v", [6])])]);
  g.output("y", g.call("mul", [x, scale]));
  const { kernels } = assertPlanned(g.graph(), { N: 3 });
  assert.is(kernels.derive.length, 1);
  assert.is(kernels.steps.length, 1);
});

test("buffers that do not live at once share memory", () => {
  const g = new GraphBuilder();
  let x = g.input("x", ["N", 16]);
  for (let i = 0; i < 8; i++) x = g.call("matmul", [x, g.variable(`w${i}`, [16, 16])]);
  g.output("y", x);
  assert.is(assertPlanned(g.graph(), { N: 3 }).memory.slots.length, 2);
});

test("a reduction over leading axes, and pooling, read their operand once per element", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 7, 6, 3]);
  g.output("global", g.call("reduce_mean", [x], { axis: [1, 2], keep: false }));
  const [rows, columns] = [window(size(7), size(3), 2, false), window(size(6), size(2), 2, false)];
  const pooled = g.tensor([x], ["N", rows.out, columns.out, 3], [3, 2], (axes, read) => {
    const [n, i, j, c, u, v] = axes;
    if (!n || !i || !j || !c || !u || !v) throw new Error("binders");
    const at = (index: typeof i, by: typeof u) => apply("add", "i32", apply("mul", "i32", index, int(2)), by);
    return scalar({
      dtype: "f32",
      kind: "reduce",
      monoid: "max",
      axes: [4, 5],
      body: read(0, [n, at(i, u), at(j, v), c]),
    });
  });
  g.output("pooled", pooled);
  assertPlanned(g.graph(), { N: 2 });
});

test("parts, slices, joins and reversals move no element twice", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 8, 3]);
  const halves = g.call("split", [x], { n: 2, axis: 1 });
  const joined = g.call("concat", [g.part(halves, 1), g.call("neg", [halves])], { axis: 1 });
  const turned = g.call("transpose", [joined], { perm: [0, 2, 1] });
  g.output("y", g.call("exp", [g.call("reverse", [turned], { axis: [2] })]));
  assertPlanned(g.graph(), { N: 2 });
});

test("constants are computed by the compiler", () => {
  const g = new GraphBuilder();
  const c = g.call("exp", [g.call("add", [g.constant([1, 2], [2]), g.constant([1])])]);
  g.output("y", g.call("mul", [g.input("x", ["N", 2]), c]));
  const { graph } = assertPlanned(g.graph(), { N: 2 });
  assert.equal(
    graph.values.map((value) => value.op),
    ["constant", "input", "mul"],
  );
});

test("names of kernels are stable and unique", () => {
  const g = new GraphBuilder();
  const x = g.input("x", ["N", 4]);
  g.output("a", g.call("neg", [x]));
  g.output("b", g.call("neg", [g.call("transpose", [g.input("z", [4, "N"])], { perm: [1, 0] })]));
  const planned = assertPlanned(g.graph(), { N: 2 });
  assert.equal(names(planned), ["neg", "neg_1"]);
});

test("the list of passes is their order", () => {
  const g = new GraphBuilder();
  g.output("y", g.call("neg", [g.input("x", ["N"])]));
  const ran: string[] = [];
  runPasses(g.graph(), { verify: true, after: (name) => ran.push(name) });
  assert.equal(ran, passNames);
});

test("the library compiles text to programs, or says what is wrong with it", async () => {
  const targets = { wasm: true, js: false };
  const text = "graph g[N] {\n  input x: f32[N, 3]\n  output y = softmax(x)\n}\n";
  const good = await compile({ path: "g.tfg", read: () => text }, { targets });
  assert.equal(good.diagnostics, []);
  assert.equal(
    good.graphs.map(({ program }) => program.outputs.map((output) => output.type)),
    [["f32[N, 3]"]],
  );
  const bad = await compile({ path: "g.tfg", read: () => text.replace("softmax", "sofmax") }, { targets });
  assert.equal(
    bad.diagnostics.map(({ code }) => code),
    ["TFG0201"],
  );
  assert.equal(bad.graphs, []);
});

test.run();
