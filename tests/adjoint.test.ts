/** Transposed linear functions: <A x, y> = <x, adjoint(A) y>, and transposed convolutions as onnxruntime has them. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { dot } from "./gradients/differences.ts";
import { randomNumbers } from "./ops/cases.ts";
import { checked, difference, TOLERANCE } from "./oracle/compare.ts";
import { outputExtent, type Padding, padsFor } from "./oracle/network.ts";
import { OnnxModel } from "./oracle/onnx.ts";
import { openTargets, TARGETS } from "./oracle/targets.ts";

const test = suite("adjoints");

const next = randomNumbers(11);
const random = (shape: readonly number[]): NdArray => ({
  dtype: "f32",
  shape,
  data: Float64Array.from({ length: elementsOf(shape) }, () => Math.fround(next() * 2 - 1)),
});

/** Every output on the interpreter, after each target was found to agree with it. */
async function onAll(graph: Graph, feeds: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>> {
  const fetches = graph.outputs.map(({ name }) => name);
  const expected = interpret(graph, { feeds, variables: new Map(), fetches });
  const targets = await openTargets(graph, new Map());
  for (const target of TARGETS) {
    const actual = await targets.get(target)?.run(feeds, fetches);
    for (const [name, array] of expected) {
      const largest = array.data.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
      assert.ok(difference(actual?.get(name), array, largest) <= TOLERANCE, `${name} on ${target}`);
    }
  }
  return expected;
}

const only = (results: ReadonlyMap<string, NdArray>, name: string): NdArray => {
  const found = results.get(name);
  if (!found) throw new Error(`no result ${name}`);
  return found;
};

/** <A x, y> and <x, adjoint(A) y>. */
function assertAdjoint(x: NdArray, ax: NdArray, y: NdArray, ay: NdArray, what: string): void {
  assert.equal(ax.shape, y.shape, what);
  assert.equal(ay.shape, x.shape, what);
  const [left, right] = [dot(ax.data, y.data), dot(x.data, ay.data)];
  const scale = Math.sqrt(dot(ax.data, ax.data) * dot(y.data, y.data));
  assert.ok(Math.abs(left - right) <= 1e-10 * Math.max(scale, 1), `${what}: ${left} and ${right}`);
}

const KERNELS = [
  [1, 1],
  [2, 3],
  [3, 3],
  [4, 2],
  [5, 5],
] as const;

for (const stride of [1, 2, 3])
  for (const padding of ["same", "valid"] as const)
    test(`a convolution of stride ${stride} with padding "${padding}" and its adjoint`, async () => {
      for (const [kh, kw] of KERNELS)
        for (const [h, w] of [
          [6, 7],
          [9, 5],
          [8, 8],
        ] as const) {
          const out = [outputExtent(h, kh, stride, padding), outputExtent(w, kw, stride, padding)];
          const graph = checked(`graph g[N] {
            input x: f32[N, ${h}, ${w}, 2]
            input k: f32[${kh}, ${kw}, 2, 3]
            input y: f32[N, ${out[0]}, ${out[1]}, 3]
            output ax = conv2d_op(x, k, ${stride}, "${padding}")
            output ay = adjoint(fn(z) => conv2d_op(z, k, ${stride}, "${padding}"), y, shape=[N, ${h}, ${w}, 2])
          }`);
          const x = random([2, h, w, 2]);
          const y = random([2, ...out, 3]);
          const feeds = new Map([
            ["x", x],
            ["k", random([kh, kw, 2, 3])],
            ["y", y],
          ]);
          // All targets for one size; the others differ in numbers only.
          const results =
            h === 6
              ? await onAll(graph, feeds)
              : interpret(graph, { feeds, variables: new Map(), fetches: ["ax", "ay"] });
          assertAdjoint(x, only(results, "ax"), y, only(results, "ay"), `${kh}x${kw} on ${h}x${w}`);
        }
    });

test("other linear functions and their adjoints", async () => {
  const functions: readonly (readonly [fn: string, from: readonly number[], to: readonly number[]])[] = [
    ["fn(z) => z @ w", [5, 4], [5, 3]],
    ["fn(z) => 2 * z[::2, 1:] - z[1::2, :3]", [6, 4], [3, 3]],
    ["fn(z) => concat([z, -z[:, :2]], axis=1)", [3, 4], [3, 6]],
    ["fn(z) => tensor(i in 4, j in 3: sum(u in 2, v in 3: z[i * 2 + u, j + 2 * v] * w[i, j]))", [8, 7], [4, 3]],
    ["fn(z) => tensor(i in 3: z[i, i] - z[2 - i, 1])", [3, 3], [3]],
    ["fn(z) => tensor(i in 7: z[3 * i - 2] ?? 0.0)", [9], [7]],
    ["fn(z) => tensor(i in 6: z[10 - 2 * i])", [11], [6]],
    ["fn(z) => tensor(i in 4: sum(u in 3: z[2 * i + 3 * u]))", [13], [4]],
    ["fn(z) => cumsum(z, axis=1) / 3", [2, 5], [2, 5]],
    ["fn(z) => mean(z, axis=0, keep=true) + sum(z[:1], axis=1, keep=true)", [4, 3], [1, 3]],
    ["fn(z) => gather(z, [2, 0, 2, 1])", [3, 2], [4, 2]],
    ["fn(z) => transpose(reshape(reverse(z, axis=0), [2, 6]))", [3, 4], [6, 2]],
    ["fn(z) => select(w > 0, z, 0)", [4, 3], [4, 3]],
    ['fn(z) => avg_pool2d(z, 3, 2, "same")', [1, 6, 5, 2], [1, 3, 3, 2]],
    [
      "fn(z) => depthwise_conv2d_op(z, fold(1, [], fn(a, b) => a) * reshape(w, [2, 2, 3, 1]), 2)",
      [1, 5, 6, 3],
      [1, 2, 3, 3],
    ],
    ["fn(z) => { a, b = split(z, 2, axis=1)\n return a - 2 * stop_gradient(b) }", [3, 4], [3, 2]],
  ];
  for (const [written, from, to] of functions) {
    const fn = written.replace("=> {", "{").replace("fold(1, [], fn(a, b) => a) * ", "");
    const graph = checked(`graph g {
      input z: f32[${from.join(", ")}]
      input w: f32[4, 3]
      input y: f32[${to.join(", ")}]
      apply = ${fn}
      output az = apply(z)
      output ay = adjoint(apply, y, shape=[${from.join(", ")}])
      output t = sum(w)
    }`);
    const z = random(from);
    const y = random(to);
    const feeds = new Map([
      ["z", z],
      ["w", random([4, 3])],
      ["y", y],
    ]);
    const results = await onAll(graph, feeds);
    assertAdjoint(z, only(results, "az"), y, only(results, "ay"), written);
  }
});

// ---- transposed convolutions -----------------------------------------------------------------------------------

async function convTranspose(
  x: NdArray,
  k: NdArray,
  strides: readonly [number, number],
  padding: Padding,
): Promise<NdArray> {
  const [kh = 1, kw = 1] = k.shape;
  const image = strides.map((stride, i) => {
    const n = (x.shape[1 + i] ?? 1) * stride;
    return padding === "same" ? n : n + Math.max((k.shape[i] ?? 1) - stride, 0);
  });
  const pads = image.map((n, i) => padsFor(n, k.shape[i] ?? 1, strides[i] ?? 1, padding));
  const model = new OnnxModel(x.shape);
  const kernel = model.node("Transpose", [model.weight(k.shape, Float32Array.from(k.data))], { perm: [3, 2, 0, 1] });
  // What the windows leave of the image is `output_padding`.
  const reached = image.map(
    (_, i) =>
      ((x.shape[1 + i] ?? 1) - 1) * (strides[i] ?? 1) + (k.shape[i] ?? 1) - (pads[i]?.[0] ?? 0) - (pads[i]?.[1] ?? 0),
  );
  const result = model.node("ConvTranspose", [model.node("Transpose", ["x"], { perm: [0, 3, 1, 2] }), kernel], {
    kernel_shape: [kh, kw],
    strides,
    pads: [pads[0]?.[0] ?? 0, pads[1]?.[0] ?? 0, pads[0]?.[1] ?? 0, pads[1]?.[1] ?? 0],
    output_padding: image.map((n, i) => n - (reached[i] ?? n)),
  });
  const session = await InferenceSession.create(
    model.bytes(model.node("Transpose", [result], { perm: [0, 2, 3, 1] }), 4),
    { intraOpNumThreads: 1, interOpNumThreads: 1 },
  );
  try {
    const [y] = Object.values(await session.run({ x: new Tensor("float32", Float32Array.from(x.data), [...x.shape]) }));
    if (!(y?.data instanceof Float32Array)) throw new Error("the oracle gives no floats");
    return { dtype: "f32", shape: y.dims, data: Float64Array.from(y.data) };
  } finally {
    await session.release();
  }
}

test("conv2d_transpose is onnxruntime's ConvTranspose", async () => {
  let count = 0;
  for (const stride of [1, 2, 3])
    for (const padding of ["same", "valid"] as const)
      for (const [kh, kw] of KERNELS) {
        const [h, w] = [4 + (count % 2), 3 + (count % 3)];
        const graph = checked(`graph g[N] {
          input x: f32[N, ${h}, ${w}, 3]
          input k: f32[${kh}, ${kw}, 2, 3]
          output y = conv2d_transpose_op(x, k, ${stride}, "${padding}")
        }`);
        const x = random([2, h, w, 3]);
        const k = random([kh, kw, 2, 3]);
        const feeds = new Map([
          ["x", x],
          ["k", k],
        ]);
        const y = only(await onAll(graph, feeds), "y");
        const expected = await convTranspose(x, k, [stride, stride], padding);
        const largest = expected.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        const apart = difference(y, expected, largest);
        assert.ok(apart <= TOLERANCE, `${kh}x${kw}, stride ${stride}, ${padding}: ${apart}`);
        count++;
      }
  assert.is(count, 30);
});

test("conv1d_transpose grows its signal, also one whose length only the run knows", async () => {
  const graph = checked(`graph g[N, T] {
    input x: f32[N, T, 3]
    output y = conv1d_transpose(x, 2, 4, strides=2, use_bias=false)
    output v = conv2d_transpose_op(x[:, :, new, :], ones([5, 1, 2, 3]), [3, 1], "valid")
  }`);
  const kernel = random([4, 2, 3]);
  const variables = new Map([["conv1d_transpose/kernel", kernel]]);
  const targets = await openTargets(graph, variables);
  for (const t of [1, 4, 7]) {
    const x = random([2, t, 3]);
    const feeds = new Map([["x", x]]);
    const expected = interpret(graph, { feeds, variables, fetches: ["y", "v"] });
    assert.equal(only(expected, "y").shape, [2, 2 * t, 2]);
    assert.equal(only(expected, "v").shape, [2, 3 * t + 2, 1, 2]);
    const image = { ...x, shape: [2, t, 1, 3] };
    const oracle = await convTranspose(image, { ...kernel, shape: [4, 1, 2, 3] }, [2, 1], "same");
    assert.ok(difference({ ...oracle, shape: [2, 2 * t, 2] }, only(expected, "y"), 1) <= TOLERANCE, "onnxruntime");
    const ones = { dtype: "f32" as const, shape: [5, 1, 2, 3], data: new Float64Array(30).fill(1) };
    assert.ok(difference(await convTranspose(image, ones, [3, 1], "valid"), only(expected, "v"), 4) <= TOLERANCE);
    for (const target of TARGETS)
      for (const name of ["y", "v"])
        assert.ok(
          difference((await targets.get(target)?.run(feeds, [name]))?.get(name), only(expected, name), 1) <= TOLERANCE,
        );
  }
});

test("a transposed convolution divides nothing, guards nothing and is a product of matrices", () => {
  const graph = checked(`graph g[N] {
    input x: f32[N, 7, 7, 16]
    param k: f32[5, 5, 8, 16]
    output y = conv2d_transpose_op(x, k, 2)
  }`);
  const { kernels } = runPasses(graph, { verify: true });
  const text = printKernels(kernels);
  const steps = text.slice(text.indexOf("steps:"));
  const products = text.split("\nkernel ").filter((part) => part.includes("sum["));
  assert.is(products.length, 1);
  assert.match(products[0] ?? "", /packed read/, "the kernel is read in panels, made when it changes");
  assert.not.match(products[0] ?? "", / if |mod\(|div\(|select\(/);
  assert.ok(!/pack\(|_padded, k\)/.test(steps), steps);
});

test.run();
