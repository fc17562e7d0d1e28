/**
 * Functions of the library on calls that TensorFlow.js recorded of its own kernels: inputs, attributes and results. The
 * file lies beside the clone; without it these tests fail.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../../compiler/interpret.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { checked } from "../oracle/compare.ts";
import { openTargets } from "../oracle/targets.ts";

const shared = process.env.TFGC_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const path = join(shared, "data/tfjs-kernel-vectors/share.jsonl.gz");

interface Recorded {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: readonly (number | string | boolean)[];
}
interface Call {
  readonly kernel: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Recorded | null>>;
  readonly outputs: readonly Recorded[];
  readonly spec: string;
}

/** The call as an expression of its inputs by name; undefined where the library has no such function. */
type Translation = (call: Call) => string | undefined;

const unary =
  (name: string): Translation =>
  () =>
    `${name}(x)`;

/** A number for both axes, or [1, h, w, 1], or [h, w]. */
function pair(value: unknown): string {
  if (typeof value === "number") return `[${value}, ${value}]`;
  const list = value as readonly number[];
  return list.length === 4 ? `[${list[1]}, ${list[2]}]` : `[${list.join(", ")}]`;
}
const isOne = (value: unknown): boolean =>
  value === undefined || value === null || [value].flat().every((size) => size === 1);

/** `padding` of ours: 0 is "valid", other explicit paddings we do not have. */
const padding = (value: unknown): string | undefined =>
  value === "same" || value === "valid" ? value : value === 0 ? "valid" : undefined;

function window(name: string, isThree = false): Translation {
  return ({ attrs }) => {
    const pad = padding(attrs.pad);
    const isLast = attrs.dataFormat === undefined || attrs.dataFormat === "NHWC" || attrs.dataFormat === "NDHWC";
    if (pad === undefined || !isLast) return undefined;
    const sizes = (value: unknown): string =>
      isThree && typeof value === "number" ? `[${value}, ${value}, ${value}]` : pair(value);
    return `${name}(x, ${sizes(attrs.filterSize)}, ${sizes(attrs.strides)}, padding="${pad}")`;
  };
}

function convolution(name: string, isLast: (format: unknown) => boolean): Translation {
  return ({ attrs }) => {
    const pad = padding(attrs.pad);
    if (pad === undefined || !isLast(attrs.dataFormat) || !isOne(attrs.dilations)) return undefined;
    const strides =
      name.includes("3d") && typeof attrs.strides === "number"
        ? `[${Array(3).fill(attrs.strides).join(", ")}]`
        : pair(attrs.strides);
    return `${name}(x, filter, ${strides}, padding="${pad}")`;
  };
}

const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  ...Object.fromEntries(
    [
      "Acos",
      "Acosh",
      "Asin",
      "Asinh",
      "Atan",
      "Atanh",
      "Cosh",
      "Sinh",
      "Tan",
      "Expm1",
      "Log1p",
      "Softplus",
      "Elu",
      "Selu",
      "Relu",
      "Relu6",
      "Sigmoid",
      "Reciprocal",
      "Square",
    ].map((kernel) => [kernel, unary(kernel.toLowerCase())]),
  ),
  IsNan: unary("isnan"),
  IsInf: unary("isinf"),
  IsFinite: unary("isfinite"),
  Atan2: ({ inputs }) => (inputs.a?.shape.join() === inputs.b?.shape.join() ? "atan2(a, b)" : undefined),
  LeakyRelu: ({ attrs, inputs }) =>
    inputs.x?.dtype === "float32" ? `leaky_relu(x, ${Number(attrs.alpha)})` : undefined,
  Softmax: () => "softmax(logits)",
  LinSpace: ({ attrs }) =>
    Number(attrs.num) >= 2 ? `linspace(${attrs.start}, ${attrs.stop}, ${attrs.num})` : undefined,
  Diag: ({ inputs }) => (inputs.x?.shape.length === 1 && inputs.x.dtype !== "bool" ? "diag(x)" : undefined),
  DepthToSpace: ({ attrs }) => (attrs.dataFormat === "NHWC" ? `depth_to_space(x, ${attrs.blockSize})` : undefined),
  Cumprod: ({ attrs, inputs }) =>
    attrs.exclusive === false && attrs.reverse === false && attrs.axis === (inputs.x?.shape.length ?? 0) - 1
      ? "cumprod(x)"
      : undefined,
  Bincount: ({ attrs, inputs }) =>
    inputs.weights?.data.length === 0 && inputs.x?.shape.length === 1 ? `bincount(x, ${attrs.size})` : undefined,
  DenseBincount: ({ attrs, inputs }) =>
    inputs.weights?.data.length === 0 && attrs.binaryOutput === false && inputs.x?.shape.length === 1
      ? `bincount(x, ${attrs.size})`
      : undefined,
  LRN: ({ attrs }) =>
    `local_response_norm(x, radius=${attrs.depthRadius}, bias=${attrs.bias}, alpha=${attrs.alpha}, beta=${attrs.beta})`,
  MaxPool: window("max_pool2d"),
  AvgPool: window("avg_pool2d"),
  MaxPool3D: window("max_pool3d", true),
  AvgPool3D: window("avg_pool3d", true),
  Conv2D: convolution("conv2d_op", (format) => format === undefined || format === "NHWC"),
  DepthwiseConv2dNative: convolution("depthwise_conv2d_op", (format) => format === undefined || format === "NHWC"),
  Conv3D: convolution("conv3d_op", (format) => format === undefined || format === "NDHWC"),
  Conv2DBackpropInput({ attrs, inputs, outputs }) {
    const pad = padding(attrs.pad);
    const { dy, filter } = inputs;
    if (pad === undefined || attrs.dataFormat !== "NHWC" || !dy || !filter) return undefined;
    const expression = `conv2d_transpose_op(dy, filter, ${pair(attrs.strides)}, padding="${pad}")`;
    // A convolution may leave rows out that its transpose cannot know of.
    const strides = JSON.parse(pair(attrs.strides)) as number[];
    const grown = [0, 1].map((axis) => {
      const [n = 0, k = 0, s = 1] = [dy.shape[axis + 1], filter.shape[axis], strides[axis]];
      return pad === "same" ? n * s : n * s + Math.max(k - s, 0);
    });
    return grown.join() === outputs[0]?.shape.slice(1, 3).join() ? expression : undefined;
  },
  ResizeBilinear: ({ attrs }) =>
    attrs.halfPixelCenters === true && attrs.alignCorners !== true
      ? `resize_bilinear(images, ${pair(attrs.size)})`
      : undefined,
  ResizeNearestNeighbor: ({ attrs }) =>
    attrs.halfPixelCenters === true && attrs.alignCorners !== true
      ? `resize_nearest(images, ${pair(attrs.size)})`
      : undefined,
  MirrorPad({ attrs, inputs }) {
    const pads = attrs.paddings as readonly (readonly [number, number])[];
    if (
      attrs.mode !== "reflect" ||
      inputs.x?.shape.length !== 4 ||
      [pads[0], pads[3]].flat().some((size) => size !== 0)
    )
      return undefined;
    return `reflect_pad2d(x, before=[${pads[1]?.[0]}, ${pads[2]?.[0]}], after=[${pads[1]?.[1]}, ${pads[2]?.[1]}])`;
  },
};

const DTYPES: Readonly<Record<string, NdArray["dtype"]>> = { float32: "f32", int32: "i32", bool: "bool" };

function arrayOf({ shape, dtype, data }: Recorded): NdArray | undefined {
  const known = DTYPES[dtype];
  return known && { dtype: known, shape, data: Float64Array.from(data, Number) };
}

/** What a target gives, or why not. */
async function apart(call: Call, expression: string): Promise<string[]> {
  const feeds = new Map<string, NdArray>();
  for (const [name, input] of Object.entries(call.inputs)) {
    const array = input && expression.includes(name) ? arrayOf(input) : undefined;
    if (array) feeds.set(name, array);
  }
  const inputs = [...feeds].map(
    ([name, { dtype, shape }]) => `  input ${name}: ${dtype}${shape.length ? `[${shape.join(", ")}]` : ""}\n`,
  );
  const graph = checked(`graph g {\n${inputs.join("")}  output y = ${expression}\n}`);
  const [expected] = call.outputs;
  if (!expected) throw new Error("the recording has no result");
  const results: [string, NdArray | undefined][] = [
    ["interpreter", interpret(graph, { feeds, variables: new Map(), fetches: ["y"] }).get("y")],
  ];
  for (const [target, opened] of await openTargets(graph, new Map()))
    results.push([target, (await opened.run(feeds, ["y"])).get("y")]);
  return results.flatMap(([target, y]) => {
    if (y?.shape.join() !== expected.shape.join()) return [`${target}: [${y?.shape}] is not [${expected.shape}]`];
    const wrong = expected.data.findIndex((value, i) => {
      const [a, b] = [Number(value), y.data[i] ?? Number.NaN];
      return !(Object.is(a, b) || a === b || Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a)));
    });
    return wrong < 0 ? [] : [`${target}: element ${wrong} is ${y.data[wrong]}, not ${expected.data[wrong]}`];
  });
}

/**
 * Where the language has decided otherwise: `max` hands NaN on, and the sine and cosine of the WebAssembly kernels are
 * those of f32 arguments up to some thousands of turns.
 */
const DIFFERENT = /ignores NaNs|numbers exceed float32 precision/;

/** Whether a tensor has no element, which ours always have; weights of counts may be missing so. */
const isEmpty = ({ inputs, outputs }: Call): boolean =>
  [...Object.entries(inputs), ...outputs.map((output) => ["", output] as const)].some(
    ([name, array]) => name !== "weights" && array?.shape.includes(0),
  );

const kernels = suite("kernels of TensorFlow.js");

kernels("give what the library gives, wherever it has the function", async () => {
  const calls = gunzipSync(readFileSync(path))
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Call);
  const counts = new Map<string, number>();
  const failures: string[] = [];
  const seen = new Set<string>();
  for (const call of calls) {
    const expression = TRANSLATIONS[call.kernel]?.(call);
    if (expression === undefined || isEmpty(call) || DIFFERENT.test(call.spec)) continue;
    const key = JSON.stringify([expression, call.inputs]);
    if (seen.has(key)) continue;
    seen.add(key);
    counts.set(call.kernel, (counts.get(call.kernel) ?? 0) + 1);
    try {
      failures.push(...(await apart(call, expression)).map((what) => `${call.spec}: ${expression}: ${what}`));
    } catch (error) {
      failures.push(`${call.spec}: ${expression}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const total = [...counts.values()].reduce((a, b) => a + b, 0);
  console.log(`${total} calls of ${counts.size} kernels`);
  assert.is(failures.length, 0, failures.slice(0, 60).join("\n"));
  assert.ok(counts.size >= 35 && total >= 150, [...counts].map(([kernel, count]) => `${kernel} ${count}`).join(", "));
});

kernels.run();
