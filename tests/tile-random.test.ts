import fc from "fast-check";
import { suite } from "uvu";
import type { Combine, ScalarId } from "../compiler/ir/nest.ts";
import type { DType } from "../compiler/ir/types.ts";
import {
  affine,
  assertMeaning,
  type Data,
  input,
  kernelOf,
  NestMaker,
  output,
  randomFloats,
  type Size,
} from "./tile-nests.ts";

const test = suite("random nests");
const seed = Number(process.env.TFGC_SEED ?? 20261121);
const runs = Number(process.env.TFGC_RUNS ?? 60);

function dataOf(dtype: DType, length: number, from: number): Data {
  const floats = randomFloats(length, from);
  if (dtype === "f32") return floats;
  const limit = dtype === "bool" ? 1 : 40;
  return Int32Array.from(floats, (x) => (dtype === "bool" ? (x > 0 ? 1 : 0) : Math.floor(x * limit)));
}

const binary: Readonly<Record<string, readonly string[]>> = {
  f32: ["add", "sub", "mul", "maximum", "minimum"],
  i32: ["add", "sub", "mul", "div", "mod", "maximum", "minimum"],
  bool: ["and", "or"],
};
const combines: Readonly<Record<string, readonly Combine[]>> = {
  f32: ["sum", "prod", "max", "min", "argmax", "argmin"],
  i32: ["sum", "prod", "max", "min", "argmax", "argmin"],
  bool: ["any", "all"],
};

const shape = fc.record({
  dtype: fc.constantFrom<DType>("f32", "f32", "f32", "i32", "bool"),
  spatial: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 0, maxLength: 3 }),
  reduced: fc.array(fc.integer({ min: 1, max: 19 }), { minLength: 0, maxLength: 2 }),
  runDims: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  reads: fc.array(
    fc.record({
      keep: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      reverse: fc.boolean(),
      guard: fc.option(fc.integer({ min: -2, max: 2 }), { freq: 4 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  operators: fc.array(fc.nat(20), { minLength: 4, maxLength: 4 }),
  combine: fc.nat(20),
  after: fc.constantFrom("nothing", "own index", "twice", "both"),
  transposed: fc.boolean(),
  salt: fc.nat(1000),
});

test("every target computes what a random nest means", async () => {
  await fc.assert(
    fc.asyncProperty(shape, async (s) => {
      const make = new NestMaker();
      const dims: Record<string, number> = {};
      const extents = [...s.spatial, ...s.reduced];
      const sizes: Size[] = extents.map((extent, i) => {
        if (!s.runDims[i]) return extent;
        dims[`D${i}`] = extent;
        return `D${i}`;
      });
      const axes = sizes.map((extent, i) => make.axis(`a${i}`, extent));
      const spatial = axes.slice(0, s.spatial.length);
      const over = axes.slice(s.spatial.length);
      const operands = [];
      const data: Data[] = [];
      /** Dense strides for some axes, the last of `order` contiguous. */
      const dense = (order: readonly number[]): { terms: [number, number][]; length: number } => {
        let stride = 1;
        const terms: [number, number][] = [];
        for (const axis of [...order].reverse()) {
          terms.unshift([axis, stride]);
          stride *= extents[axis] ?? 1;
        }
        return { terms, length: stride };
      };
      const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
      const values: ScalarId[] = s.reads.map((r, i) => {
        const kept = axes.filter((axis) => r.keep[axis]);
        const { terms, length } = dense(r.reverse ? [...kept].reverse() : kept);
        const operand = operands.push(input(s.dtype)) - 1;
        data.push(dataOf(s.dtype, length, s.salt + i));
        const guarded = kept[0];
        if (r.guard === null || guarded === undefined) return make.read(operand, affine(terms), s.dtype);
        const stride = terms.find(([axis]) => axis === guarded)?.[1] ?? 0;
        const outside = make.constant(s.dtype === "bool" ? 1 : 3, s.dtype);
        const guards = [{ index: affine([[guarded, 1]], r.guard), extent: affine([], sizes[guarded] ?? 1).plus }];
        return make.read(operand, affine(terms, r.guard * stride), s.dtype, guards, outside);
      });
      const combined = values.reduce((a, b, i) =>
        make.apply(pick(binary[s.dtype] ?? [], s.operators[i] ?? 0), s.dtype, a, b),
      );
      let value = combined;
      let dtype: DType = s.dtype;
      if (over.length > 0) {
        const combine = pick(combines[s.dtype] ?? [], s.combine);
        dtype = combine.startsWith("arg") ? "i32" : s.dtype;
        value = make.reduce(combine, over, combined, dtype);
        if (s.after === "twice" && dtype === s.dtype) {
          const nearer = make.apply(pick(binary[s.dtype] ?? [], s.operators[3] ?? 0), s.dtype, combined, value);
          value = make.reduce(s.dtype === "bool" ? "any" : "max", over, nearer, s.dtype);
        }
      }
      if (s.after === "own index" && dtype === "f32") value = make.apply("tanh", "f32", value);
      // A store that runs over the reduced axes again, as softmax does.
      const isBoth = s.after === "both" && dtype === s.dtype;
      const stored = isBoth
        ? make.apply(pick(binary[s.dtype] ?? [], s.operators[2] ?? 0), s.dtype, combined, value)
        : value;
      const order = isBoth ? axes : spatial;
      const { terms, length } = dense(s.transposed ? [...order].reverse() : order);
      const target = operands.push(output(dtype)) - 1;
      data.push(dtype === "f32" ? new Float32Array(length) : new Int32Array(length));
      make.store(target, affine(terms), stored, order);
      if (isBoth && spatial.length > 0) {
        const second = dense(spatial);
        operands.push(output(dtype));
        data.push(dtype === "f32" ? new Float32Array(second.length) : new Int32Array(second.length));
        make.store(target + 1, affine(second.terms), value, spatial);
      }
      await assertMeaning(kernelOf(make.nest, operands, Object.keys(dims)), data, dims, 1e-5);
    }),
    { seed, numRuns: runs, endOnFailure: false },
  );
});

test.run();
