/**
 * A program written by hand, for tests of the runtime: no compiler takes part.
 *
 *     graph toy[N] where N <= 8 {
 *       @accepts(i64) input label: i32[N]
 *       input x: f32[N, 3]
 *       input rate: f32 = 0.5
 *       param w: f32[3] = random_normal(stddev=1.0)     // doubled by `derive`
 *       output y = 2.0 * w * x * rate                    // f32[N, 3]
 *       output total = sum(label)                        // i32
 *       output even: bool[N] = label % 2 == 0
 *       output kernel = w
 *     }
 */
import { deflateRawSync } from "node:zlib";
import wabt from "wabt";
import type { Compiled, Expr, InputSpec, Kernels, Program } from "../runtime/abi.ts";

const N = ["d", 0] as const;
const x = ["s", 0] as const;
const label = ["s", 1] as const;
const rate = ["s", 2] as const;
const y = ["s", 3] as const;
const total = ["s", 4] as const;
const even = ["s", 5] as const;
const w = 320;
const doubled = 384;

export const program: Program = {
  abi: 1,
  name: "toy",
  source: "toy.tfg:1",
  dims: ["N"],
  checks: [{ kind: "atLeast", difference: ["+", 8, ["*", -1, N]], text: "N <= 8", at: "toy.tfg:1:20" }],
  inputs: [
    { name: "label", dtype: "i32", shape: [N], type: "i32[N]", address: label, accepts: "i64", line: 2 },
    { name: "x", dtype: "f32", shape: [N, 3], type: "f32[N, 3]", address: x, line: 3 },
    { name: "rate", dtype: "f32", shape: [], type: "f32", address: rate, default: 0.5, line: 4 },
  ],
  outputs: [
    { name: "y", dtype: "f32", shape: [N, 3], type: "f32[N, 3]", address: y, inputs: [1, 2], variables: [0] },
    { name: "total", dtype: "i32", shape: [], type: "i32", address: total, inputs: [0], variables: [] },
    { name: "even", dtype: "bool", shape: [N], type: "bool[N]", address: even, inputs: [0], variables: [] },
    { name: "kernel", dtype: "f32", shape: [3], type: "f32[3]", address: w, inputs: [], variables: [0] },
  ],
  variables: [{ name: "w", dtype: "f32", shape: [3], trainable: true, init: ["random_normal", 0, 1], address: w }],
  // The words 7 and 9, which no kernel reads.
  assertions: [],
  actions: [],
  updates: [],
  random: [],
  constants: "BwAAAAkAAAA=",
  constantsAt: 256,
  arenaAt: 448,
  slots: [["*", 12, N], ["*", 4, N], 4, ["*", 12, N], 4, ["*", 4, N]],
  deriveBlock: 64,
  stepsBlock: 128,
  derive: [{ kernel: "double", args: [w, doubled], for: [0] }],
  steps: [
    { kernel: "scale", args: [x, doubled, rate, y, N], for: [0] },
    { kernel: "total", args: [label, total, N], for: [1] },
    { kernel: "even", args: [label, even, N], for: [2] },
  ],
};

const text = `(module
  (import "m" "m" (memory 1))
  (func (export "derive") (param $b i32) (local $i i32)
    (if (i32.load (local.get $b)) (then
      (loop $each
        (f32.store (i32.add (i32.load offset=8 (local.get $b)) (local.get $i))
          (f32.mul (f32.const 2) (f32.load (i32.add (i32.load offset=4 (local.get $b)) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br_if $each (i32.lt_u (local.get $i) (i32.const 12)))))))
  (func $scale (param $x i32) (param $w i32) (param $rate i32) (param $y i32) (param $n i32) (local $i i32)
    (loop $each
      (f32.store (i32.add (local.get $y) (local.get $i))
        (f32.mul (f32.load (local.get $rate))
          (f32.mul (f32.load (i32.add (local.get $x) (local.get $i)))
            (f32.load (i32.add (local.get $w) (i32.rem_u (local.get $i) (i32.const 12)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $each (i32.lt_u (local.get $i) (i32.mul (local.get $n) (i32.const 12))))))
  (func $total (param $label i32) (param $out i32) (param $n i32) (local $i i32) (local $sum i32)
    (loop $each
      (local.set $sum (i32.add (local.get $sum) (i32.load (i32.add (local.get $label) (i32.shl (local.get $i) (i32.const 2))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $each (i32.lt_u (local.get $i) (local.get $n))))
    (i32.store (local.get $out) (local.get $sum)))
  (func $even (param $label i32) (param $out i32) (param $n i32) (local $i i32)
    (loop $each
      (i32.store (i32.add (local.get $out) (local.get $i))
        (i32.eqz (i32.and (i32.const 1) (i32.load (i32.add (local.get $label) (local.get $i))))))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $each (i32.lt_u (local.get $i) (i32.shl (local.get $n) (i32.const 2))))))
  (func (export "run") (param $b i32)
    (if (i32.load (local.get $b)) (then
      (call $scale (i32.load offset=4 (local.get $b)) (i32.load offset=8 (local.get $b)) (i32.load offset=12 (local.get $b))
        (i32.load offset=16 (local.get $b)) (i32.load offset=20 (local.get $b)))))
    (if (i32.load offset=24 (local.get $b)) (then
      (call $total (i32.load offset=28 (local.get $b)) (i32.load offset=32 (local.get $b)) (i32.load offset=36 (local.get $b)))))
    (if (i32.load offset=40 (local.get $b)) (then
      (call $even (i32.load offset=44 (local.get $b)) (i32.load offset=48 (local.get $b)) (i32.load offset=52 (local.get $b)))))))`;

/** The same kernels in JavaScript. */
export const jsKernels: NonNullable<Kernels["js"]> = (memory) => {
  const f32 = new Float32Array(memory);
  const i32 = new Int32Array(memory);
  const at = (block: number, word: number): number => Number(i32[block / 4 + word]);
  return {
    derive(block) {
      const [from, to] = [at(block, 1) / 4, at(block, 2) / 4];
      if (at(block, 0)) for (let i = 0; i < 3; i++) f32[to + i] = 2 * Number(f32[from + i]);
    },
    run(block) {
      if (at(block, 0)) {
        const [x = 0, w = 0, rate = 0, y = 0] = [1, 2, 3, 4].map((word) => at(block, word) / 4);
        for (let i = 0; i < 3 * at(block, 5); i++)
          f32[y + i] = Number(f32[rate]) * Math.fround(Number(f32[x + i]) * Number(f32[w + (i % 3)]));
      }
      if (at(block, 6)) {
        let sum = 0;
        for (let i = 0; i < at(block, 9); i++) sum += Number(i32[at(block, 7) / 4 + i]);
        i32[at(block, 8) / 4] = sum;
      }
      if (at(block, 10))
        for (let i = 0; i < at(block, 13); i++)
          i32[at(block, 12) / 4 + i] = Number(i32[at(block, 11) / 4 + i]) & 1 ? 0 : 1;
    },
  };
};

/** Assembles WebAssembly text. */
export async function assemble(wat: string): Promise<Uint8Array> {
  const module = (await wabt()).parseWat("test.wat", wat, { simd: true, relaxed_simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  return buffer;
}

/** Packs two modules as a generated module holds them. */
export const pack = (fma: Uint8Array, base: Uint8Array): NonNullable<Kernels["wasm"]> => ({
  code: Buffer.from(deflateRawSync(Buffer.concat([fma, base]))).toString("base64"),
  split: fma.length,
});

const bytes = await assemble(text);

export const toy: Compiled = { program, kernels: { wasm: pack(bytes, bytes), js: jsKernels } };

/** A program without kernels, whose outputs are its inputs: what is fed comes back. */
export function echo(
  inputs: readonly Pick<InputSpec, "name" | "dtype" | "shape" | "type" | "accepts">[],
  dims: readonly string[] = [],
  more: Partial<Program> = {},
): Compiled {
  const specs = inputs.map((input, i): InputSpec => ({ ...input, address: ["s", i], line: i + 2 }));
  const outputs = specs.map(({ name, dtype, shape, type, address }, i) => ({
    name: `${name}_out`,
    dtype,
    shape,
    type,
    address,
    inputs: [i],
    variables: [],
  }));
  const slots = specs.map(({ shape }) => shape.reduce<Expr>((a, b) => ["*", a, b], 4));
  return {
    program: {
      ...program,
      name: "echo",
      source: "echo.tfg:1",
      dims,
      checks: [],
      inputs: specs,
      outputs,
      variables: [],
      slots,
      derive: [],
      steps: [],
      ...more,
    },
    kernels: { js: () => ({ derive() {}, run() {} }) },
  };
}

/** The message of a failure; "" if there is none. */
export async function messageOf(job: () => unknown): Promise<string> {
  try {
    await job();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
