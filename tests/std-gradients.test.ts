/**
 * Gradients of the library's functions: against central differences in float64 at ordinary points, and finite at the
 * points where a careless formula gives 0 / 0 or infinity times 0.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../compiler/interpret.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { initialValues } from "./initial-values.ts";
import { checked } from "./oracle/compare.ts";
import { randomNumbers } from "./ops/cases.ts";

const gradients = suite("gradients of the library");
const STEP = 1e-5;

/** Evaluates the sum of y² + y, and its gradient, at points of a shape. */
function lossOf(expression: string, shape: readonly number[], rounding: "float64" | "dtype") {
  const type = `f32[${shape.join(", ")}]`;
  const graph = checked(
    `import * as signal from "std/signal"\ngraph g {\n  input x: ${type}\n  y = ${expression}\n  output loss = sum(y * y + y)\n  output dx = grad(loss, x)\n}`,
  );
  const variables = new Map(graph.variables.map((variable) => [variable.name, initialValues(variable)]));
  return (data: Float64Array): { readonly loss: number; readonly dx: Float64Array } => {
    const feeds = new Map<string, NdArray>([["x", { dtype: "f32", shape, data }]]);
    const results = interpret(graph, { feeds, variables, fetches: ["loss", "dx"], rounding });
    return { loss: results.get("loss")?.data[0] ?? Number.NaN, dx: results.get("dx")?.data ?? new Float64Array() };
  };
}

interface Smooth {
  readonly shape?: readonly number[];
  /** Within these; both signs from 0.2 to 1.7 unless given. */
  readonly within?: readonly [number, number];
  /** The formula is exact to the digits of f32 only: its polynomials are. */
  readonly tolerance?: number;
}

const smooth: Readonly<Record<string, Smooth>> = {
  ...Object.fromEntries(
    (
      "relu relu6 leaky_relu hard_tanh hard_sigmoid hard_swish soft_shrink sigmoid log_sigmoid silu softplus softsign tanh_shrink mish elu selu celu gelu gelu_erf softmax log_softmax softmin " +
      "square reciprocal cbrt exp2 expm1 sinh cosh asinh sinc logsumexp variance stddev norm l2_normalize median cumsum frac"
    )
      .split(" ")
      .map((name) => [`${name}(x)`, {}]),
  ),
  "glu(x)": { shape: [3, 4] },
  "swiglu(x)": { shape: [3, 4] },
  "tan(x)": { within: [-1.2, 1.2] },
  "log1p(x)": { within: [-0.9, 2] },
  "log2(x)": { within: [0.1, 2] },
  "log10(x)": { within: [0.1, 2] },
  "acosh(x)": { within: [1.1, 3] },
  "atanh(x)": { within: [-0.9, 0.9] },
  "asin(x)": { within: [-0.9, 0.9], tolerance: 1e-5 },
  "acos(x)": { within: [-0.9, 0.9], tolerance: 1e-5 },
  "atan(x)": { tolerance: 1e-5 },
  "atan2(x, x[:, ::-1] + 0.1)": { tolerance: 1e-5 },
  "hypot(x, x[:, ::-1])": {},
  "logaddexp(x, 2.0 * x[:, ::-1])": {},
  "lerp(x, 2.0 * x[:, ::-1], 0.3)": {},
  "smoothstep(x)": {},
  "masked_mean(x, x > 0.0)": {},
  "tril(x)": {},
  "trace(x @ transpose(x))": {},
  "outer(x[0], x[1])": {},
  "kron(x, x)": {},
  "cross(x[:, :3], x[:, 1:4])": { shape: [2, 4] },
  "mse(x, x[:, ::-1] ** 2)": {},
  "mae(x, 0.5 * x[:, ::-1])": {},
  "huber(x, 3.0 * x[:, ::-1])": {},
  "log_cosh(x, 2.0 * x[:, ::-1])": {},
  "quantile_loss(x, 2.0 * x[:, ::-1], 0.2)": {},
  "poisson_loss(x, abs(x))": {},
  "gaussian_nll(x, x[:, ::-1], 2.0 * x)": {},
  "sparse_softmax_cross_entropy(x, [2, 0, 1])": {},
  "sparse_softmax_cross_entropy(x, [2, 0, 1], label_smoothing=0.2)": {},
  "softmax_cross_entropy(x, softmax(2.0 * x))": {},
  "sigmoid_cross_entropy(x, sigmoid(2.0 * x))": {},
  "binary_cross_entropy(sigmoid(x), sigmoid(2.0 * x))": {},
  "sigmoid_focal_loss(x, sigmoid(2.0 * x))": {},
  "hinge(x, sign(x[:, ::-1]))": {},
  "squared_hinge(x, sign(x[:, ::-1]))": {},
  "kl_divergence(softmax(x), softmax(2.0 * x))": {},
  "kl_normal(x, 0.5 * x)": {},
  "cosine_similarity(x, x[:, ::-1] ** 2)": {},
  "triplet_loss(x, 0.5 * x[:, ::-1], 3.0 * x)": {},
  "contrastive_loss(x, 0.5 * x[:, ::-1], [1.0, 0.0, 0.3], margin=9.0)": {},
  "dice_loss(sigmoid(x), sigmoid(2.0 * x))": {},
  "correlation(x, x[:, ::-1] ** 2)": {},
  "r2_score(x, x[:, ::-1] ** 2)": {},
  "dense(x, 3, act=tanh)": {},
  "bilinear(x, 2.0 * x[:, ::-1], 2)": {},
  "prelu(x)": {},
  "layer_norm(x)": {},
  "rms_norm(x)": {},
  "batch_norm(x)": {},
  "group_norm(x, groups=2)": { shape: [2, 3, 2, 4] },
  "instance_norm(x)": { shape: [2, 3, 2, 4] },
  "local_response_norm(x, radius=1)": {},
  'conv1d(x, 3, 3, strides=2, padding="same")': { shape: [2, 6, 2] },
  'conv2d(x, 3, 3, strides=2, padding="same")': { shape: [2, 5, 4, 2] },
  "depthwise_conv2d(x, 2, multiplier=2)": { shape: [2, 4, 3, 2] },
  "separable_conv2d(x, 3, 2)": { shape: [2, 4, 3, 2] },
  "causal_conv1d(x, 3, 2, dilation=2)": { shape: [2, 6, 2] },
  "dilated_conv2d(x, 2, 2, dilation=2)": { shape: [1, 4, 4, 2] },
  "grouped_conv2d(x, 4, 2, groups=2)": { shape: [2, 4, 3, 4] },
  "conv3d(x, 2, 2)": { shape: [1, 3, 3, 3, 2] },
  "conv2d_transpose(x, 2, 3, strides=2)": { shape: [2, 3, 2, 2] },
  "conv1d_transpose(x, 2, 3, strides=2)": { shape: [2, 4, 2] },
  "max_pool2d(x)": { shape: [2, 4, 5, 2] },
  'avg_pool2d(x, 3, 2, padding="same")': { shape: [2, 4, 5, 2] },
  "max_pool1d(x)": { shape: [2, 6, 2] },
  'avg_pool1d(x, 3, 2, padding="same")': { shape: [2, 6, 2] },
  "global_avg_pool(x)": { shape: [2, 4, 5, 2] },
  "global_max_pool(x)": { shape: [2, 4, 5, 2] },
  "upsample_nearest(x)": { shape: [1, 2, 3, 2] },
  "resize_nearest(x, 5)": { shape: [1, 2, 3, 2] },
  "resize_bilinear(x, [5, 2])": { shape: [1, 2, 3, 2] },
  "reflect_pad2d(x)": { shape: [1, 2, 3, 2] },
  "zero_pad2d(x)": { shape: [1, 2, 3, 2] },
  "crop2d(x)": { shape: [1, 4, 3, 2] },
  "depth_to_space(x, 2)": { shape: [1, 2, 3, 8] },
  "space_to_depth(x, 2)": { shape: [1, 2, 4, 3] },
  "dot_product_attention(x, 2.0 * x, x ** 2, causal=true)": { shape: [2, 3, 4] },
  "masked_dot_product_attention(x, 2.0 * x, x ** 2, tensor(t in 3, s in 3: t != 1 && s < 2))": { shape: [2, 3, 4] },
  "attention(x, heads=2, causal=true)": { shape: [2, 3, 4] },
  "cross_attention(x, 2.0 * x[:, :2], heads=2)": { shape: [2, 3, 4] },
  "transformer_block(x, heads=2, hidden=6)": { shape: [2, 3, 4] },
  "learned_positions(x, 5)": { shape: [2, 3, 4] },
  "rotary(x)": { shape: [2, 3, 4] },
  "rnn_cell(x, 0.5 * x[:, :2])": {},
  "lstm_cell(x, 0.5 * x[:, :2], x[:, 1:3]).h": {},
  "gru_cell(x, 0.5 * x[:, :2])": {},
  "gru_cell_reset_after(x, 0.5 * x[:, :2])": {},
  "signal.power_spectrogram(x, 4, 2)": { shape: [2, 8] },
  "signal.magnitude_spectrogram(x, 4, 2)": { shape: [2, 8] },
  "signal.fir_filter(x, [0.5, 1.0, -0.25])": { shape: [2, 8] },
  "signal.dct(x)": { shape: [2, 8] },
  "signal.overlap_add(signal.frame(x, 4, 3), 2)": { shape: [2, 8] },
  "signal.bessel_i0(x)": {},
};

for (const [expression, { shape = [3, 4], within, tolerance = 1e-7 }] of Object.entries(smooth))
  gradients(`${expression}: the gradient is the limit of differences`, () => {
    const evaluate = lossOf(expression, shape, "float64");
    const next = randomNumbers(5);
    const point = Float64Array.from({ length: elementsOf(shape) }, () =>
      within ? within[0] + (within[1] - within[0]) * next() : (0.2 + 1.5 * next()) * (next() < 0.5 ? 1 : -1),
    );
    const direction = Float64Array.from(point, () => 2 * next() - 1);
    const along = (by: number): number => evaluate(point.map((x, i) => x + by * (direction[i] ?? 0))).loss;
    const [above, below] = [along(STEP), along(-STEP)];
    const expected = (above - below) / (2 * STEP);
    const { dx } = evaluate(point);
    assert.is(dx.length, point.length);
    const actual = dx.reduce((sum, g, i) => sum + g * (direction[i] ?? 0), 0);
    const scale = 1 + Math.abs(above) + dx.reduce((sum, g) => sum + Math.abs(g), 0);
    const apart = Math.abs(actual - expected) / scale;
    assert.ok(apart <= tolerance, `the gradient says ${actual}, the difference ${expected}: ${apart} apart`);
  });

/** Elements at which the gradient has to be finite, as training meets them: zeros, ties, large logits. */
const points: Readonly<Record<string, readonly number[]>> = {
  zeros: [0, 0, 0, 0],
  ties: [1, 1, 1, 1],
  large: [300, -300, 90, -90],
};
const finite = [
  "relu relu6 sigmoid log_sigmoid silu softplus softsign mish elu selu celu gelu gelu_erf softmax log_softmax logsumexp norm l2_normalize variance stddev asinh sinc atan cbrt hard_swish"
    .split(" ")
    .map((name) => `${name}(x)`),
  "hypot(x, x)",
  "atan2(x, x)",
  "logaddexp(x, x)",
  "cosine_similarity(x, 2.0 * x)",
  "triplet_loss(x, x, 2.0 * x)",
  "contrastive_loss(x, x, [0.0])",
  "kl_divergence(softmax(x), softmax(2.0 * x))",
  "sparse_softmax_cross_entropy(x, [1])",
  "sigmoid_cross_entropy(x, 0.0 * x)",
  "binary_cross_entropy(sigmoid(x), 0.0 * x)",
  "sigmoid_focal_loss(x, 0.0 * x)",
  "huber(x, x)",
  "log_cosh(x, 2.0 * x)",
  "layer_norm(x)",
  "rms_norm(x)",
  "local_response_norm(x)",
  "masked_mean(x, x > 1000.0)",
  "r2_score(x, tensor(i in 1, j in 4: (i + j) as f32))",
].flat();

for (const expression of finite)
  gradients(`${expression}: the gradient is finite at zeros, at ties and far out`, () => {
    const evaluate = lossOf(expression, [1, 4], "dtype");
    for (const [name, point] of Object.entries(points)) {
      const { dx } = evaluate(Float64Array.from(point));
      assert.ok(
        dx.every((g) => Number.isFinite(g)),
        `at ${name} it is ${dx.join(", ")}`,
      );
    }
  });

/** Smooth at 0 and at ties, though written with pieces: `max`, `abs` and their like. */
const smoothAtZero = [
  "sigmoid log_sigmoid silu softplus softsign tanh_shrink mish elu celu gelu gelu_erf softmax log_softmax logsumexp square exp2 expm1 log1p tan sinh cosh asinh atanh atan asin acos sinc"
    .split(" ")
    .map((name) => `${name}(x)`),
  "atan2(x, x + 1.0)",
  "hypot(x + 1.0, 1.0 - x)",
  "logaddexp(x, -x)",
  "log_cosh(x, 0.0 * x)",
  "sigmoid_cross_entropy(x, 0.0 * x + 0.3)",
  "sigmoid_focal_loss(x, 0.0 * x + 0.3)",
  "sparse_softmax_cross_entropy(x, [1])",
].flat();

for (const expression of smoothAtZero)
  gradients(`${expression}: the gradient at 0 is the limit of differences`, () => {
    const evaluate = lossOf(expression, [1, 4], "float64");
    const { dx } = evaluate(new Float64Array(4));
    for (let i = 0; i < 4; i++) {
      const at = (x: number): number => evaluate(new Float64Array(4).fill(x, i, i + 1)).loss;
      const expected = (at(STEP) - at(-STEP)) / (2 * STEP);
      assert.ok(
        Math.abs((dx[i] ?? Number.NaN) - expected) < 1e-4,
        `the gradient says ${dx[i]}, the difference ${expected}`,
      );
    }
  });

gradients.run();
