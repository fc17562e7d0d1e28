/**
 * `tfgc explain FILE`: work is compared with the closed formulas of the operations, memory with what the runtime
 * reserves, and the text is held as written.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { type CompiledGraph, compileGraph } from "../compiler/index.ts";
import { dimOf, dimSymbol, evaluateDim, floorDivDims, maxDims, mulDims, subDims } from "../compiler/ir/dims.ts";
import { writeProgram } from "../compiler/passes/write-program.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { dimRanges, rangeOf } from "../compiler/report/bounds.ts";
import { type PlanReport, reportPlan } from "../compiler/report/plan.ts";
import { library } from "../compiler/std/sources.ts";
import { fetchSetOf, planOf } from "../runtime/plan.ts";
import { randomGraph } from "./passes/random-graph.ts";
import { tfgc } from "./command-line.ts";

const test = suite("explain");
const folder = mkdtempSync(join(tmpdir(), "tfgc-explain-"));
const root = resolve(import.meta.dirname, "..");

async function compiled(source: string): Promise<CompiledGraph> {
  const { graphs, diagnostics } = checkProgram({ path: "model.tfg", read: () => source, library });
  assert.equal(
    diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message),
    [],
  );
  const [graph] = graphs;
  if (!graph) throw new Error("no graph");
  return compileGraph(graph, { targets: { wasm: false, js: false } });
}

async function planned(source: string, dims: Record<string, number> = {}, fetches?: string[]): Promise<PlanReport> {
  const { planned: plan, program } = await compiled(source);
  const names = fetches ?? program.outputs.map(({ name }) => name);
  return reportPlan({ ...plan, program }, names, new Map(Object.entries(dims)));
}

const valuesAt =
  (dims: Record<string, number>) =>
  (name: string): number =>
    dims[name] ?? Number.NaN;

function file(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

// ---- work ----------------------------------------------------------------------------------------------------

test("a dense layer is two operations per weight and row, one for the bias, one for the activation", async () => {
  const source = "graph g[N] {\n  input x: f32[N, 784]\n  output y = x |> dense(10, act=relu)\n}\n";
  const { steps, totals } = await planned(source);
  assert.is(steps.length, 1);
  const [step] = steps;
  assert.is(step?.template, "contract");
  for (const N of [1, 7, 1000]) {
    const at = valuesAt({ N });
    assert.is(evaluateDim(totals.flops, at), 2 * N * 784 * 10 + 2 * N * 10);
    assert.is(evaluateDim(totals.read, at), 4 * (N * 784 + 784 * 10 + 10));
    assert.is(evaluateDim(totals.written, at), 4 * N * 10);
  }
});

test("softmax is five operations an element, in one kernel that reads and writes each element once", async () => {
  const { steps, totals } = await planned("graph g[N] {\n  input x: f32[N, 1000]\n  output y = softmax(x)\n}\n");
  assert.equal(
    steps.map(({ template }) => template),
    ["row"],
  );
  const at = valuesAt({ N: 3 });
  assert.is(evaluateDim(totals.flops, at), 5 * 3 * 1000);
  assert.is(evaluateDim(totals.read, at), 4 * 3 * 1000);
  assert.is(evaluateDim(totals.written, at), 4 * 3 * 1000);
});

for (const [padding, extent] of [
  ["valid", 13],
  ["same", 14],
] as const)
  test(`a convolution with ${padding} padding counts every point of its kernel`, async () => {
    const call = `conv2d(filters=16, kernel_size=3, strides=2, padding="${padding}")`;
    const { totals, steps } = await planned(
      `graph g[N] {\n  input x: f32[N, 28, 28, 3]\n  output y = x |> ${call}\n}\n`,
    );
    const N = 5;
    const at = valuesAt({ N });
    const out = N * extent * extent * 16;
    assert.is(evaluateDim(totals.flops, at), 2 * out * 3 * 3 * 3 + out);
    const last = steps.at(-1);
    assert.is(last?.template, "contract");
    assert.is(last && evaluateDim(last.written, at), 4 * out);
  });

test("templates: a window for pooling, a map for what is element-wise, plain where nothing is contiguous", async () => {
  const { steps } = await planned(`graph g[N] {
    input x: f32[N, 8, 8, 4]
    input s: f32
    output pooled = max_pool2d(x)
    output mapped = x * 2.0
    output alone = s + 1.0
  }`);
  assert.equal(
    steps.map(({ template, writes }) => [writes[0]?.name, template]),
    [
      ["pooled", "window"],
      ["mapped", "map"],
      ["alone", "plain"],
    ],
  );
});

test("of a gathered table only the rows that are looked up are read", async () => {
  const { totals } = await planned(
    "graph g[N] {\n  input ids: i32[N]\n  param table: f32[1000, 16] = zeros\n  output y = gather(table, ids)\n}\n",
  );
  assert.is(evaluateDim(totals.read, valuesAt({ N: 10 })), 4 * 10 + 4 * 10 * 16);
  assert.is(evaluateDim(totals.read, valuesAt({ N: 5000 })), 4 * 5000 + 4 * 1000 * 16);
  assert.is(evaluateDim(totals.flops, valuesAt({ N: 10 })), 0);
});

test("MobileNetV2 has 300 million multiply-adds, as its paper says", async () => {
  // Sandler et al. 2018, table 2; counted here layer by layer.
  const blocks = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  let size = 112;
  let channels = 32;
  let products = 112 * 112 * 32 * 27;
  for (const [expansion, out, count, stride] of blocks)
    for (let i = 0; i < count; i++) {
      const wide = channels * expansion;
      if (expansion > 1) products += size * size * channels * wide;
      size /= i === 0 ? stride : 1;
      products += size * size * wide * 9 + size * size * wide * out;
      channels = out;
    }
  products += 7 * 7 * 320 * 1280 + 1280 * 1000;
  assert.is(products, 300774272);

  const layers = blocks.flatMap(([t, c, n, s]) =>
    Array.from({ length: n }, (_, i) => [t, c, i === 0 ? s : 1] as const),
  );
  const lines = layers.map(([t, c, s], i) => `  b${i + 1} = block(b${i}, ${t}, ${c}, ${s})`);
  const source = `layer block[N, H, W, C](x: f32[N, H, W, C], t: int, filters: int, strides: int) {
  wide = if t == 1 then x else conv2d(x, filters=C * t, kernel_size=1, use_bias=false, name="expand")
  deep = depthwise_conv2d(wide, kernel_size=3, strides=strides, padding="same", use_bias=false)
  return conv2d(deep, filters=filters, kernel_size=1, use_bias=false, name="project")
}
graph g[N] {
  input image: f32[N, 224, 224, 3]
  b0 = conv2d(image, filters=32, kernel_size=3, strides=2, padding="same", use_bias=false)
${lines.join("\n")}
  top = conv2d(b${layers.length}, filters=1280, kernel_size=1, use_bias=false)
  output y = mean(top, axis=[1, 2]) |> dense(1000, use_bias=false)
}
`;
  const { totals } = await planned(source, { N: 1 });
  // What is more are the 49 additions and the division of each mean.
  assert.is(evaluateDim(totals.flops, valuesAt({})), 2 * products + 1280 * 50);
});

// ---- fusion, steps, derived kernels ----------------------------------------------------------------------------

test("a kernel names the library calls that were fused into it, with their place in the source", async () => {
  const { steps } = await planned(`graph g[N] {
  input x: f32[N, 8]
  h = x |> dense(4, act=relu)
  output y = h * 2.0
    + 1.0
}
`);
  const parts = steps.map(({ fused }) => fused.map(({ name, scope, line }) => [name, scope, line]));
  assert.equal(parts, [
    [
      ["dense", "dense", 3],
      ["mul", undefined, 4],
      ["add", undefined, 4],
    ],
  ]);
  const [dense] = steps[0]?.fused ?? [];
  assert.equal(dense?.calls, ["relu"]);
  assert.equal(dense?.primitives, ["matmul", "add", "maximum"]);
});

test("calls of one kernel tell what each of them computes", async () => {
  const { steps } = await planned(
    "graph g[N] {\n  input x: f32[N, 8]\n  output a = x |> dense(8)\n  output b = a |> dense(8)\n}\n",
  );
  assert.equal(
    steps.map(({ kernel }) => kernel),
    ["dense", "dense"],
  );
  assert.equal(
    steps.map(({ fused }) => [fused[0]?.scope, fused[0]?.line]),
    [
      ["dense", 3],
      ["dense_1", 4],
    ],
  );
});

test("only the steps of the fetches are shown", async () => {
  const source = "graph g {\n  input x: f32[4]\n  output a = sum(exp(x))\n  output b = max(x)\n}\n";
  const names = async (fetches: string[]): Promise<(string | undefined)[]> =>
    (await planned(source, {}, fetches)).steps.map(({ writes }) => writes[0]?.name);
  assert.equal(await names(["b"]), ["b"]);
  assert.equal(await names(["a", "b"]), ["a", "b"]);
});

test("what is made from variables alone is listed apart, with the variables it is made from", async () => {
  const { steps, derive, memory } = await planned(`graph g[N] {
  input x: f32[N, 4]
  param v: f32[4] = ones
  param u: f32[4] = ones
  output y = x * sqrt(abs(v) + 1.0)
  output z = x * u
}
`);
  assert.equal(
    derive.map(({ variables }) => variables),
    [["v"]],
  );
  assert.is(evaluateDim(derive[0]?.flops ?? dimOf(-1), valuesAt({})), 3 * 4);
  assert.is(steps.length, 2);
  assert.is(memory.variables, 32);
  assert.is(memory.derived, 16);
});

// ---- memory ----------------------------------------------------------------------------------------------------

const bounded = `graph g[N, T] where N <= 64, T <= N {
  input x: f32[N, T, 24]
  output y = x |> dense(10, act=relu) |> dense(300) |> softmax
  output z = sum(x, axis=-1)
}
`;

test("memory is what the runtime reserves", async () => {
  const { planned: plan, program } = await compiled(bounded);
  for (const [N, T] of [
    [1, 1],
    [7, 3],
    [64, 64],
  ] as const) {
    const { memory } = reportPlan({ ...plan, program }, ["y", "z"], new Map(Object.entries({ N, T })));
    const { bytes } = planOf(program, fetchSetOf(program, ["y", "z"]), [N, T]);
    assert.is(evaluateDim(memory.total, valuesAt({})), bytes);
    assert.is(memory.maximum, bytes);
  }
});

test("with every dim bounded, the maximum is what a run with the largest dims takes", async () => {
  const { planned: plan, program } = await compiled(bounded);
  const { memory, dims } = reportPlan({ ...plan, program }, ["y"], new Map());
  assert.equal(dims, [
    { name: "N", most: 64 },
    { name: "T", most: 64 },
  ]);
  assert.is(memory.maximum, planOf(program, fetchSetOf(program, ["y", "z"]), [64, 64]).bytes);
  assert.equal(memory.unbounded, []);
});

test("without a bound there is no maximum, and the dim is named", async () => {
  const { memory } = await planned("graph g[N, M] where M <= 9 {\n  input x: f32[N, M]\n  output y = sum(x)\n}\n");
  assert.is(memory.maximum, undefined);
  assert.equal(memory.unbounded, ["N"]);
});

test("bounds of sizes hold at every tuple of dims, and are reached where a size grows with its dims", async () => {
  const { graph } = await compiled(
    "graph g[N, M] where N + 2 * M <= 21, M >= 2 {\n  input x: f32[N, M]\n  output y = x\n}\n",
  );
  const ranges = dimRanges(graph, new Map());
  assert.equal(ranges.get("N"), { least: 1, most: 19 });
  assert.equal(ranges.get("M"), { least: 1, most: 10 });
  const [N, M] = [dimSymbol("N"), dimSymbol("M")];
  const sizes = [
    mulDims(N, M),
    subDims(mulDims(N, N), M),
    floorDivDims(subDims(N, mulDims(dimOf(3), M)), dimOf(4)),
    maxDims(subDims(N, M), floorDivDims(M, N)),
  ];
  for (const size of sizes) {
    const { least, most } = rangeOf(size, ranges);
    for (let n = 1; n <= 19; n++)
      for (let m = 1; m <= 10; m++) {
        const value = evaluateDim(size, (name) => (name === "N" ? n : m));
        assert.ok(least <= value && value <= most, `${value} is not in ${least}..${most}`);
      }
  }
  assert.is(rangeOf(mulDims(N, M), ranges).most, 190);
});

test("100 random graphs: sizes put in late are sizes put in early, and memory is what the runtime reserves", () => {
  const dims = { N: 3, M: 2, P: 5 };
  for (let seed = 1; seed <= 100; seed++) {
    const plan = runPasses(randomGraph(seed), { verify: true });
    const program = writeProgram(plan.kernels, plan.memory);
    const fetches = program.outputs.map(({ name }) => name);
    const symbolic = reportPlan({ ...plan, program }, fetches, new Map());
    const known = reportPlan({ ...plan, program }, fetches, new Map(Object.entries(dims)));
    for (const part of ["flops", "read", "written"] as const)
      assert.is(
        evaluateDim(known.totals[part], valuesAt({})),
        evaluateDim(symbolic.totals[part], valuesAt(dims)),
        `seed ${seed}: ${part}`,
      );
    const sizes = plan.kernels.graph.dims.map(({ name }) => valuesAt(dims)(name));
    const { bytes } = planOf(program, fetchSetOf(program, fetches), sizes);
    assert.is(evaluateDim(known.memory.total, valuesAt({})), bytes, `seed ${seed}`);
    assert.is(known.steps.length, plan.kernels.steps.length, `seed ${seed}`);
  }
});

// ---- the command -------------------------------------------------------------------------------------------------

test("the text of a plan", async () => {
  const path = file(
    "model.tfg",
    `graph model[N] where N <= 1024 {
  input x: f32[N, 784]
  h = x |> dense(32, act=relu)
  output probs = h |> dense(10) |> softmax
}
`,
  );
  const { code, out, error } = await tfgc("explain", path);
  assert.is(error, "");
  assert.is(code, 0);
  const [head, sizes] = out.split("\nkernels ");
  assert.is(
    head?.replaceAll(folder, "…"),
    `graph model[N <= 1024]  …/model.tfg:1
fetch probs

   kernel   template     FLOPs         bytes read  bytes written  result
1  dense    contract  50,240 N  3,136 N + 100,480          128 N  h: f32[N, 32]
      dense "dense" (relu)  model.tfg:3
2  dense_1  contract     650 N      128 N + 1,320           40 N  dense: f32[N, 10]
      dense "dense_1"  model.tfg:4
3  softmax  row           50 N               40 N           40 N  probs: f32[N, 10]
      softmax  model.tfg:4
   total              50,940 N  3,304 N + 101,800          208 N

memory
  variables            100.2 KiB
  constants                  0 B
  derived                    0 B
  slot 1               3,136 N B  x 0–1, dense 2–3
  slot 2                 128 N B  h 1–2, probs 3–end
  arena                3,264 N B
  a run      3,264 N + 103,168 B
  at most 3.29 MiB (3,445,504 bytes) with N <= 1024
`,
  );
  assert.match(sizes ?? "", /^ +\d+\.\d+ KiB of WebAssembly, \d+\.\d+ KiB gzip\n$/);
});

test("--dims makes numbers of sizes; a dim that a run would refuse is refused", async () => {
  const path = file("dims.tfg", bounded);
  const whole = JSON.parse((await tfgc("explain", path, "--json", "--dims", "N=8,T=2")).out);
  assert.is(whole.totals.flops, 8 * 2 * (2 * 24 * 10 + 10 + 10 + 2 * 10 * 300 + 300 + 5 * 300 + 24));
  const partly = JSON.parse((await tfgc("explain", path, "--json", "--fetch", "z", "--dims", "N=8")).out);
  assert.is(partly.totals.flops, "192*T");
  assert.equal(partly.dims, [
    { name: "N", value: 8 },
    { name: "T", most: 8 },
  ]);
  assert.equal(await tfgc("explain", path, "--dims", "N=65"), {
    code: 1,
    out: "",
    error: "error[TFG0802]: where N <= 64 (line 1): N is 65\n",
  });
  const unknown = await tfgc("explain", path, "--dims", "n=3");
  assert.is(unknown.code, 2);
  assert.match(unknown.error, "there is no dim n; did you mean N?");
  for (const wrong of ["N", "N=0", "N=x", "N=1,N=2", "N=99999999999"])
    assert.is((await tfgc("explain", path, "--dims", wrong)).code, 2, wrong);
});

test("polynomials in JSON are expressions over the dims", async () => {
  const path = file(
    "conv.tfg",
    `graph g[N, H, W] {
  input x: f32[N, H, W, 3]
  output y = x |> conv2d(filters=8, kernel_size=3, strides=2, padding="same", act=relu) |> max_pool2d
}
`,
  );
  const { out } = await tfgc("explain", path, "--json");
  const evaluated = (value: unknown, dims: readonly number[]): unknown => {
    if (Array.isArray(value)) return value.map((item) => evaluated(item, dims));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [
          key,
          key === "name" || key === "dims" ? null : evaluated(item, dims),
        ]),
      );
    if (typeof value !== "string" || !/^[\d\sNHW()+*/,-]*(?:(?:floor|max|min)[\d\sNHW()+*/,-]*)*$/.test(value))
      return value;
    return new Function("N", "H", "W", "{ floor, max, min }", `return ${value}`)(...dims, Math);
  };
  for (const [N, H, W] of [
    [1, 17, 40],
    [3, 64, 33],
  ] as const) {
    const known = await tfgc("explain", path, "--json", "--dims", `N=${N},H=${H},W=${W}`);
    const { memory: symbolic, ...whole } = JSON.parse(out);
    const { memory, ...expected } = JSON.parse(known.out);
    assert.equal(evaluated(whole, [N, H, W]), evaluated(expected, [N, H, W]));
    assert.equal(evaluated(symbolic.slots, [N, H, W]), evaluated(memory.slots, [N, H, W]));
  }
});

test("sizes beyond 2^53 are a wrong use of --dims", async () => {
  const path = file("large.tfg", "graph g[N, M, K] {\n  input x: f32[N, M, K]\n  output y = x + 1.0\n}\n");
  const { code, error } = await tfgc("explain", path, "--dims", "N=2000000000,M=2000000000,K=2000000000");
  assert.is(code, 2);
  assert.match(error, "beyond 2^53");
});

test("a node that is no output is fetched like one; an unknown one is TFG0809", async () => {
  const path = join(root, "samples/mnist/mnist.tfg");
  const { code, out } = await tfgc("explain", path, "--fetch", "h2", "--json");
  assert.is(code, 0);
  const report = JSON.parse(out);
  assert.equal(report.fetches, ["h2"]);
  assert.is(report.steps.at(-1).writes[0].name, "h2");
  const unknown = await tfgc("explain", path, "--fetch", "h9");
  assert.is(unknown.code, 1);
  assert.match(unknown.error, 'TFG0809]: unknown fetch "h9"');
});

test("JSON is complete and the same every time", async () => {
  const args = ["explain", join(root, "samples/mnist/mnist.tfg"), "--json"];
  const { out } = await tfgc(...args);
  assert.is((await tfgc(...args)).out, out);
  const report = JSON.parse(out);
  assert.equal(Object.keys(report), [
    "graph",
    "file",
    "line",
    "fetches",
    "dims",
    "derive",
    "steps",
    "totals",
    "updates",
    "memory",
    "module",
  ]);
  assert.equal(Object.keys(report.steps[1]), [
    "kind",
    "kernel",
    "template",
    "within",
    "times",
    "flops",
    "read",
    "written",
    "reads",
    "writes",
    "fused",
  ]);
  assert.not.match(out, "…");
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
