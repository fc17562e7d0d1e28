/** A network as `.tfg` source, and as ONNX bytes with the same weights. */
import { OnnxModel } from "./onnx.ts";
import { type Activation, type Layer, type Network, padsFor, type Weight } from "./network.ts";

// ---- .tfg ------------------------------------------------------------------------------------------------

const pair = ([a, b]: readonly [number, number]): string => (a === b ? `${a}` : `[${a}, ${b}]`);

function call(layer: Layer, scope: string, before: string, of: (layer: number) => string): string {
  const named = (fn: string, ...args: readonly (string | undefined)[]) =>
    `${fn}(${[before, ...args, `name="${scope}"`].filter((arg) => arg !== undefined).join(", ")})`;
  const act = "act" in layer && layer.act ? `act=${layer.act}` : undefined;
  const bias = "bias" in layer && !layer.bias ? "use_bias=false" : undefined;
  switch (layer.kind) {
    case "conv":
    case "depthwise": {
      const filters = layer.kind === "conv" ? `${layer.filters}` : undefined;
      const fn = layer.kind === "conv" ? "conv2d" : "depthwise_conv2d";
      const window = [
        `kernel_size=${pair(layer.kernel)}`,
        `strides=${pair(layer.strides)}`,
        `padding="${layer.padding}"`,
      ];
      return named(fn, filters, ...window, act, bias);
    }
    case "max_pool":
    case "avg_pool":
      return `${layer.kind}2d(${before}, size=${pair(layer.kernel)}, strides=${pair(layer.strides)}, padding="${layer.padding}")`;
    case "batch_norm":
    case "layer_norm":
      return named(layer.kind);
    case "dense":
      return named("dense", `${layer.units}`, act, bias);
    case "act":
      return `${layer.act}(${before})`;
    case "add":
      return `${before} + ${of(layer.from)}`;
    case "concat":
      return `concat([${before}, ${of(layer.from)}], axis=-1)`;
    default:
      return `${layer.kind}(${before})`;
  }
}

/** The graph `net` with the input `x` and the output `y`. */
export function toSource({ input, isOpen, layers }: Network): string {
  const of = (layer: number) => (layer < 0 ? "x" : `v${layer}`);
  const [, , channels] = input;
  const dims = isOpen ? `N, H, W, ${channels}` : `N, ${input.join(", ")}`;
  const lines = layers.map((layer, i) => {
    const name = i === layers.length - 1 ? "output y" : of(i);
    return `  ${name} = ${call(layer, `l${i}`, of(i - 1), of)}`;
  });
  return [`graph net[${isOpen ? "N, H, W" : "N"}] {`, `  input x: f32[${dims}]`, ...lines, "}", ""].join("\n");
}

// ---- ONNX -------------------------------------------------------------------------------------------------

/** HWIO to OIHW. */
function transposed({ shape, data }: Weight): Weight {
  const [kh = 1, kw = 1, c = 1, f = 1] = shape;
  const result = new Float32Array(data.length);
  for (let u = 0; u < kh; u++)
    for (let v = 0; v < kw; v++)
      for (let i = 0; i < c; i++)
        for (let o = 0; o < f; o++) result[((o * c + i) * kh + u) * kw + v] = data[((u * kw + v) * c + i) * f + o] ?? 0;
  return { shape: [f, c, kh, kw], data: result };
}

/** HWC1 to C1HW. */
function depthwiseTransposed({ shape, data }: Weight): Weight {
  const [kh = 1, kw = 1, c = 1] = shape;
  return transposed({ shape: [kh, kw, 1, c], data });
}

function activated(model: OnnxModel, x: string, act: Activation | undefined): string {
  switch (act) {
    case undefined:
      return x;
    case "relu":
      return model.node("Relu", [x]);
    case "relu6":
      return model.node("Clip", [x, model.number(0), model.number(6)]);
    case "sigmoid":
      return model.node("Sigmoid", [x]);
    case "tanh":
      return model.node("Tanh", [x]);
    case "leaky_relu":
      return model.node("LeakyRelu", [x], { alpha: { float: 0.2 } });
    case "silu":
      return model.node("Mul", [x, model.node("Sigmoid", [x])]);
    case "gelu": {
      const cube = model.node("Mul", [model.node("Mul", [x, x]), model.node("Mul", [x, model.number(0.044715)])]);
      const inner = model.node("Mul", [model.node("Add", [x, cube]), model.number(0.7978845608028654)]);
      const weight = model.node("Add", [model.node("Tanh", [inner]), model.number(1)]);
      return model.node("Mul", [model.node("Mul", [x, model.number(0.5)]), weight]);
    }
  }
}

/** ONNX wants channels first: the model transposes its input, and its result back. Pads are explicit, so H and W are fixed. */
export function toOnnx(network: Network): Uint8Array {
  const { input, layers, shapes, weights } = network;
  const model = new OnnxModel(["N", ...input]);
  const isImage = input.length === 3;
  const values = [isImage ? model.node("Transpose", ["x"], { perm: [0, 3, 1, 2] }) : "x"];
  const value = (layer: number): string => values[layer + 1] ?? "x";
  const weightOf = (name: string): Weight => {
    const weight = weights.get(name);
    if (!weight) throw new Error(`the network has no weight ${name}`);
    return weight;
  };
  const put = ({ shape, data }: Weight) => model.weight(shape, data);
  for (const [i, layer] of layers.entries()) {
    const x = value(i - 1);
    const before = shapes[i - 1] ?? input;
    const own = (name: string) => weightOf(`l${i}/${name}`);
    const window = () => {
      if (!("kernel" in layer)) return {};
      const [top, bottom] = padsFor(before[0] ?? 1, layer.kernel[0], layer.strides[0], layer.padding);
      const [left, right] = padsFor(before[1] ?? 1, layer.kernel[1], layer.strides[1], layer.padding);
      return { kernel_shape: layer.kernel, strides: layer.strides, pads: [top, left, bottom, right] };
    };
    const emit = (): string => {
      switch (layer.kind) {
        case "conv": {
          const inputs = [x, put(transposed(own("kernel"))), ...(layer.bias ? [put(own("bias"))] : [])];
          return activated(model, model.node("Conv", inputs, window()), layer.act);
        }
        case "depthwise": {
          const kernel = depthwiseTransposed(own("depthwise_kernel"));
          const inputs = [x, put(kernel), ...(layer.bias ? [put(own("bias"))] : [])];
          return activated(model, model.node("Conv", inputs, { ...window(), group: before[2] ?? 1 }), layer.act);
        }
        case "max_pool":
          return model.node("MaxPool", [x], window());
        case "avg_pool":
          return model.node("AveragePool", [x], { ...window(), count_include_pad: 0 });
        case "batch_norm":
          return model.node(
            "BatchNormalization",
            [x, ...["gamma", "beta", "moving_mean", "moving_variance"].map((name) => put(own(name)))],
            { epsilon: { float: 0.001 } },
          );
        case "layer_norm":
          return model.node("LayerNormalization", [x, put(own("gamma")), put(own("beta"))], {
            axis: -1,
            epsilon: { float: 1e-5 },
          });
        case "global_avg_pool":
          return model.node("Flatten", [model.node("GlobalAveragePool", [x])], { axis: 1 });
        case "global_max_pool":
          return model.node("Flatten", [model.node("GlobalMaxPool", [x])], { axis: 1 });
        case "flatten":
          return model.node("Flatten", [model.node("Transpose", [x], { perm: [0, 2, 3, 1] })], { axis: 1 });
        case "softmax":
          return model.node("Softmax", [x], { axis: -1 });
        case "log_softmax":
          return model.node("LogSoftmax", [x], { axis: -1 });
        case "act":
          return activated(model, x, layer.act);
        case "dense": {
          const product = model.node("MatMul", [x, put(own("kernel"))]);
          return activated(model, layer.bias ? model.node("Add", [product, put(own("bias"))]) : product, layer.act);
        }
        case "add":
          return model.node("Add", [x, value(layer.from)]);
        case "concat":
          return model.node("Concat", [x, value(layer.from)], { axis: 1 });
      }
    };
    values.push(emit());
  }
  const last = value(layers.length - 1);
  const shape = shapes[shapes.length - 1] ?? input;
  const isChannelsFirst = shape.length === 3;
  return model.bytes(
    isChannelsFirst ? model.node("Transpose", [last], { perm: [0, 2, 3, 1] }) : last,
    shape.length + 1,
  );
}
