/** Functions of the library beside onnxruntime, and mathematics beside JavaScript's, on the interpreter and every target. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { randomNumbers } from "./ops/cases.ts";
import { checked, difference } from "./oracle/compare.ts";
import { normal } from "./oracle/network.ts";
import { OnnxModel } from "./oracle/onnx.ts";
import { openTargets } from "./oracle/targets.ts";

/** A weight by the name of its variable. */
type Weights = (name: string) => { readonly shape: readonly number[]; readonly data: Float32Array };

interface Comparison {
  /** The body of a graph with an input `x` and an output `y`. */
  readonly body: string;
  readonly x: readonly number[];
  /** Other elements of x than normal ones. */
  readonly element?: (random: number, i: number) => number;
  /** The node whose value is y. */
  readonly onnx: (model: OnnxModel, weights: Weights) => string;
  readonly opset?: number;
  /** Other than 1e-5 of the largest element. */
  readonly tolerance?: number;
}

const array = (shape: readonly number[], data: Float32Array): NdArray => ({
  dtype: "f32",
  shape,
  data: Float64Array.from(data),
});

async function evaluateAll(
  graph: Graph,
  x: NdArray,
  variables: ReadonlyMap<string, NdArray>,
): Promise<Map<string, NdArray | undefined>> {
  const feeds = new Map([["x", x]]);
  const found = new Map<string, NdArray | undefined>();
  found.set("interpreter", interpret(graph, { feeds, variables, fetches: ["y"] }).get("y"));
  for (const [target, opened] of await openTargets(graph, variables))
    found.set(target, (await opened.run(feeds, ["y"])).get("y"));
  return found;
}

async function compare({ body, x: shape, element, onnx, opset = 17, tolerance = 1e-5 }: Comparison): Promise<void> {
  const graph = checked(
    `import * as signal from "std/signal"\ngraph g {\n  input x: f32[${shape.join(", ")}]\n  ${body}\n}`,
  );
  const next = randomNumbers(7);
  const random = (count: number): Float32Array => Float32Array.from({ length: count }, () => normal(next));
  const values = Float32Array.from(random(elementsOf(shape)), (value, i) => element?.(value, i) ?? value);
  const weights = new Map(
    graph.variables.map(({ name, shape: of }) => [name, { shape: of, data: random(elementsOf(of)).map((w) => w / 2) }]),
  );
  const model = new OnnxModel(shape, opset);
  const used = new Set<string>();
  const result = onnx(model, (name) => {
    const weight = weights.get(name);
    if (!weight) throw new Error(`no variable ${name}; there are ${[...weights.keys()].join(", ")}`);
    used.add(name);
    return weight;
  });
  assert.equal([...used].sort(), [...weights.keys()].sort(), "the oracle has every weight");
  const output = graph.outputs.find(({ name }) => name === "y");
  const rank = graph.values[output?.value ?? -1]?.type.shape.length ?? 0;
  const session = await InferenceSession.create(model.bytes(result, rank), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const { [result]: y } = await session.run({ x: new Tensor("float32", values, [...shape]) });
  await session.release();
  if (!(y?.data instanceof Float32Array)) throw new Error("the oracle gives no floats");
  const expected = array(y.dims, y.data);
  const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(largest > 0, "the oracle gives more than zeros");
  const variables = new Map([...weights].map(([name, weight]) => [name, array(weight.shape, weight.data)]));
  for (const [target, actual] of await evaluateAll(graph, array(shape, values), variables)) {
    const apart = difference(actual, expected, largest);
    assert.ok(apart < tolerance, `${target} differs by ${apart} of the largest element`);
  }
}

// ---- element by element --------------------------------------------------------------------------------------

const simple = (
  call: string,
  op: string,
  attributes: Parameters<OnnxModel["node"]>[2] = {},
  more: Partial<Comparison> = {},
) => ({
  body: `output y = ${call}`,
  x: [5, 13],
  element: (value: number) => 3 * value,
  onnx: (model: OnnxModel) => model.node(op, ["x"], attributes),
  ...more,
});
const within = (low: number, high: number) => ({
  element: (value: number) => low + (high - low) * (0.5 + Math.atan(value) / Math.PI),
});

const elementwise: Readonly<Record<string, Comparison>> = {
  relu: simple("relu(x)", "Relu"),
  leaky_relu: simple("leaky_relu(x, 0.1)", "LeakyRelu", { alpha: { float: 0.1 } }),
  elu: simple("elu(x, 1.5)", "Elu", { alpha: { float: 1.5 } }),
  selu: simple("selu(x)", "Selu"),
  celu: simple("celu(x, 0.7)", "Celu", { alpha: { float: 0.7 } }),
  gelu: simple("gelu(x)", "Gelu", { approximate: "tanh" }, { opset: 20 }),
  gelu_erf: simple("gelu_erf(x)", "Gelu", {}, { opset: 20 }),
  sigmoid: simple("sigmoid(x)", "Sigmoid"),
  silu: { ...simple("silu(x)", ""), onnx: (model) => model.node("Mul", ["x", model.node("Sigmoid", ["x"])]) },
  softplus: simple("softplus(x)", "Softplus"),
  softsign: simple("softsign(x)", "Softsign"),
  mish: simple("mish(x)", "Mish", {}, { opset: 18 }),
  hard_swish: simple("hard_swish(x)", "HardSwish"),
  hard_sigmoid: simple("hard_sigmoid(x)", "HardSigmoid", { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  hard_shrink: simple("hard_shrink(x, 0.8)", "Shrink", { lambd: { float: 0.8 } }),
  soft_shrink: simple("soft_shrink(x, 0.8)", "Shrink", { lambd: { float: 0.8 }, bias: { float: 0.8 } }),
  softmax: simple("softmax(x)", "Softmax"),
  log_softmax: simple("log_softmax(x)", "LogSoftmax"),
  tan: simple("tan(x)", "Tan", {}, within(-1.4, 1.4)),
  asin: simple("asin(x)", "Asin", {}, within(-1, 1)),
  acos: simple("acos(x)", "Acos", {}, within(-1, 1)),
  atan: simple("atan(x)", "Atan"),
  sinh: simple("sinh(x)", "Sinh"),
  cosh: simple("cosh(x)", "Cosh"),
  asinh: simple("asinh(x)", "Asinh"),
  acosh: simple("acosh(x)", "Acosh", {}, within(1, 9)),
  atanh: simple("atanh(x)", "Atanh", {}, within(-0.99, 0.99)),
  logsumexp: simple("logsumexp(x)", "ReduceLogSumExp", { axes: [-1], keepdims: 0 }),
  tril: { ...simple("tril(x, 2)", ""), onnx: (model) => model.node("Trilu", ["x", model.integer(2)], { upper: 0 }) },
  triu: { ...simple("triu(x, -1)", ""), onnx: (model) => model.node("Trilu", ["x", model.integer(-1)], { upper: 1 }) },
  l2_normalize: simple("l2_normalize(x)", "LpNormalization", { axis: -1, p: 2 }),
};

// ---- images and sequences ------------------------------------------------------------------------------------

const toFront = (model: OnnxModel, x: string): string => model.node("Transpose", [x], { perm: [0, 3, 1, 2] });
const toBack = (model: OnnxModel, x: string): string => model.node("Transpose", [x], { perm: [0, 2, 3, 1] });
const weightOf = (model: OnnxModel, weights: Weights, name: string): string => {
  const { shape, data } = weights(name);
  return model.weight(shape, data);
};
/** A kernel HWIO as OIHW. */
const kernelOf = (model: OnnxModel, weights: Weights, name: string): string =>
  model.node("Transpose", [weightOf(model, weights, name)], { perm: [3, 2, 0, 1] });

/** A layer with a kernel HWIO and a bias. */
const convolution =
  (layer: string, attributes: Parameters<OnnxModel["node"]>[2]): Comparison["onnx"] =>
  (model, weights) => {
    const kernel = kernelOf(model, weights, `${layer}/kernel`);
    const bias = weightOf(model, weights, `${layer}/bias`);
    return toBack(model, model.node("Conv", [toFront(model, "x"), kernel, bias], attributes));
  };

const images: Readonly<Record<string, Comparison>> = {
  "conv1d with stride 2": {
    body: `output y = conv1d(x, 5, 3, strides=2, padding="same")`,
    x: [2, 9, 3],
    onnx(model, weights) {
      const kernel = model.node("Transpose", [weightOf(model, weights, "conv1d/kernel")], { perm: [2, 1, 0] });
      const x = model.node("Transpose", ["x"], { perm: [0, 2, 1] });
      const z = model.node("Conv", [x, kernel, weightOf(model, weights, "conv1d/bias")], {
        strides: [2],
        auto_pad: "SAME_UPPER",
      });
      return model.node("Transpose", [z], { perm: [0, 2, 1] });
    },
  },
  dilated_conv2d: {
    body: `output y = dilated_conv2d(x, 4, 3, dilation=[2, 3])`,
    x: [2, 9, 10, 3],
    onnx: convolution("dilated_conv2d", { dilations: [2, 3], pads: [2, 3, 2, 3] }),
  },
  grouped_conv2d: {
    body: `output y = grouped_conv2d(x, 6, 3, groups=3, strides=2)`,
    x: [2, 9, 10, 12],
    onnx: convolution("grouped_conv2d", { group: 3, strides: [2, 2] }),
  },
  conv3d: {
    body: `output y = conv3d(x, 4, [2, 3, 2], strides=[1, 2, 1], padding="same")`,
    x: [2, 4, 5, 6, 3],
    onnx(model, weights) {
      const kernel = model.node("Transpose", [weightOf(model, weights, "conv3d/kernel")], { perm: [4, 3, 0, 1, 2] });
      const x = model.node("Transpose", ["x"], { perm: [0, 4, 1, 2, 3] });
      const z = model.node("Conv", [x, kernel, weightOf(model, weights, "conv3d/bias")], {
        strides: [1, 2, 1],
        auto_pad: "SAME_UPPER",
      });
      return model.node("Transpose", [z], { perm: [0, 2, 3, 4, 1] });
    },
  },
  "conv2d_transpose, valid": {
    body: `output y = conv2d_transpose(x, 4, 3, strides=2, padding="valid")`,
    x: [2, 4, 5, 3],
    onnx(model, weights) {
      // HWOI as IOHW.
      const kernel = model.node("Transpose", [weightOf(model, weights, "conv2d_transpose/kernel")], {
        perm: [3, 2, 0, 1],
      });
      const inputs = [toFront(model, "x"), kernel, weightOf(model, weights, "conv2d_transpose/bias")];
      return toBack(model, model.node("ConvTranspose", inputs, { strides: [2, 2] }));
    },
  },
  "conv1d_transpose, same": {
    body: `output y = conv1d_transpose(x, 4, 4, strides=2)`,
    x: [2, 6, 3],
    onnx(model, weights) {
      const kernel = model.node("Transpose", [weightOf(model, weights, "conv1d_transpose/kernel")], {
        perm: [2, 1, 0],
      });
      const x = model.node("Transpose", ["x"], { perm: [0, 2, 1] });
      const inputs = [x, kernel, weightOf(model, weights, "conv1d_transpose/bias")];
      return model.node("Transpose", [model.node("ConvTranspose", inputs, { strides: [2], pads: [1, 1] })], {
        perm: [0, 2, 1],
      });
    },
  },
  avg_pool1d: {
    body: `output y = avg_pool1d(x, 3, 2, padding="same")`,
    x: [2, 10, 3],
    onnx: (model) =>
      model.node(
        "Transpose",
        [
          model.node("AveragePool", [model.node("Transpose", ["x"], { perm: [0, 2, 1] })], {
            kernel_shape: [3],
            strides: [2],
            auto_pad: "SAME_UPPER",
          }),
        ],
        { perm: [0, 2, 1] },
      ),
  },
  max_pool1d: {
    body: `output y = max_pool1d(x, 3, 2)`,
    x: [2, 10, 3],
    onnx: (model) =>
      model.node(
        "Transpose",
        [
          model.node("MaxPool", [model.node("Transpose", ["x"], { perm: [0, 2, 1] })], {
            kernel_shape: [3],
            strides: [2],
          }),
        ],
        { perm: [0, 2, 1] },
      ),
  },
  "resize_bilinear, larger and smaller": {
    body: `output y = resize_bilinear(x, [11, 3])`,
    x: [2, 4, 7, 3],
    onnx: (model) =>
      toBack(
        model,
        model.node("Resize", [toFront(model, "x"), "", "", model.ints(2, 3, 11, 3)], {
          mode: "linear",
          coordinate_transformation_mode: "half_pixel",
        }),
      ),
  },
  resize_nearest: {
    body: `output y = resize_nearest(x, [11, 3])`,
    x: [2, 4, 7, 3],
    onnx: (model) =>
      toBack(
        model,
        model.node("Resize", [toFront(model, "x"), "", "", model.ints(2, 3, 11, 3)], {
          mode: "nearest",
          coordinate_transformation_mode: "half_pixel",
          nearest_mode: "round_prefer_ceil",
        }),
      ),
  },
  depth_to_space: {
    body: `output y = depth_to_space(x, 2)`,
    x: [2, 3, 4, 12],
    onnx: (model) => toBack(model, model.node("DepthToSpace", [toFront(model, "x")], { blocksize: 2, mode: "DCR" })),
  },
  space_to_depth: {
    body: `output y = space_to_depth(x, 2)`,
    x: [2, 4, 6, 3],
    onnx: (model) => toBack(model, model.node("SpaceToDepth", [toFront(model, "x")], { blocksize: 2 })),
  },
  prelu: {
    body: `output y = prelu(x)`,
    x: [5, 13],
    onnx: (model, weights) => model.node("PRelu", ["x", weightOf(model, weights, "prelu/alpha")]),
  },
};

// ---- normalisation -------------------------------------------------------------------------------------------

const norms: Readonly<Record<string, Comparison>> = {
  layer_norm: {
    body: `output y = layer_norm(x)`,
    x: [3, 5, 16],
    onnx: (model, weights) =>
      model.node(
        "LayerNormalization",
        ["x", weightOf(model, weights, "layer_norm/gamma"), weightOf(model, weights, "layer_norm/beta")],
        { epsilon: { float: 1e-5 } },
      ),
  },
  rms_norm: {
    body: `output y = rms_norm(x)`,
    x: [3, 5, 16],
    opset: 23,
    onnx: (model, weights) =>
      model.node("RMSNormalization", ["x", weightOf(model, weights, "rms_norm/gamma")], { epsilon: { float: 1e-6 } }),
  },
  instance_norm: {
    body: `output y = instance_norm(x)`,
    x: [3, 4, 5, 6],
    onnx: (model, weights) =>
      toBack(
        model,
        model.node(
          "InstanceNormalization",
          [
            toFront(model, "x"),
            weightOf(model, weights, "instance_norm/gamma"),
            weightOf(model, weights, "instance_norm/beta"),
          ],
          { epsilon: { float: 1e-5 } },
        ),
      ),
  },
  group_norm: {
    body: `output y = group_norm(x, groups=3)`,
    x: [3, 4, 5, 6],
    opset: 21,
    onnx: (model, weights) =>
      toBack(
        model,
        model.node(
          "GroupNormalization",
          [
            toFront(model, "x"),
            weightOf(model, weights, "group_norm/gamma"),
            weightOf(model, weights, "group_norm/beta"),
          ],
          { epsilon: { float: 1e-5 }, num_groups: 3 },
        ),
      ),
  },
};

// ---- recurrent networks --------------------------------------------------------------------------------------

/**
 * Kernels f32[I + H, gates · H] and biases as ONNX has them: W f32[1, G · H, I], R f32[1, G · H, H], B f32[1, 2 · G · H],
 * with our gates in the order of `order`.
 */
function recurrent(
  model: OnnxModel,
  parts: readonly {
    readonly kernel: ReturnType<Weights>;
    readonly bias: ReturnType<Weights>;
    readonly gate: number;
    readonly shift?: number;
  }[],
  sizes: { readonly inputs: number; readonly units: number },
): string[] {
  const { inputs, units } = sizes;
  const gates = parts.length;
  const w = new Float32Array(gates * units * inputs);
  const r = new Float32Array(gates * units * units);
  const b = new Float32Array(2 * gates * units);
  for (const [g, { kernel, bias, gate, shift = 0 }] of parts.entries()) {
    const columns = kernel.shape[1] ?? 0;
    for (let h = 0; h < units; h++) {
      const column = gate * units + h;
      for (let i = 0; i < inputs; i++)
        w[(g * units + h) * inputs + i] = kernel.data[i * columns + column] ?? Number.NaN;
      for (let k = 0; k < units; k++)
        r[(g * units + h) * units + k] = kernel.data[(inputs + k) * columns + column] ?? Number.NaN;
      b[g * units + h] = (bias.data[column] ?? Number.NaN) + shift;
    }
  }
  return [
    model.weight([1, gates * units, inputs], w),
    model.weight([1, gates * units, units], r),
    model.weight([1, 2 * gates * units], b),
  ];
}

/** [B, T, I] to [T, B, I], the node, and [T, 1, B, H] to [B, T, H]. */
function overTime(
  model: OnnxModel,
  op: string,
  weights: readonly string[],
  attributes: Parameters<OnnxModel["node"]>[2],
): string {
  const x = model.node("Transpose", ["x"], { perm: [1, 0, 2] });
  const y = model.node(op, [x, ...weights], attributes);
  return model.node("Transpose", [model.node("Squeeze", [y, model.ints(1)])], { perm: [1, 0, 2] });
}

const sizes = { inputs: 5, units: 7 };
const sequences: Readonly<Record<string, Comparison>> = {
  rnn: {
    body: "output y = rnn(x, 7)",
    x: [3, 6, 5],
    onnx(model, weights) {
      const [kernel, bias] = [weights("rnn/rnn_cell/kernel"), weights("rnn/rnn_cell/bias")];
      return overTime(model, "RNN", recurrent(model, [{ kernel, bias, gate: 0 }], sizes), { hidden_size: 7 });
    },
  },
  // Ours are i, j, f, o, and the forget gate has 1 added; theirs i, o, f, c.
  lstm: {
    body: "output y = lstm(x, 7)",
    x: [3, 6, 5],
    onnx(model, weights) {
      const [kernel, bias] = [weights("lstm/basic_lstm_cell/kernel"), weights("lstm/basic_lstm_cell/bias")];
      const parts = [{ gate: 0 }, { gate: 3 }, { gate: 2, shift: 1 }, { gate: 1 }].map((part) => ({
        kernel,
        bias,
        ...part,
      }));
      return overTime(model, "LSTM", recurrent(model, parts, sizes), { hidden_size: 7 });
    },
  },
  // Ours are r, u and the candidate; theirs z, r, h.
  gru: {
    body: "output y = gru(x, 7)",
    x: [3, 6, 5],
    onnx(model, weights) {
      const [kernel, bias] = [weights("gru/gru_cell/gates/kernel"), weights("gru/gru_cell/gates/bias")];
      const candidate = {
        kernel: weights("gru/gru_cell/candidate/kernel"),
        bias: weights("gru/gru_cell/candidate/bias"),
        gate: 0,
      };
      const parts = [{ kernel, bias, gate: 1 }, { kernel, bias, gate: 0 }, candidate];
      return overTime(model, "GRU", recurrent(model, parts, sizes), { hidden_size: 7, linear_before_reset: 0 });
    },
  },
  "gru, reset after the recurrent kernel": {
    body: "output y = gru(x, 7, reset_after=true)",
    x: [3, 6, 5],
    onnx(model, weights) {
      const transposed = (name: string): string =>
        model.node("Unsqueeze", [
          model.node("Transpose", [weightOf(model, weights, name)], { perm: [1, 0] }),
          model.ints(0),
        ]);
      const bias = model.node("Reshape", [weightOf(model, weights, "gru/gru_cell/bias"), model.ints(1, -1)]);
      const inputs = [transposed("gru/gru_cell/kernel"), transposed("gru/gru_cell/recurrent_kernel"), bias];
      return overTime(model, "GRU", inputs, { hidden_size: 7, linear_before_reset: 1 });
    },
  },
  // x holds queries, keys and values one behind the other.
  ...Object.fromEntries(
    [false, true].map((causal): [string, Comparison] => [
      `dot_product_attention${causal ? ", causal" : ""}`,
      {
        body: `output y = dot_product_attention(x[0], x[1], x[2], causal=${causal})`,
        x: [3, 2, 4, 6, 8],
        opset: 23,
        onnx(model) {
          const [q, k, v] = [0, 1, 2].map((i) => model.node("Gather", ["x", model.integer(i)]));
          return model.node("Attention", [q ?? "", k ?? "", v ?? ""], { is_causal: Number(causal) });
        },
      },
    ]),
  ),
  rotary: {
    body: "output y = rotary(x)",
    x: [2, 3, 5, 8],
    opset: 23,
    onnx(model) {
      const angles = Array.from({ length: 5 * 4 }, (_, i) => Math.floor(i / 4) / 10000 ** ((2 * (i % 4)) / 8));
      const table = (fn: (angle: number) => number): string =>
        model.node("Expand", [model.weight([1, 5, 4], Float32Array.from(angles, fn)), model.ints(2, 5, 4)]);
      return model.node("RotaryEmbedding", ["x", table(Math.cos), table(Math.sin)]);
    },
  },
  attention: {
    body: "output y = attention(x, heads=2, causal=true)",
    x: [2, 5, 8],
    opset: 23,
    tolerance: 2e-5,
    onnx(model, weights) {
      const dense = (x: string, name: string): string =>
        model.node("Add", [
          model.node("MatMul", [x, weightOf(model, weights, `attention/${name}/kernel`)]),
          weightOf(model, weights, `attention/${name}/bias`),
        ]);
      const qkv = dense("x", "qkv");
      const [q, k, v] = [0, 1, 2].map((part) => model.node("Split", [qkv], { axis: -1, num_outputs: 3 }, 3, part));
      const heads = { q_num_heads: 2, kv_num_heads: 2, is_causal: 1 };
      return dense(model.node("Attention", [q ?? "", k ?? "", v ?? ""], heads), "proj");
    },
  },
};

// ---- losses and signals --------------------------------------------------------------------------------------

const others: Readonly<Record<string, Comparison>> = {
  sparse_softmax_cross_entropy: {
    body: "output y = sparse_softmax_cross_entropy(x, [2, 0, 4, 1])",
    x: [4, 5],
    onnx: (model) => model.node("SoftmaxCrossEntropyLoss", ["x", model.ints(2, 0, 4, 1)], { reduction: "none" }),
  },
  nll: {
    body: "output y = nll(x, [2, 0, 4, 1])",
    x: [4, 5],
    onnx: (model) => model.node("NegativeLogLikelihoodLoss", ["x", model.ints(2, 0, 4, 1)], { reduction: "none" }),
  },
  ...Object.fromEntries(
    ["Hann", "Blackman"].map((name): [string, Comparison] => [
      `${name.toLowerCase()}_window`,
      {
        body: `output y = x * signal.${name.toLowerCase()}_window(16)`,
        x: [16],
        onnx: (model) => model.node("Mul", ["x", model.node(`${name}Window`, [model.integer(16)])]),
      },
    ]),
  ),
  stft: {
    body: `s = signal.stft(x, 16, 6)\n  output y = stack([s.re, s.im], axis=-1)`,
    x: [2, 50],
    onnx(model) {
      const signal = model.node("Unsqueeze", ["x", model.ints(-1)]);
      const window = model.node("HannWindow", [model.integer(16)]);
      return model.node("STFT", [signal, model.integer(6), window, model.integer(16)], { onesided: 1 });
    },
  },
};

const oracle = suite("the library beside onnxruntime");
for (const table of [elementwise, images, norms, sequences, others])
  for (const [name, comparison] of Object.entries(table)) oracle(name, () => compare(comparison));

oracle("attention with a cache, fed in parts, is causal attention to the whole", async () => {
  const whole = checked("graph g {\n  input x: f32[2, 7, 8]\n  output y = attention(x, heads=2, causal=true)\n}");
  const cached = checked(
    "graph g[T] where T <= 9 {\n  input x: f32[2, T, 8]\n  input position: i32\n  output y = attention_with_cache(x, position, heads=2, context=9)\n}",
  );
  const next = randomNumbers(11);
  const random = (shape: readonly number[]): NdArray =>
    array(
      shape,
      Float32Array.from({ length: elementsOf(shape) }, () => normal(next)),
    );
  const weights = new Map(whole.variables.map(({ name, shape }) => [name, random(shape)]));
  const x = random([2, 7, 8]);
  const expected = interpret(whole, { feeds: new Map([["x", x]]), variables: weights, fetches: ["y"] }).get("y");
  if (!expected) throw new Error("the interpreter gives no y");
  const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const trained = new Map(
    [...weights].map(([name, value]) => [name.replace("attention/", "attention_with_cache/"), value]),
  );
  assert.equal(
    cached.variables.map(({ name }) => name).filter((name) => !trained.has(name)),
    ["attention_with_cache/keys", "attention_with_cache/values"],
  );
  const cut = (value: NdArray, from: number, to: number): NdArray => ({
    ...value,
    shape: [2, to - from, 8],
    data: Float64Array.from([0, 1].flatMap((b) => [...value.data.slice((b * 7 + from) * 8, (b * 7 + to) * 8)])),
  });
  for (const [target, opened] of await openTargets(cached, trained))
    for (const [from, to] of [
      [0, 3],
      [3, 4],
      [4, 7],
    ] as const) {
      const position: NdArray = { dtype: "i32", shape: [], data: Float64Array.of(from) };
      const feeds = new Map([
        ["x", cut(x, from, to)],
        ["position", position],
      ]);
      const apart = difference((await opened.run(feeds, ["y"])).get("y"), cut(expected, from, to), largest);
      assert.ok(apart < 1e-5, `${target}: positions ${from} to ${to} differ by ${apart}`);
    }
});

// ---- mathematics ---------------------------------------------------------------------------------------------

/** Largest error as a part of the value, or of `floor` where that is larger. */
async function worstOf(
  call: string,
  points: readonly number[],
  exact: (x: number) => number,
  floor: number,
): Promise<Map<string, number>> {
  const x = Float32Array.from(points);
  const graph = checked(`graph g {\n  input x: f32[${x.length}]\n  output y = ${call}\n}`);
  const worst = new Map<string, number>();
  for (const [target, y] of await evaluateAll(graph, array([x.length], x), new Map())) {
    let most = 0;
    for (const [i, value] of x.entries()) {
      const expected = exact(value);
      const apart = Math.abs((y?.data[i] ?? Number.NaN) - expected) / Math.max(Math.abs(expected), floor);
      // Not a comparison with `most` alone: NaN is larger than nothing.
      if (!(apart <= most)) most = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
    }
    worst.set(target, most);
  }
  return worst;
}

/** Both signs of powers from `low` to `high`. */
const powers = (low: number, high: number, signs: readonly number[] = [1, -1]): number[] =>
  Array.from({ length: 400 }, (_, i) => low * (high / low) ** (i / 399)).flatMap((x) => signs.map((sign) => sign * x));

const maths: readonly (readonly [string, readonly number[], (x: number) => number, number])[] = [
  ["log1p(x)", [...powers(1e-8, 1e8, [1]), ...powers(1e-8, 0.999, [-1])], Math.log1p, 0],
  ["expm1(x)", [...powers(1e-8, 80, [1]), ...powers(1e-8, 80, [-1])], Math.expm1, 0],
  ["log2(x)", powers(1e-30, 1e30, [1]), Math.log2, 1],
  ["log10(x)", powers(1e-30, 1e30, [1]), Math.log10, 1],
  ["exp2(x)", powers(1e-3, 120), (x) => 2 ** x, 0],
  ["cbrt(x)", powers(1e-30, 1e30), Math.cbrt, 0],
  ["tan(x)", powers(1e-6, 1.5), Math.tan, 0],
  ["atan(x)", powers(1e-8, 1e8), Math.atan, 0],
  ["asin(x)", powers(1e-8, 1), Math.asin, 0],
  ["acos(x)", powers(1e-8, 1), Math.acos, 0.02],
  ["sinh(x)", powers(1e-8, 80), Math.sinh, 0],
  ["cosh(x)", powers(1e-8, 80), Math.cosh, 0],
  ["asinh(x)", powers(1e-8, 1e30), Math.asinh, 0],
  ["acosh(x)", powers(1e-6, 1e30, [1]).map((x) => 1 + x), Math.acosh, 0],
  ["atanh(x)", powers(1e-8, 0.999), Math.atanh, 0],
  ["atan2(x, 0.5 * x * x - 1)", powers(1e-3, 1e3), (x) => Math.atan2(x, 0.5 * x * x - 1), 0.5],
  ["hypot(x, 3.0 - x)", powers(1e-3, 1e3), (x) => Math.hypot(x, 3 - x), 0],
  [
    "softplus(x)",
    [...powers(1e-3, 80, [1]), ...powers(1e-3, 80, [-1])],
    (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    0,
  ],
];

for (const [call, points, exact, floor] of maths)
  oracle(`${call} beside JavaScript's, at ${points.length} points`, async () => {
    // The interpreter has all digits of float64; its polynomials are made for f32.
    for (const [target, most] of await worstOf(call, points, exact, floor))
      assert.ok(most < 2e-6, `${target}: ${call} is off by ${most}`);
  });

oracle.run();
