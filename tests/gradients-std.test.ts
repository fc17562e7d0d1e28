/** Gradients of the standard library: as differences show by the interpreter, and equal on every target. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { selectOutputs } from "../compiler/passes/select-outputs.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { dot } from "./gradients/differences.ts";
import { initialValues } from "./initial-values.ts";
import { randomNumbers } from "./ops/cases.ts";
import { checked, difference } from "./oracle/compare.ts";
import { openTargets, TARGETS } from "./oracle/targets.ts";

const test = suite("gradients of the library");

/** f32 on the targets against f64: each has its own order of sums. */
const TOLERANCE = 2e-5;
const STEP = 1e-5;
const N = 3;

interface Program {
  /** The shape of `x` behind N. */
  readonly shape: readonly number[];
  /** An expression of `x`, `t` of the same shape, and `labels: i32[N]`. */
  readonly expression: string;
  readonly declarations?: string;
  /** Parameters to differentiate by as well; layers hide theirs. */
  readonly params?: readonly string[];
}

const programs: Readonly<Record<string, Program>> = {
  softmax: { shape: [5], expression: "softmax(x)" },
  log_softmax: { shape: [5], expression: "log_softmax(2 * x)" },
  sparse_softmax_cross_entropy: { shape: [5], expression: "sparse_softmax_cross_entropy(x, labels)" },
  label_smoothing: { shape: [5], expression: "sparse_softmax_cross_entropy(x, labels, label_smoothing=0.2)" },
  softmax_cross_entropy: { shape: [5], expression: "softmax_cross_entropy(x, t * x, label_smoothing=0.1)" },
  sigmoid_cross_entropy: { shape: [5], expression: "sigmoid_cross_entropy(x, t * x)" },
  softplus: { shape: [5], expression: "softplus(3 * x) + log_sigmoid(x) + mish(x)" },
  logaddexp: { shape: [5], expression: "logaddexp(x, t * x) + log1p(x ** 2) + expm1(x)" },
  activations: {
    shape: [7],
    expression: "relu(x) + gelu(x) + gelu_erf(x) + silu(x) + elu(x) + selu(x) + hard_swish(x)",
  },
  losses: { shape: [4], expression: "mse(x, t) + mae(x, 2 * t) + huber(x, t * x) + log_cosh(x, t)" },
  layer_norm: { shape: [4, 6], expression: "layer_norm(x)" },
  batch_norm: { shape: [6], expression: "batch_norm(x)" },
  dense: { shape: [4, 6], expression: "dense(x, 3, act=tanh)" },
  conv2d: { shape: [6, 7, 2], expression: 'conv2d(x, 3, 3, act=tanh) |> conv2d(2, 3, strides=2, padding="same")' },
  depthwise_conv2d: { shape: [6, 6, 3], expression: "depthwise_conv2d(x, 3, strides=2, multiplier=2)" },
  separable_conv2d: { shape: [5, 5, 2], expression: 'separable_conv2d(x, 3, 3, padding="same")' },
  conv1d: { shape: [9, 2], expression: "conv1d(x, 3, 4, strides=2)" },
  conv2d_transpose: { shape: [4, 3, 2], expression: "conv2d_transpose(x, 3, 3, strides=2, act=tanh)" },
  max_pool2d: { shape: [7, 7, 2], expression: 'max_pool2d(x, 3, 2, padding="same") |> max_pool2d' },
  avg_pool2d: { shape: [7, 5, 2], expression: 'avg_pool2d(x, 3, 2, padding="same")' },
  global_pools: { shape: [4, 5, 2], expression: "global_avg_pool(x) * global_max_pool(x)" },
  attention: { shape: [4, 6], expression: "attention(x, heads=2, causal=true)" },
  embedding: { shape: [4], expression: "embedding(labels, vocab=6, dim=4) * x" },
  lstm_cell: { shape: [4], expression: "lstm_cell(x, 0.5 * t, t * x).h" },
  a_wide_table: {
    shape: [8],
    declarations: "param table: f32[40, 8] = random_normal",
    expression: "gather(table, labels * 7) * x + gather(table, labels + 50)",
    params: ["table"],
  },
  products: {
    shape: [3, 3],
    declarations: "param w: f32[3, 4] = random_normal",
    expression: 'einsum("n i j, j k, n l i -> n l k", x, w, x @ x)',
    params: ["w"],
  },
  a_gradient_penalty: {
    shape: [5],
    declarations: "param w: f32[5, 4] = random_normal",
    expression: "grad(sum(tanh(x @ w) ** 2), x) ** 2",
    params: ["w"],
  },
  lstm: { shape: [4, 3], expression: "lstm(x, 5)" },
  gru: { shape: [4, 3], expression: "gru(x, 4)" },
  a_scan: {
    shape: [4, 2],
    declarations: `param w: f32[2, 2] = random_normal
  param h0: f32 = 0.3
  ys, last = scan(x, init=zeros([N, 2]) + h0, over=T, fn(h, one) {
    h1 = tanh(h @ w + one)
    return h1, h1 * one
  })`,
    expression: "sum(ys ** 2) + sum(last * w[0])",
    params: ["w", "h0"],
  },
  a_scan_of_two: {
    shape: [4, 2],
    declarations: `param w: f32 = 0.7
  ys, ends = scan([x, t], init=[zeros([N, 2]), ones([N, 2]), 0], over=T, fn((h, c, i), (a, b)) {
    return [w * h + a * b, softmax(c + h), i + 1], h * c * (i as f32 + 1.0)
  })`,
    expression: "sum(ys) + sum(ends[0] * ends[1])",
    params: ["w"],
  },
  a_while: {
    shape: [3],
    declarations: "param w: f32 = 0.4\n  h = while(x, max=5, fn(h) => h + w * sin(h) * x)",
    expression: "h",
    params: ["w"],
  },
  a_while_that_ends: {
    shape: [3],
    declarations: `param w: f32 = 1.3
  h, n = while([x, 0], max=9, cond=fn((h, n)) => sum(h * h) < 40.0, fn((h, n)) => [w * h + 0.1 / h, n + 1])`,
    expression: "h",
    params: ["w"],
  },
  loops_in_loops: {
    shape: [3, 2],
    declarations: `param w: f32 = 0.6
  ys, last = scan(x, init=zeros([N, 2]), over=T, fn(h, one) {
    inner = while(h, max=3, fn(g) => tanh(w * g + one) + cube(g) * 0.1)
    return inner, inner * w
  })`,
    expression: "ys",
    params: ["w"],
  },
  a_descent_in_a_loop: {
    shape: [4, 2],
    declarations: `param w0: f32[2] = random_normal
  seen, w = scan(x, init=w0, over=T, fn(w, one) {
    error = mean((tanh(one * w) - 0.5) ** 2)
    return w - 0.3 * grad(error, w), error
  })`,
    expression: "sum(w) + sum(seen)",
    params: ["w0"],
  },
  a_branch: {
    shape: [3],
    declarations: "param w: f32 = 1.3\n  positive = sum(x) > 0.0",
    expression: "if positive then x * w else w * w * x",
    params: ["w"],
  },
  a_rule_by_hand: { shape: [5], expression: "cube(x) * swapped(x, 2 * t).a" },
};

const HEAD = `
@gradient(fn(x, y, dy) => 3 * dy * x ** 2)
def cube[..S](x: f32[..S]) -> f32[..S] = x * x * x
@gradient(fn(a, b, p, q, dp, dq) => [dq, dp])
def swapped[..S](a: f32[..S], b: f32[..S]) -> (a: f32[..S], b: f32[..S]) { return b, a }
`;

function programOf({ shape, expression, declarations = "", params = [] }: Program): Graph {
  const dims = ["N", ...(shape.length > 1 && declarations.includes("over=T") ? ["T", ...shape.slice(1)] : shape)].join(
    ", ",
  );
  return checked(`${HEAD}
graph g[N${dims.includes("T") ? ", T" : ""}] {
  input x: f32[${dims}]
  input t: f32[${dims}]
  input labels: i32[N]
  ${declarations}
  used = sum(t) * 0.0 + sum(labels as f32) * 0.0
  output y = sum(sin(3 * (${expression}))) + used
  gradients = grad(y, [${["x", ...params].join(", ")}])
  ${["x", ...params].map((name, i) => `output d${name} = gradients[${i}]`).join("\n  ")}
}`);
}

for (const [name, program] of Object.entries(programs))
  test(name, async () => {
    const graph = programOf(program);
    const next = randomNumbers(5);
    const shape = [N, ...program.shape];
    const random = (): NdArray => ({
      dtype: "f32",
      shape,
      data: Float64Array.from({ length: elementsOf(shape) }, () => Math.fround(next() * 2 - 1)),
    });
    const feeds = new Map<string, NdArray>([
      ["x", random()],
      ["t", random()],
      ["labels", { dtype: "i32", shape: [N], data: Float64Array.of(2, 0, 4) }],
    ]);
    const variables = new Map(graph.variables.map((variable) => [variable.name, initialValues(variable, 3)]));
    const wanted = ["x", ...(program.params ?? [])];
    const fetches = ["y", ...wanted.map((of) => `d${of}`)];
    const run = (fed: typeof feeds, held: typeof variables, names: readonly string[]) =>
      interpret(graph, { feeds: fed, variables: held, fetches: names });
    const expected = run(feeds, variables, fetches);
    for (const of of wanted) {
      const array = feeds.get(of) ?? variables.get(of);
      const gradient = expected.get(`d${of}`);
      if (!array || !gradient) throw new Error(`no ${of}`);
      assert.equal(gradient.shape, array.shape);
      const direction = Float64Array.from(array.data, () => next() * 2 - 1);
      const moved = (by: number) => {
        const data = array.data.map((x, i) => x + by * (direction[i] ?? 0));
        const at = (held: ReadonlyMap<string, NdArray>) =>
          held.has(of) ? new Map([...held, [of, { ...array, data }]]) : new Map(held);
        return run(at(feeds), at(variables), ["y"]).get("y")?.data[0] ?? Number.NaN;
      };
      const slope = (moved(STEP) - moved(-STEP)) / (2 * STEP);
      const scale = 1 + gradient.data.reduce((sum, g) => sum + Math.abs(g), 0);
      const along = dot(gradient.data, direction);
      assert.ok(Math.abs(along - slope) <= 1e-6 * scale, `along ${of}: ${along}, the difference ${slope}`);
    }
    const targets = await openTargets(graph, variables);
    for (const target of TARGETS) {
      const actual = await targets.get(target)?.run(feeds, fetches);
      for (const [output, array] of expected) {
        const largest = array.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0.1);
        const apart = difference(actual?.get(output), array, largest);
        assert.ok(apart <= TOLERANCE, `${output} on ${target} is ${apart} apart`);
      }
    }
  });

test("a loop keeps its carries for the gradient, and not for a run without it", () => {
  const graph = programOf(programs.a_scan_of_two ?? { shape: [], expression: "x" });
  const resultsOf = (of: Graph): readonly number[] =>
    runPasses(of, { verify: true }).graph.values.flatMap(({ op, more }) =>
      op === "loop" ? [1 + (more?.length ?? 0)] : [],
    );
  assert.equal(resultsOf(selectOutputs(graph, ["y"])), [4], "three carries and what is stacked");
  const [forward = 0, backward = 0] = resultsOf(selectOutputs(graph, ["dx"]));
  assert.is(forward, 4 + 3, "the carries of each iteration");
  assert.ok(backward > 0);
});

test("kinks and edges have the gradients of the language", () => {
  const graph = checked(`graph g {
    input x: f32[5]
    output a = grad(sum(relu(x)), x)
    output b = grad(sum(softplus(x)), x)
    output c = grad(sum(abs(x)), x)
    output d = grad(sum(sigmoid_cross_entropy(x, 0 * x)), x)
    output e = grad(sum(max_pool2d(reshape(x[:4], [1, 2, 2, 1]))), x)
  }`);
  const x: NdArray = { dtype: "f32", shape: [5], data: Float64Array.of(0, 0, -1, 0, 2) };
  const results = interpret(graph, {
    feeds: new Map([["x", x]]),
    variables: new Map(),
    fetches: ["a", "b", "c", "d", "e"],
  });
  const of = (name: string) => [...(results.get(name)?.data ?? [])];
  assert.equal(of("a"), [0, 0, 0, 0, 1]);
  assert.is(of("b")[0], 0.5);
  assert.equal(of("c"), [0, 0, -1, 0, 1]);
  assert.is(of("d")[0], 0.5);
  assert.equal(of("e"), [1, 0, 0, 0, 0], "the first of the greatest gets all");
});

test.run();
