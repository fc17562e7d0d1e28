/** The checker on right programs: types, names of variables, scopes, sizes that the feeds must satisfy, imports. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram, type CheckOptions } from "../compiler/check/index.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { formatDim, formatShape } from "../compiler/ir/dims.ts";
import type { Graph, Initializer } from "../compiler/ir/graph.ts";
import { generate } from "../compiler/std/generate.ts";
import { library } from "../compiler/std/sources.ts";
import { outline, parse } from "../grammar/read.ts";
import { sourceFile } from "../grammar/source.ts";

function checked(text: string, options: Partial<CheckOptions> = {}) {
  return checkProgram({ path: "p.tfg", read: (path) => (path === "p.tfg" ? text : undefined), library, ...options });
}

/** The graphs of a program without errors. */
function graphsOf(text: string, options: Partial<CheckOptions> = {}): readonly Graph[] {
  const { graphs, diagnostics } = checked(text, options);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  assert.is(errors.map((diagnostic) => render(diagnostic)).join("\n"), "");
  return graphs;
}

function graphOf(text: string, options: Partial<CheckOptions> = {}): Graph {
  const [graph] = graphsOf(text, options);
  if (!graph) throw new Error("the program has no graph");
  return graph;
}

const codesOf = (text: string, options: Partial<CheckOptions> = {}): string[] =>
  checked(text, options).diagnostics.map(({ code }) => code);

/** `y: f32[N, 3]` for each output. */
function outputTypes(graph: Graph): Record<string, string> {
  return Object.fromEntries(
    graph.outputs.map(({ name, value }) => {
      const type = graph.values[value]?.type;
      return [name, type ? `${type.dtype}${formatShape(type.shape)}` : "missing"];
    }),
  );
}

const variableTypes = (graph: Graph): Record<string, string> =>
  Object.fromEntries(graph.variables.map(({ name, dtype, shape }) => [name, `${dtype}[${shape.join(", ")}]`]));

function initOf(graph: Graph, name: string): Initializer | undefined {
  return graph.variables.find((variable) => variable.name === name)?.init;
}

/** The output as a compile-time constant. */
function constantOf(graph: Graph, name: string): number[] {
  const output = graph.outputs.find((other) => other.name === name);
  const data = graph.values[output?.value ?? -1]?.attributes.data;
  return typeof data === "object" && "data" in data ? [...data.data] : [];
}

// ---- types and shapes ------------------------------------------------------------------------------------------

const types = suite("types");

types("of convolutions, pools and dense layers follow TensorFlow's rules", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N, 28, 27, 3]
    output valid = x |> conv2d(8, 3)
    output same = x |> conv2d(8, [5, 3], relu, strides=2, padding="same")
    output stride = x |> conv2d(8, 3, strides=[2, 3])
    output depth = x |> depthwise_conv2d(3, relu6, strides=2, padding="same", multiplier=2)
    output pool = x |> max_pool2d
    output pool_same = x |> avg_pool2d(size=3, strides=2, padding="same")
    output global = x |> global_avg_pool
    output flat = x |> flatten
    output head = x |> flatten |> dense(10, softmax)
  }`);
  assert.equal(outputTypes(graph), {
    valid: "f32[N, 26, 25, 8]",
    same: "f32[N, 14, 14, 8]",
    stride: "f32[N, 13, 9, 8]",
    depth: "f32[N, 14, 14, 6]",
    pool: "f32[N, 14, 13, 3]",
    pool_same: "f32[N, 14, 14, 3]",
    global: "f32[N, 3]",
    flat: "f32[N, 2268]",
    head: "f32[N, 10]",
  });
});

types("of a fully convolutional network hold the run dims of the image", () => {
  const graph = graphOf(`graph g[N, H, W] {
    input x: f32[N, H, W, 3]
    a = x |> conv2d(8, 3, relu, padding="same") |> max_pool2d
    output b = a |> conv2d(16, [3, 5], relu)
    output c = b |> conv2d(4, 3, strides=2, padding="same")
    output d = x |> avg_pool2d(size=3, strides=2, padding="same")
  }`);
  assert.equal(outputTypes(graph), {
    b: "f32[N, H/2 - 2, W/2 - 4, 16]",
    c: "f32[N, (H + 2)/4 - 1, (W + 2)/4 - 2, 4]",
    d: "f32[N, (H + 1)/2, (W + 1)/2, 3]",
  });
  // A window that may not fit is a check of the feeds.
  assert.equal(
    graph.checks.map(({ text }) => text),
    ["H/2 >= 2", "W/2 >= 4"],
  );
});

types("use what `where` says", () => {
  const graph = graphOf(`graph g[N, H] where H % 4 == 0, N <= 1024 {
    input x: f32[N, H, H, 2]
    skip = x |> max_pool2d |> max_pool2d
    output y = skip + (x |> conv2d(2, 3, strides=4, padding="same"))
  }`);
  assert.equal(outputTypes(graph), { y: "f32[N, H/4, H/4, 2]" });
  assert.equal(
    graph.checks.map(({ text, holds }) => [text, typeof holds === "string" ? holds : formatDim(holds.divisibleBy)]),
    [
      ["H % 4 == 0", "4"],
      ["N <= 1024", ">= 0"],
    ],
  );
});

types("are inferred through generics, packs in any place and dims that are expressions", () => {
  const graph = graphOf(`
    def swap[A, ..B, C](x: f32[A, ..B, C]) -> f32[C, ..B, A] = reshape(x, [C, ..B, A])
    def tail[..B](x: f32[..B, 3]) -> f32[..B] = sum(x, axis=-1)
    def halves[N](x: f32[2 * N]) -> (first: f32[N], second: f32[N]) {
      return x[0:N], x[N:]
    }
    def same[T: any, ..S](a: T[..S], b: T[..S]) -> bool[..S] = a == b
    graph g[N, M] {
      input x: f32[N, 4, 5, 3]
      input y: f32[2 * M]
      input ids: i32[N]
      output a = swap(x)
      output b = tail(x)
      r = halves(y)
      first, second = halves(y)
      output c = r.second + first - second
      output d = same(ids, 3 * ids)
    }`);
  assert.equal(outputTypes(graph), { a: "f32[3, 4, 5, N]", b: "f32[N, 4, 5]", c: "f32[M]", d: "bool[N]" });
});

types("of reductions name axes by position and by dim", () => {
  const graph = graphOf(`
    def spatial[N, H, W, C](x: f32[N, H, W, C]) -> f32[N, C] {
      h = relu(x * 2 + 1)
      return mean(h, over=[H, W])
    }
    graph g[N, T] {
      input x: f32[N, T, 8]
      input square: f32[N, 7, 7, 7]
      output a = sum(x, over=T)
      output b = max(x, axis=[0, -1], keep=true)
      output c = mean(x)
      output d = argmax(x, axis=1)
      output e = spatial(square)
      output f = x |> batch_norm
    }`);
  assert.equal(outputTypes(graph), {
    a: "f32[N, 8]",
    b: "f32[1, T, 1]",
    c: "f32",
    d: "i32[N, 8]",
    e: "f32[N, 7]",
    f: "f32[N, T, 8]",
  });
});

types("of slices count from both ends and make axes", () => {
  const graph = graphOf(`graph g[N, T] where T >= 2 {
    input x: f32[N, T, 8]
    input at: i32
    output a = x[:, -1]
    output b = x[:, 1:, ::2]
    output c = x[..., new, 0]
    output d = x[:, new, -1, 2:5]
    output e = x[:, at, 0]
    output f = x[0, 0, ::-1]
  }`);
  assert.equal(outputTypes(graph), {
    a: "f32[N, 8]",
    b: "f32[N, T - 1, 4]",
    c: "f32[N, T, 1]",
    d: "f32[N, 1, 3]",
    e: "f32[N]",
    f: "f32[8]",
  });
});

types("of comprehensions: indices are values, reads are proved, clamped or have an outside", () => {
  const graph = graphOf(`
    def hann(n: f32) -> f32 = 0.5 - 0.5 * cos(2 * pi * n / 8)
    const TABLE = [[1.0, 2.0], [3.0, 4.0]]
    graph g[N, T] where T >= 8 {
      input x: f32[T]
      input m: f32[N, T]
      input ids: i32[N]
      param taps: f32[3]
      output frames = tensor(f in (T - 8) / 4 + 1, n in 8: x[f * 4 + n] * hann(n as f32))
      output fir = tensor(t in T: sum(k in 3: x[t + k - 1] ?? 0.0 * taps[k]))
      output picked = tensor(n in N: m[n, clamp(ids[n], 0, T - 1)])
      output wrapped = tensor(n in N, t in T: m[n, (t * t) % T])
      output even = tensor(n in N, t in T / 2: m[n, 2 * t])
      output step = tensor(i in 1..4, j in 2: TABLE[(i - 1) / 2][j] + (i as f32))
      output best = argmax(n in N, t in T: m[n, t])
      output causal = tensor(i in T, j in T: if j <= i then x[j] else -inf)
      output total = sum(n in N, t in T: m[n, t] ** 2) / mean(x)
    }`);
  assert.equal(outputTypes(graph), {
    frames: "f32[T/4 - 1, 8]",
    fir: "f32[T]",
    picked: "f32[N]",
    wrapped: "f32[N, T]",
    even: "f32[N, T/2]",
    step: "f32[3, 2]",
    best: "i32",
    causal: "f32[T, T]",
    total: "f32",
  });
  assert.equal(
    graph.checks.map(({ text }) => text),
    ["T >= 8"],
  );
});

types("of patterns are worked out while compiling", () => {
  const graph = graphOf(`graph g[B, T] {
    input x: f32[B, T, 24]
    q, k, v = x |> rearrange("b t (three h d) -> three b h t d", three=3, h=2) |> unstack(axis=0)
    output scores = einsum("b h t d, b h s d -> b h t s", q, k)
    output back = v |> rearrange("b h t d -> b t (h d)")
    output rows = rearrange(x, "b t c -> (b t) 1 c")
    output trace = einsum("b t t -> b", scores[:, 0])
    output y = attention(x, heads=4, causal=true)
  }`);
  assert.equal(outputTypes(graph), {
    scores: "f32[B, 2, T, T]",
    back: "f32[B, T, 8]",
    rows: "f32[B·T, 1, 24]",
    trace: "f32[B]",
    y: "f32[B, T, 24]",
  });
});

types("of a condition known only in the run are those of both branches", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N]
    input c: bool
    output y = if c then x else -x
    output z = if c then 1 else x[0]
  }`);
  assert.equal(outputTypes(graph), { y: "f32[N]", z: "f32" });
});

types("are kept normal by the facts, so that later passes compare them as they are", () => {
  const graph = graphOf(`graph g[H] where H % 2 == 0 {
    input x: f32[H]
    output y = tensor(i in ceil_div(H, 2): x[2 * i])
    output z = x[0:H / 2]
  }`);
  const [y, z] = graph.outputs.map(({ value }) => graph.values[value]?.type.shape[0]?.key);
  assert.is(y, z);
});

types.run();

// ---- compile-time values -----------------------------------------------------------------------------------------

const values = suite("compile-time values");

values("are computed while compiling", () => {
  const graph = graphOf(`
    const A = [3, 9, 2]
    graph g {
      const b = 5.0
      output sum = b + 3
      output both = [b + 3, b - 3]
      output floors = [7 / 2, -7 / 2, 7 % 3, -7 % 3, ceil_div(7, 2)]
      output lists = max(A) + prod(A[0:2]) + sum(A) + len([..A, 1]) + A[-1]
      output powers = [2 ** 10, 2.0 ** -1, -2 ** 2]
      output functions = [sqrt(16), abs(-3.0), min(4, 5.5)]
      output chosen = if len(A) > 2 && A[0] == 3 then 1 else 2
      output text = if "a{A[1]}" == "a9" then 1.5 else 2.5
      output nested = [[1, 2], [3, 4.5]]
      output cast = 2.5 as i32
      output called = sigmoid(0) + fan_in([3, 3, 4, 8]) - fan_out([3, 3, 4, 8])
    }`);
  const all = Object.fromEntries(graph.outputs.map(({ name }) => [name, constantOf(graph, name)]));
  assert.equal(all, {
    sum: [8],
    both: [8, 2],
    floors: [3, -4, 1, 2, 4],
    lists: [9 + 27 + 14 + 4 + 2],
    powers: [1024, 0.5, -4],
    functions: [4, 3, 4],
    chosen: [1],
    text: [1.5],
    nested: [1, 2, 3, 4.5],
    cast: [2],
    called: [0.5 + 36 - 72],
  });
  assert.equal(outputTypes(graph).cast, "i32");
  assert.equal(outputTypes(graph).nested, "f32[2, 2]");
});

values("of configs are set from outside, and must fit", () => {
  const text = `
    config UNITS: int = 4
    config RATE: f32 = 0.5
    config SIZES: int[2] = [3, 5]
    config DEEP: bool = false
    config NAME: str = "head"
    graph g[N] {
      input x: f32[N, 2]
      h = if DEEP then x |> fold(SIZES, fn(h, n) => dense(h, n, tanh)) else x
      output y = dense(h, UNITS, name=NAME) * RATE
    }`;
  assert.equal(variableTypes(graphOf(text)), { "head/kernel": "f32[2, 4]", "head/bias": "f32[4]" });
  const set = new Map([
    ["UNITS", "7"],
    ["DEEP", "true"],
    ["SIZES", "6,8"],
    ["NAME", "out"],
    ["RATE", "2"],
  ]);
  assert.equal(Object.keys(variableTypes(graphOf(text, { set }))), [
    "dense/kernel",
    "dense/bias",
    "dense_1/kernel",
    "dense_1/bias",
    "out/kernel",
    "out/bias",
  ]);
  assert.equal(outputTypes(graphOf(text, { set })), { y: "f32[N, 7]" });
  assert.equal(codesOf(text, { set: new Map([["UNITS", "many"]]) }), ["TFG0210"]);
  assert.equal(codesOf(text, { set: new Map([["UNIT", "4"]]) }), ["TFG0201"]);
});

values("what a call lacks, or takes otherwise, is said by the name that it has", () => {
  for (const [line, message] of [
    ["output y = scan(x, over=N, fn(h, v) { return h + v, h }).ys", "`scan` needs `init`"],
    ["output y = x + while(0.0, fn(c) => c + 1.0)", "`while` needs `max`"],
    ["output y = x + while(0.0, max=2)", "`while` needs `fn`"],
    ["output y = x + repeat(0.0, fn(c, i) => c + 1.0)", "`repeat` needs `n`"],
    [
      "output y = while([x, 0], max=3, fn((c, i)) => [c + 1.0])",
      "the function of `while` returns a list of one value (f32[N]), the carries are 2",
    ],
    ["output y = x + random_normal(3)", "a shape is a list of sizes, not an int"],
    ["output y = x + random_uniform(x)", "a shape is a list of sizes, not f32[N]"],
    ["assert N  output y = x", "an assertion is a bool, not an int"],
  ] as const)
    assert.equal(
      checked(`graph g[N] { input x: f32[N]  ${line} }`).diagnostics.map((diagnostic) => diagnostic.message),
      [message],
    );
});

values("a const is known to the compiler; a node of a run is none", () => {
  const program = (value: string): string => `const T = iota(3)
    graph g[N] { input x: f32[N]  param w: f32[3] = zeros  const k = ${value}  output y = k as f32  output z = x * w[0] }`;
  for (const value of [
    "N * 2 + 1",
    "iota(N)",
    "T * 2",
    "sqrt(2.0) + T as f32",
    "one_hot(T, 4)",
    "while(0, max=2, fn(c) => c + 1)",
  ])
    assert.equal(codesOf(program(value)), [], value);
  for (const value of ["x", "sum(w)", "2.0 * x[0]", "random_uniform([2]) * 1.0", "while(x[0], max=2, fn(c) => c + 1)"])
    assert.equal(codesOf(program(value)), ["TFG0210"], value);
});

values("adapt to the tensor they meet, and a size can be a number of it", () => {
  const graph = graphOf(`graph g[N, D] where D % 4 == 0 {
    input x: f32[N, D]
    input n: i32[N]
    output a = 2 * x + 1
    output b = 2 * n
    output c = x / sqrt(D / 4)
    output d = n + D
    output e = max(n, 0)
    output f = x ** 2 + x ** 0.5
  }`);
  assert.equal(outputTypes(graph), {
    a: "f32[N, D]",
    b: "i32[N]",
    c: "f32[N, D]",
    d: "i32[N]",
    e: "i32[N]",
    f: "f32[N, D]",
  });
});

values("repeat and fold layers, with indices in names", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N, 2]
    h = x |> repeat(2, fn(h, i) => dense(h, 2, name="r{i}"))
    output y = h |> fold([[3, "a"], [4, "b"]], fn(h, (n, name)) => dense(h, n, name="{name}_{n}", use_bias=false))
  }`);
  assert.equal(Object.keys(variableTypes(graph)), [
    "r0/kernel",
    "r0/bias",
    "r1/kernel",
    "r1/bias",
    "a_3/kernel",
    "b_4/kernel",
  ]);
});

values.run();

// ---- variables -----------------------------------------------------------------------------------------------------

const variables = suite("variables");

variables("are named as TensorFlow 1 names them", () => {
  const graph = graphOf(`
    layer block[N](x: f32[N, 4]) -> f32[N, 4] {
      scope "mlp" {
        h = dense(x, 8, relu)
        y = dense(h, 4)
      }
      return x + y
    }
    graph g[N] {
      input x: f32[N, 4]
      @name("Variable") param w: f32[4] = 1.0
      state count: i32 = 3
      scope "outer" {
        @name("scale") param s: f32[4] = ones
        a = block(x * w * s)
        b = block(dense(a, 4), name="second")
      }
      c = dense(b, 4) |> dense(4, name="head") |> dense(4)
      output y = c
      output n = count + 1
    }`);
  assert.equal(Object.keys(variableTypes(graph)), [
    "Variable",
    "count",
    "outer/scale",
    ...["dense", "dense_1"].flatMap((layer) => [`outer/block/mlp/${layer}/kernel`, `outer/block/mlp/${layer}/bias`]),
    "outer/dense/kernel",
    "outer/dense/bias",
    ...["dense", "dense_1"].flatMap((layer) => [`outer/second/mlp/${layer}/kernel`, `outer/second/mlp/${layer}/bias`]),
    ...["dense", "head", "dense_1"].flatMap((layer) => [`${layer}/kernel`, `${layer}/bias`]),
  ]);
  assert.equal(
    graph.variables.filter(({ trainable }) => !trainable).map(({ name }) => name),
    ["count"],
  );
});

variables("are numbered in the order of the text, whatever is evaluated first", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N, 4]
    output y = dense(later, 2)
    later = dense(dense(x, 6), 5)
    output z = dense(x, 3)
  }`);
  const shapes = variableTypes(graph);
  assert.equal(
    [shapes["dense/kernel"], shapes["dense_1/kernel"], shapes["dense_2/kernel"], shapes["dense_3/kernel"]],
    ["f32[5, 2]", "f32[4, 6]", "f32[6, 5]", "f32[4, 3]"],
  );
});

variables("leave the names that are given alone", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N, 4]
    output y = dense(x, 2) + dense(x, 2, name="dense") + dense(x, 2)
  }`);
  assert.equal(
    Object.keys(variableTypes(graph)).filter((name) => name.endsWith("kernel")),
    ["dense_1/kernel", "dense/kernel", "dense_2/kernel"],
  );
});

variables("are shared by `reuse=`, those of inner layers too", () => {
  const graph = graphOf(`
    layer net[N](x: f32[N, 4]) -> f32[N, 2] = x |> dense(8, relu) |> dense(2)
    graph g[N] {
      input a: f32[N, 4]
      input b: f32[N, 4]
      output y = net(a, name="disc") + net(b, reuse="disc")
      output z = net(a, reuse="disc")
    }`);
  assert.equal(Object.keys(variableTypes(graph)), [
    "disc/dense/kernel",
    "disc/dense/bias",
    "disc/dense_1/kernel",
    "disc/dense_1/bias",
  ]);
  assert.is(graph.values.filter(({ op }) => op === "variable").length, 4);
});

variables("that nothing reads are not there", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N, 4]
    param unread: f32[1000]
    aside = dense(x, 100)
    output y = dense(x, 2, use_bias=false) |> batch_norm
  }`);
  assert.equal(Object.keys(variableTypes(graph)), [
    "dense_1/kernel",
    "batch_norm/gamma",
    "batch_norm/beta",
    "batch_norm/moving_mean",
    "batch_norm/moving_variance",
  ]);
});

variables("start by numbers, data, tensors and recipes of the shape", () => {
  const graph = graphOf(`
    def mine(shape: int[]) -> f32[..shape] = constant(shape, 0.25)
    layer head[N, I](x: f32[N, I], init: fn = glorot_uniform) -> f32[N] {
      param w: f32[I] = init
      return x @ w
    }
    graph g[N] {
      input x: f32[N, 4]
      param a: f32[2, 4]
      param b: f32[4]
      param c: f32[4] = [1, 2, 3, 4]
      param d: f32[4] = constant(0.1)
      param e: f32[3, 3, 2, 5] = he_normal
      param f: f32[4] = random_uniform(min=-0.5, max=0.5)
      param h: f32[2, 2] = eye(2) * 3
      param i: i32 = 7
      param j: f32[4] = mine
      param k: f32[4, 4] = orthogonal(gain=2.0)
      output y = sum(a) + sum(b) + sum(c) + sum(d) + sum(e) + sum(f) + sum(h) + sum(j) + (i as f32) + sum(k)
      output z = head(x, truncated_normal(stddev=0.02)) + head(x, zeros)
    }`);
  const limit = Math.sqrt(6 / (2 + 4));
  assert.equal(initOf(graph, "a"), { fn: "random_uniform", min: -limit, max: limit });
  assert.equal(initOf(graph, "b"), { fn: "fill", value: 0 });
  assert.equal(initOf(graph, "c"), { fn: "data", data: { data: Float64Array.of(1, 2, 3, 4) } });
  assert.equal(initOf(graph, "d"), { fn: "fill", value: 0.1 });
  assert.equal(initOf(graph, "e"), { fn: "truncated_normal", mean: 0, stddev: Math.sqrt(2 / 18) / 0.8796256610342398 });
  assert.equal(initOf(graph, "f"), { fn: "random_uniform", min: -0.5, max: 0.5 });
  assert.equal(initOf(graph, "h"), { fn: "data", data: { data: Float64Array.of(3, 0, 0, 3) } });
  assert.equal(initOf(graph, "i"), { fn: "fill", value: 7 });
  assert.equal(initOf(graph, "j"), { fn: "fill", value: 0.25 });
  assert.equal(initOf(graph, "k"), { fn: "orthogonal", gain: 2 });
  assert.equal(initOf(graph, "head/w"), { fn: "truncated_normal", mean: 0, stddev: 0.02 });
  assert.equal(initOf(graph, "head_1/w"), { fn: "fill", value: 0 });
});

variables.run();

// ---- graphs and files --------------------------------------------------------------------------------------------

const graphs = suite("graphs");

graphs("hold values before their readers, with the library calls they belong to", () => {
  const graph = graphOf(`graph g[N] {
    input x: f32[N, 8, 8, 1]
    hidden = x |> conv2d(4, 3, relu)
    output y = hidden |> flatten |> dense(3, softmax)
  }`);
  for (const [id, value] of graph.values.entries()) for (const arg of value.args) assert.ok(arg < id);
  assert.is(graph.values.find(({ name }) => name === "hidden")?.op, "maximum");
  const regions = graph.calls.map(({ name, scope, parent }) => [
    name,
    scope,
    parent === undefined ? undefined : graph.calls[parent]?.name,
  ]);
  assert.equal(regions, [
    ["conv2d", "conv2d", undefined],
    ["conv2d_op", undefined, "conv2d"],
    ["relu", undefined, "conv2d"],
    ["flatten", undefined, undefined],
    ["dense", "dense", undefined],
    ["softmax", undefined, "dense"],
  ]);
  for (const call of graph.calls) for (const id of [...call.args, ...call.results]) assert.ok(graph.values[id]);
});

graphs("make any node an output on demand", () => {
  const text = `graph g[N] {
    input x: f32[N, 4]
    hidden = dense(x, 8)
    output y = dense(hidden, 2)
  }`;
  assert.equal(Object.keys(outputTypes(graphOf(text))), ["y"]);
  assert.equal(outputTypes(graphOf(text, { nodes: new Set(["hidden", "y", "nothing"]) })), {
    y: "f32[N, 2]",
    hidden: "f32[N, 8]",
  });
});

graphs("may be several in a file, with inputs that have defaults and other host types", () => {
  const [first, second] = graphsOf(`
    /// Adds.
    graph a {
      output sum = 1.0 + 2.0
    }
    graph b[N] {
      /// Numbers of words.
      @accepts(i64) input ids: i32[N]
      input scale: f32 = 0.5
      input _ignored: f32[N]
      output y = (ids as f32) * scale
      output sum = sum(ids)
      output twice
      twice = sum * 2
    }`);
  assert.is(first?.doc, "Adds.");
  assert.equal(
    second?.inputs.map(({ name, default: value, accepts, doc }) => [name, value, accepts, doc]),
    [
      ["ids", undefined, "i64", "Numbers of words."],
      ["scale", 0.5, undefined, ""],
      ["_ignored", undefined, undefined, ""],
    ],
  );
  assert.equal(second && outputTypes(second), { y: "f32[N]", sum: "i32", twice: "i32" });
});

graphs("see what other files export, by name and as a whole, also in a circle", () => {
  const files = new Map([
    [
      "models/main.tfg",
      `import { block as part, WIDTH } from "./blocks.tfg"\nimport * as maths from "../lib/maths.tfg"\ngraph g[N] {\n  input x: f32[N, WIDTH]\n  output y = part(x) |> maths.twice\n}\nlayer own[N](x: f32[N, 4]) -> f32[N, 4] = relu(x)`,
    ],
    [
      "models/blocks.tfg",
      `import { own } from "./main.tfg"\nconst WIDTH = 4\nlayer block[N](x: f32[N, 4]) -> f32[N, 4] = own(dense(x, 4))\ndef _secret(x: f32) -> f32 = x`,
    ],
    ["lib/maths.tfg", `import { relu6 } from "std/nn"\ndef twice[..S](x: f32[..S]) -> f32[..S] = relu6(2 * x)`],
  ]);
  const read = (path: string): string | undefined => files.get(path);
  const { graphs: made, diagnostics, files: seen } = checkProgram({ path: "models/main.tfg", read, library });
  assert.equal(diagnostics, []);
  assert.equal(made.map(outputTypes), [{ y: "f32[N, 4]" }]);
  // A layer keeps its own name as its scope.
  assert.equal(
    made.flatMap((graph) => graph.variables.map(({ name }) => name)),
    ["block/dense/kernel", "block/dense/bias"],
  );
  assert.ok(seen.some((file) => file.path === "lib/maths.tfg"));

  files.set(
    "models/main.tfg",
    `import { _secret, blok } from "./blocks.tfg"\ngraph g { output y = _secret(1.0) + blok(2.0) }`,
  );
  assert.equal(
    checkProgram({ path: "models/main.tfg", read, library }).diagnostics.map(({ code, primary }) => [
      code,
      primary.text,
    ]),
    [
      ["TFG0602", "names that start with `_` are not exported"],
      ["TFG0602", "did you mean `block`?"],
      // blocks.tfg imports from main.tfg what is no longer there.
      ["TFG0602", "not found there"],
    ],
  );
});

graphs("let names of the file win over the library's", () => {
  const graph = graphOf(`
    def relu[..S](x: f32[..S]) -> i32 = 3
    graph g[N] {
      input x: f32[N]
      output y = relu(x)
      output mean = mean(x)
    }`);
  assert.equal(outputTypes(graph), { y: "i32", mean: "f32" });
});

graphs("with syntax errors have no messages about names that the errors swallowed", () => {
  assert.equal(codesOf("graph g[N] {\n  input x: f32[N\n  h = relu(x)\n  output y = h + 1\n}"), ["TFG0101"]);
  assert.equal(codesOf("graph g[N] {\n  input x: f32[N]\n  h = relu(x\n  output y = h\n}"), ["TFG0101"]);
  // What the syntax does not touch is still checked.
  assert.equal(codesOf("graph g[N] {\n  input x: f32[N, 3]\n  a = 1;\n  output y = x @ x\n}"), ["TFG0102", "TFG0301"]);
});

graphs("that cannot be read or are empty say so", () => {
  assert.equal(codesOf("", { read: () => undefined }), ["TFG0601"]);
  assert.equal(codesOf("  \n"), ["TFG0603"]);
});

graphs.run();

// ---- whole programs -------------------------------------------------------------------------------------------------

const programs = suite("whole programs");

programs("the library's text in sources.ts is that of its files", () => {
  assert.is(readFileSync(join(import.meta.dirname, "../compiler/std/sources.ts"), "utf8"), generate());
});

programs("every name in the library means something, called or not", () => {
  for (const text of library.values())
    assert.equal(
      codesOf(text).filter((code) => code !== "TFG0106" && code !== "TFG0905"),
      [],
    );
});

programs("the text of a checked program never throws, however it is cut or damaged", () => {
  const text = readFileSync(join(import.meta.dirname, "cases/pooling.tfg"), "utf8") + library.get("std/reduce");
  for (let at = 0; at < text.length; at += 97) {
    checked(text.slice(0, at));
    checked(text.slice(0, at) + text.slice(at + 5));
  }
  for (const file of globSync("cases/errors/*.tfg", { cwd: import.meta.dirname }))
    checked(readFileSync(join(import.meta.dirname, file), "utf8").replaceAll("x", "(x"));
});

programs("sums of hundreds of terms and nests of dozens of brackets are checked", () => {
  const sum = Array.from({ length: 400 }, () => "x").join(" + ");
  assert.equal(outputTypes(graphOf(`graph g { input x: f32\n output y = ${sum} }`)), { y: "f32" });
  const nest = `${"(".repeat(90)}x${")".repeat(90)}`;
  assert.equal(outputTypes(graphOf(`graph g { input x: f32\n output y = ${nest} }`)), { y: "f32" });
});

programs.run();

// ---- the library --------------------------------------------------------------------------------------------------

const standard = suite("library");

standard(
  "the outline of a library file finds the declarations that reading it finds, each complete in its part",
  () => {
    const plain = (node: object): string =>
      JSON.stringify(node, (key, value) => (key === "file" || key === "doc" ? undefined : value));
    let count = 0;
    for (const [name, text] of library) {
      const file = sourceFile(`${name}.tfg`, text);
      const { tree, diagnostics } = parse(file);
      assert.equal(diagnostics, []);
      const parts = outline(file);
      const declared = tree.declarations.flatMap((item) => ("name" in item && item.kind !== "test" ? [item] : []));
      if (!parts) throw new Error(`${name} has no outline`);
      assert.is(parts.imports.length, tree.declarations.filter((item) => item.kind === "import").length);
      assert.equal(
        [...parts.declarations.keys()],
        declared.map((item) => item.name.text),
      );
      for (const item of declared) {
        const alone = parse(file, parts.declarations.get(item.name.text));
        assert.equal(alone.diagnostics, []);
        assert.equal(alone.tree.declarations.map(plain), [plain(item)]);
        count++;
      }
    }
    assert.ok(count > 60, `${count} declarations`);
  },
);

standard.run();
