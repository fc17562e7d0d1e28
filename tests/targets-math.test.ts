import { suite } from "uvu";
import * as assert from "uvu/assert";
import { erf } from "../compiler/ops/scalar.ts";
import { affine, compileKernel, input, kernelOf, NestMaker, output, randomFloats } from "./tile-nests.ts";

const test = suite("scalar functions on targets");

/** A kernel that applies `fn` to each element; the last elements, fewer than a vector, are computed like the others. */
async function apply(fn: string, ...operands: readonly Float32Array[]): Promise<ReadonlyMap<string, Float32Array>> {
  const make = new NestMaker();
  const [first] = operands;
  const length = first?.length ?? 0;
  const i = make.axis("i", length);
  const args = operands.map((_, k) => make.read(k, affine([[i, 1]])));
  make.store(operands.length, affine([[i, 1]]), make.apply(fn, "f32", ...args));
  const kernel = kernelOf(make.nest, [...operands.map(() => input()), output()]);
  const found = new Map<string, Float32Array>();
  for (const { target, run } of await compileKernel(kernel)) {
    const result = run([...operands, new Float32Array(length)])[operands.length];
    if (result instanceof Float32Array) found.set(target, result);
  }
  return found;
}

/** The distance of neighbouring f32 values at `x`. */
function ulp(x: number): number {
  const exponent = Math.max(Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -149))), -126);
  return 2 ** (exponent - 23);
}

async function assertWithin(
  fn: string,
  exact: (x: number) => number,
  inputs: Float32Array,
  bound: number,
): Promise<void> {
  for (const [target, result] of await apply(fn, inputs))
    inputs.forEach((x, i) => {
      const wanted = exact(x);
      const got = result[i] ?? Number.NaN;
      if (Object.is(Math.fround(wanted), got) || (Number.isNaN(wanted) && Number.isNaN(got))) return;
      const error = Math.abs(got - wanted) / ulp(wanted);
      if (!(error <= bound)) assert.unreachable(`${target}: ${fn}(${x}) is ${got}, not ${wanted}: ${error} ulp`);
    });
}

const specials = [
  0,
  -0,
  1,
  -1,
  1e-45,
  -1e-45,
  1e-40,
  1.1754943508222875e-38,
  3.4e38,
  -3.4e38,
  Infinity,
  -Infinity,
  NaN,
  0.5,
  -0.5,
];
const spread = (from: number, to: number, count = 20000): Float32Array =>
  Float32Array.from([...randomFloats(count, 9), ...specials], (x, i) =>
    i < count ? (from + to) / 2 + (x * (to - from)) / 2 : x,
  );

test("exp is right to 1 ulp, from overflow to subnormal results", () =>
  assertWithin("exp", Math.exp, spread(-104, 89), 1.01));
test("exp is right to 1 ulp near 0", () => assertWithin("exp", Math.exp, spread(-1, 1), 1.01));
test("log is right to 1 ulp", async () => {
  await assertWithin("log", Math.log, spread(0, 3), 1.01);
  await assertWithin("log", Math.log, spread(0, 1e30), 1.01);
  await assertWithin("log", Math.log, spread(1e-45, 1e-38), 1.01);
});
test("tanh is right to 3 ulp", async () => {
  await assertWithin("tanh", Math.tanh, spread(-10, 10), 3);
  await assertWithin("tanh", Math.tanh, spread(-0.7, 0.7), 3);
});
test("erf is right to 2 ulp", async () => {
  await assertWithin("erf", erf, spread(-4.5, 4.5), 2);
  await assertWithin("erf", erf, spread(-1, 1), 2);
});
test("sin and cos are right to 2 ulp up to 1e5", async () => {
  for (const [fn, exact] of [
    ["sin", Math.sin],
    ["cos", Math.cos],
  ] as const) {
    await assertWithin(
      fn,
      (x) => (Math.abs(x) > 1e30 ? Number.NaN : exact(x)),
      spread(-8, 8).filter((x) => !(Math.abs(x) > 1e30)),
      2,
    );
    await assertWithin(
      fn,
      exact,
      spread(-1e5, 1e5).filter((x) => !(Math.abs(x) > 1e30 && Number.isFinite(x))),
      2,
    );
  }
});
test("sin and cos are within 1e-6 up to 2^31", async () => {
  const xs = spread(-(2 ** 31), 2 ** 31).filter((x) => Math.abs(x) <= 2 ** 31);
  for (const [fn, exact] of [
    ["sin", Math.sin],
    ["cos", Math.cos],
  ] as const)
    for (const [target, result] of await apply(fn, xs))
      result.forEach((y, i) => {
        const x = xs[i] ?? 0;
        assert.ok(Math.abs(y - exact(x)) <= 1e-6, `${target}: ${fn}(${x}) is ${y}`);
      });
});
test("sin and cos of the largest numbers stay within -1 and 1", async () => {
  for (const fn of ["sin", "cos"])
    for (const [, result] of await apply(fn, spread(-3e38, 3e38, 200)))
      assert.ok(result.every((y) => Number.isNaN(y) || Math.abs(y) <= 1));
});
test("pow is right to 2 ulp and has JavaScript's special values", async () => {
  const bases = Float32Array.from([
    ...spread(0, 5, 4000),
    ...specials.flatMap((x) => specials.map(() => x)),
    -2,
    -2,
    -2,
    -8,
    2,
    2,
  ]);
  const exponents = Float32Array.from([
    ...spread(-20, 20, 4000),
    ...specials.flatMap(() => specials),
    3,
    -3,
    2,
    0.5,
    127,
    -149,
  ]);
  for (const [target, result] of await apply("pow", bases, exponents))
    bases.forEach((a, i) => {
      const b = exponents[i] ?? 0;
      const wanted = a ** b;
      const got = result[i] ?? Number.NaN;
      const isSame = Object.is(Math.fround(wanted), got) || Math.abs(got - wanted) <= 2 * ulp(wanted);
      if (!isSame) assert.unreachable(`${target}: ${a} ** ${b} is ${got}, not ${wanted}`);
    });
});

test("a scalar has the bits that a vector lane has", async () => {
  for (const fn of ["exp", "log", "tanh", "erf", "sin", "cos"]) {
    const inputs = spread(-20, 20, 101);
    const vector = await apply(fn, inputs);
    // Read backwards, the nest has no contiguous axis and runs element by element.
    const make = new NestMaker();
    const i = make.axis("i", inputs.length);
    make.store(1, affine([[i, 1]]), make.apply(fn, "f32", make.read(0, affine([[i, -1]], inputs.length - 1))));
    const reversed = Float32Array.from(inputs).reverse();
    for (const { target, run } of await compileKernel(kernelOf(make.nest, [input(), output()]))) {
      if (target === "js") continue;
      const scalar = run([reversed, new Float32Array(inputs.length)])[1] ?? [];
      assert.equal([...scalar], [...(vector.get(target) ?? [])], `${target} ${fn}`);
    }
  }
});

test("every NaN stays one, whatever its bits are", async () => {
  const bits = [0x7fc00000, 0xffc00000, 0x7fffffff, 0xffffffff, 0x7fc00001, 0x7fc000ff, 0xffd5aaaa, 0x7fc12345];
  const nans = new Float32Array(Uint32Array.from(bits).buffer);
  for (const fn of ["exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "erf", "floor", "ceil", "round", "abs", "neg"])
    for (const [target, result] of await apply(fn, nans))
      result.forEach((x, i) => {
        assert.ok(Number.isNaN(x), `${target}: ${fn} of the NaN ${bits[i]?.toString(16)} is ${x}`);
      });
  const ones = new Float32Array(nans.length).fill(1.5);
  for (const fn of ["add", "mul", "div", "mod", "pow", "minimum", "maximum"])
    for (const operands of [[nans, ones] as const, [ones, nans] as const])
      for (const [target, result] of await apply(fn, ...operands))
        result.forEach((x, i) => {
          assert.ok(Number.isNaN(x), `${target}: ${fn} with the NaN ${bits[i]?.toString(16)} is ${x}`);
        });
});

test.run();
