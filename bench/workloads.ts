/**
 * What is measured: each network once, against a builder that every peer implements, and its `.tfg` beside.
 * Activations are NHWC, kernels HWIO, dense weights [K, N].
 */
import { uniform } from "./seeded.ts";

export type Activation = "relu";

/** A parameter's layout decides how peers with another one convert it: `rows` are those of a dense layer after a flatten. */
export interface Param {
  readonly name: string;
  readonly shape: readonly number[];
  readonly layout: "plain" | "conv" | "rows";
  /** For `rows`: the image that was flattened. */
  readonly image?: readonly [number, number, number];
  readonly limit: number;
}

/** The operations of the workloads, on whatever a peer calls a tensor. */
export interface Builder<T> {
  matmul(x: T, w: T): T;
  dense(x: T, w: T, b: T, act?: Activation): T;
  conv(x: T, w: T, b: T, pad: number, act?: Activation): T;
  maxPool(x: T): T;
  /** [N, H, W, C] -> [N, H * W * C] */
  flatten(x: T): T;
  softmax(x: T): T;
}

export interface Workload {
  readonly name: string;
  /** `models/<family>.tfg`; also the key of the seeded weights. */
  readonly family: string;
  readonly input: readonly number[];
  readonly output: readonly number[];
  /** Inputs are uniform around it, as far as `inputLimit`. */
  readonly inputCenter: number;
  readonly inputLimit: number;
  /** Multiplications and additions of a run. */
  readonly flops: number;
  readonly params: readonly Param[];
  /** `tfgc` calls variables as TensorFlow does; these are their names in the order of `params`. */
  readonly variables: readonly string[];
  forward<T>(b: Builder<T>, x: T, param: (name: string) => T): T;
}

/** He's limit for a uniform distribution with `fan` inputs and gain `gain`. */
const he = (fan: number, gain = 2): number => Math.sqrt((3 * gain) / fan);

const dense = (name: string, inputs: number, outputs: number, gain = 2): Param[] => [
  { name: `${name}.w`, shape: [inputs, outputs], layout: "plain", limit: he(inputs, gain) },
  { name: `${name}.b`, shape: [outputs], layout: "plain", limit: 0.1 },
];

const conv = (name: string, size: number, inputs: number, outputs: number): Param[] => [
  { name: `${name}.w`, shape: [size, size, inputs, outputs], layout: "conv", limit: he(size * size * inputs) },
  { name: `${name}.b`, shape: [outputs], layout: "plain", limit: 0.1 },
];

const flattened = (name: string, image: readonly [number, number, number], outputs: number): Param[] => {
  const inputs = image[0] * image[1] * image[2];
  return [
    { name: `${name}.w`, shape: [inputs, outputs], layout: "rows", image, limit: he(inputs) },
    { name: `${name}.b`, shape: [outputs], layout: "plain", limit: 0.1 },
  ];
};

const pictures = { inputCenter: 0.5, inputLimit: 0.5 };

const mlp = (n: number): Workload => ({
  name: `mlp-b${n}`,
  family: "mlp",
  input: [n, 784],
  output: [n, 10],
  ...pictures,
  flops: 2 * n * (784 * 512 + 512 * 256 + 256 * 10),
  params: [...dense("fc1", 784, 512), ...dense("fc2", 512, 256), ...dense("fc3", 256, 10, 1)],
  variables: ["fc1/kernel", "fc1/bias", "fc2/kernel", "fc2/bias", "fc3/kernel", "fc3/bias"],
  forward(b, x, param) {
    const h1 = b.dense(x, param("fc1.w"), param("fc1.b"), "relu");
    const h2 = b.dense(h1, param("fc2.w"), param("fc2.b"), "relu");
    return b.softmax(b.dense(h2, param("fc3.w"), param("fc3.b")));
  },
});

const cnn = (n: number): Workload => ({
  name: `cnn-b${n}`,
  family: "cnn",
  input: [n, 28, 28, 1],
  output: [n, 10],
  ...pictures,
  flops: 2 * n * (26 * 26 * 32 * 9 + 21632 * 10),
  params: [...conv("conv", 3, 1, 32), ...flattened("fc", [26, 26, 32], 10)],
  variables: ["conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias"],
  forward(b, x, param) {
    const h = b.conv(x, param("conv.w"), param("conv.b"), 0, "relu");
    return b.softmax(b.dense(b.flatten(h), param("fc.w"), param("fc.b")));
  },
});

const lenet = (n: number): Workload => ({
  name: `lenet-b${n}`,
  family: "lenet",
  input: [n, 28, 28, 1],
  output: [n, 10],
  ...pictures,
  flops: 2 * n * (784 * 32 * 25 + 196 * 64 * 25 * 32 + 3136 * 1024 + 10240),
  params: [
    ...conv("c1", 5, 1, 32),
    ...conv("c2", 5, 32, 64),
    ...flattened("fc1", [7, 7, 64], 1024),
    ...dense("fc2", 1024, 10, 1),
  ],
  variables: [
    "conv1/kernel",
    "conv1/bias",
    "conv2/kernel",
    "conv2/bias",
    "fc1/kernel",
    "fc1/bias",
    "fc2/kernel",
    "fc2/bias",
  ],
  forward(b, x, param) {
    const h1 = b.maxPool(b.conv(x, param("c1.w"), param("c1.b"), 2, "relu"));
    const h2 = b.maxPool(b.conv(h1, param("c2.w"), param("c2.b"), 2, "relu"));
    const h3 = b.dense(b.flatten(h2), param("fc1.w"), param("fc1.b"), "relu");
    return b.softmax(b.dense(h3, param("fc2.w"), param("fc2.b")));
  },
});

const matmul = (n: number): Workload => ({
  name: `matmul${n}`,
  family: `matmul${n}`,
  input: [n, n],
  output: [n, n],
  inputCenter: 0,
  inputLimit: 1,
  flops: 2 * n ** 3,
  params: [{ name: "w", shape: [n, n], layout: "plain", limit: he(n, 1) }],
  variables: ["w"],
  forward: (b, x, param) => b.matmul(x, param("w")),
});

export const workloads: readonly Workload[] = [cnn(1), cnn(32), mlp(1), mlp(64), matmul(512), lenet(1)];

export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (!found)
    throw new Error(`no workload ${name}; there are ${workloads.map((workload) => workload.name).join(", ")}`);
  return found;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const valuesOf = (workload: Workload, param: Param): Float32Array<ArrayBuffer> =>
  uniform(`${workload.family}/${param.name}`, sizeOf(param.shape), param.limit);

export const inputOf = (workload: Workload): Float32Array<ArrayBuffer> =>
  uniform(`${workload.name}/in/x`, sizeOf(workload.input), workload.inputLimit, workload.inputCenter);
