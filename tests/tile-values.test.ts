import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../compiler/ir/types.ts";
import { scalarFunctions } from "../compiler/ops/scalar.ts";
import {
  affine,
  assertMeaning,
  compileKernel,
  type Data,
  input,
  kernelOf,
  NestMaker,
  output,
  randomFloats,
} from "./tile-nests.ts";

const test = suite("values");

const integers = [
  0, 1, -1, 2, -2, 3, 5, -7, 100, -100, 2147483647, -2147483648, 2147483646, -2147483647, 65536, -65537,
];
const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  2.5,
  -0.5,
  -1.5,
  -2.5,
  0.49999997,
  1e10,
  -1e10,
  2147483648,
  -2147483648,
  4294967295,
  4294967296,
  3.7,
  -3.7,
  Infinity,
  -Infinity,
  NaN,
];

function dataOf(dtype: DType, values: readonly number[]): Data {
  return dtype === "f32"
    ? Float32Array.from(values)
    : dtype === "u32"
      ? Uint32Array.from(values)
      : Int32Array.from(values);
}
const valuesOf = (dtype: DType): readonly number[] => (dtype === "f32" ? floats : dtype === "bool" ? [0, 1] : integers);

/** One kernel computes `fn` for all pairs of values: along lanes, and again element by element. */
async function assertAllPairs(fn: string, dtype: DType, result: DType): Promise<void> {
  const list = valuesOf(dtype);
  const pairs = list.flatMap((a) => list.map((b) => [a, b] as const));
  const n = pairs.length;
  const arity = scalarFunctions.get(fn)?.arity ?? 1;
  const sides = [0, 1].slice(0, arity).map((side) =>
    dataOf(
      dtype,
      pairs.map((pair) => pair[side] ?? 0),
    ),
  );
  for (const step of [1, -1]) {
    const make = new NestMaker();
    const i = make.axis("i", n);
    const at = affine([[i, step]], step === 1 ? 0 : n - 1);
    const args = sides.map((_, k) => make.read(k, at, dtype));
    make.store(arity, affine([[i, 1]]), make.apply(fn, result, ...args));
    const kernel = kernelOf(make.nest, [...sides.map(() => input(dtype)), output(result)]);
    await assertMeaning(kernel, [...sides, dataOf(result, Array(n).fill(0))], {}, 1e-6);
  }
}

test("integers wrap, divide to the floor, give 0 over 0, and saturate in casts", async () => {
  for (const dtype of ["i32", "u32"] as const) {
    for (const fn of ["add", "sub", "mul", "div", "mod", "maximum", "minimum", "neg", "abs", "sign"])
      await assertAllPairs(fn, dtype, dtype);
    for (const fn of ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])
      await assertAllPairs(fn, dtype, "bool");
    for (const to of ["f32", "i32", "u32"] as const) await assertAllPairs("cast", dtype, to);
  }
});

test("floats follow IEEE 754 in arithmetic, comparisons and rounding", async () => {
  for (const fn of [
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "round",
    "sqrt",
    "rsqrt",
  ])
    await assertAllPairs(fn, "f32", "f32");
  for (const fn of ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])
    await assertAllPairs(fn, "f32", "bool");
  for (const to of ["i32", "u32"] as const) await assertAllPairs("cast", "f32", to);
});

test("bools are 0 and 1 in memory", async () => {
  for (const fn of ["and", "or", "not", "equal", "not_equal"]) await assertAllPairs(fn, "bool", "bool");
  for (const to of ["f32", "i32", "u32"] as const) await assertAllPairs("cast", "bool", to);
});

test("a select takes each element from its side", async () => {
  for (const dtype of ["f32", "i32", "bool"] as const) {
    const make = new NestMaker();
    const i = make.axis("i", 7);
    const at = affine([[i, 1]]);
    make.store(
      3,
      at,
      make.apply("select", dtype, make.read(0, at, "bool"), make.read(1, at, dtype), make.read(2, at, dtype)),
    );
    const sides =
      dtype === "bool"
        ? [
            [1, 0, 1, 0, 1, 1, 0],
            [0, 1, 1, 0, 0, 1, 1],
          ]
        : [
            [1, 2, 3, 4, 5, 6, 7],
            [-1, -2, -3, -4, -5, -6, -7],
          ];
    const data = [
      Int32Array.of(1, 0, 0, 1, 1, 0, 1),
      ...sides.map((side) => dataOf(dtype, side)),
      dataOf(dtype, Array(7).fill(0)),
    ];
    await assertMeaning(kernelOf(make.nest, [input("bool"), input(dtype), input(dtype), output(dtype)]), data);
  }
});

test("rows are gathered by clamped ids", async () => {
  const make = new NestMaker();
  const i = make.axis("i", "N");
  const j = make.axis("j", 5);
  const id = make.read(1, affine([[i, 1]]), "i32");
  const clamped = make.apply(
    "minimum",
    "i32",
    make.apply("maximum", "i32", id, make.constant(0, "i32")),
    make.constant(3, "i32"),
  );
  make.store(
    2,
    affine([
      [i, 5],
      [j, 1],
    ]),
    make.read(0, affine([[j, 1]], 0, [[clamped, 5]])),
  );
  const data = [randomFloats(20, 1), Int32Array.of(3, 0, -5, 99, 1, 2), new Float32Array(30)];
  await assertMeaning(kernelOf(make.nest, [input(), input("i32"), output()], ["N"]), data, { N: 6 });
});

test("a reversed and a transposed copy", async () => {
  const make = new NestMaker();
  const i = make.axis("i", 5);
  const j = make.axis("j", 7);
  make.store(
    1,
    affine([
      [i, 1],
      [j, 5],
    ]),
    make.read(
      0,
      affine(
        [
          [i, -7],
          [j, -1],
        ],
        34,
      ),
    ),
  );
  await assertMeaning(kernelOf(make.nest, [input(), output()]), [randomFloats(35, 1), new Float32Array(35)]);
});

/** The sum of `data` as one number, along lanes and beside them. */
async function sumsOf(data: Float32Array, isRun: boolean): Promise<readonly number[]> {
  const results: number[] = [];
  const make = new NestMaker();
  const i = make.axis("i", isRun ? "N" : data.length);
  make.store(1, affine([]), make.reduce("sum", [i], make.read(0, affine([[i, 1]]))), []);
  for (const { run } of await compileKernel(kernelOf(make.nest, [input(), output()], ["N"])))
    results.push(run([data, new Float32Array(1)], { N: data.length })[1]?.[0] ?? Number.NaN);
  const beside = new NestMaker();
  const r = beside.axis("r", isRun ? "N" : data.length / 4);
  const c = beside.axis("c", 4);
  beside.store(
    1,
    affine([[c, 1]]),
    beside.reduce(
      "sum",
      [r],
      beside.read(
        0,
        affine([
          [r, 4],
          [c, 1],
        ]),
      ),
    ),
  );
  for (const { run } of await compileKernel(kernelOf(beside.nest, [input(), output()], ["N"])))
    results.push([...(run([data, new Float32Array(4)], { N: data.length / 4 })[1] ?? [])].reduce((a, b) => a + b, 0));
  return results;
}

test("a sum over a million elements is as exact as pairwise summation", async () => {
  const length = 1_000_000;
  for (const data of [
    new Float32Array(length).fill(0.1),
    randomFloats(length, 3).map((x) => x + 1),
    Float32Array.from({ length }, (_, i) => 1 / (i + 1)),
  ]) {
    let exact = 0;
    for (const x of data) exact += x;
    for (const isRun of [true, false])
      for (const sum of await sumsOf(data, isRun))
        assert.ok(Math.abs(sum - exact) <= 2.4e-7 * exact, `${sum} and ${exact}`);
  }
});

test("infinity and NaN in a long sum come through", async () => {
  const data = new Float32Array(5000).fill(1);
  data[17] = Infinity;
  for (const sum of await sumsOf(data, true)) assert.is(sum, Infinity);
  data[4000] = -Infinity;
  for (const sum of await sumsOf(data, true)) assert.ok(Number.isNaN(sum));
});

test("a contraction over 40,000 products is as exact as pairwise summation", async () => {
  for (const depth of [40_000, 66_000, "K"] as const) {
    const length = depth === "K" ? 50_001 : depth;
    const make = new NestMaker();
    const m = make.axis("m", 5);
    const n = make.axis("n", 3);
    const k = make.axis("k", depth);
    const sum = make.reduce(
      "sum",
      [k],
      make.apply(
        "mul",
        "f32",
        make.read(
          0,
          affine([
            [m, depth],
            [k, 1],
          ]),
        ),
        make.read(
          1,
          affine([
            [n, 1],
            [k, 3],
          ]),
        ),
      ),
    );
    make.store(
      2,
      affine([
        [m, 3],
        [n, 1],
      ]),
      sum,
    );
    const positive = (count: number, from: number): Float32Array => randomFloats(count, from).map((x) => x + 1);
    const data = [positive(5 * length, 1), positive(3 * length, 2), new Float32Array(15)];
    await assertMeaning(kernelOf(make.nest, [input(), input(), output()], ["K"]), data, { K: length }, 2.4e-7);
  }
});

test("argmax gives the first greatest element, the first NaN before all", async () => {
  for (const values of [
    [1, 5, 2, 5, 3, 5, 5],
    [1, NaN, 7, NaN, 3, 9, 9],
    [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
  ])
    for (const combine of ["argmax", "argmin"] as const)
      for (const extent of [7, "N"]) {
        const make = new NestMaker();
        const i = make.axis("i", extent);
        make.store(1, affine([]), make.reduce(combine, [i], make.read(0, affine([[i, 1]])), "i32"), []);
        await assertMeaning(
          kernelOf(make.nest, [input(), output("i32")], ["N"]),
          [Float32Array.from(values), new Int32Array(1)],
          { N: 7 },
        );
      }
});

test("layer normalisation takes two sums and stores at the same index", async () => {
  for (const columns of [3, 8, 33]) {
    const make = new NestMaker();
    const r = make.axis("r", "N");
    const c = make.axis("c", columns);
    const at = affine([
      [r, columns],
      [c, 1],
    ]);
    const x = make.read(0, at);
    const size = make.dim(columns, "f32");
    const mean = make.apply("div", "f32", make.reduce("sum", [c], x), size);
    const centred = make.apply("sub", "f32", x, mean);
    const variance = make.apply(
      "div",
      "f32",
      make.reduce("sum", [c], make.apply("mul", "f32", centred, centred)),
      size,
    );
    const scale = make.apply("rsqrt", "f32", make.apply("add", "f32", variance, make.constant(1e-5)));
    const gamma = make.read(1, affine([[c, 1]]));
    make.store(
      2,
      at,
      make.apply(
        "add",
        "f32",
        make.apply("mul", "f32", make.apply("mul", "f32", centred, scale), gamma),
        make.constant(0.25),
      ),
    );
    const data = [
      randomFloats(4 * columns, 1).map((v) => v + 1000),
      randomFloats(columns, 2),
      new Float32Array(4 * columns),
    ];
    await assertMeaning(kernelOf(make.nest, [input(), input(), output()], ["N"]), data, { N: 4 }, 1e-3);
  }
});

test("pooling and depthwise windows run beside lanes at every number of channels", async () => {
  for (const channels of [1, 3, 4, 6, 9])
    for (const [combine, window] of [
      ["max", 2],
      ["sum", 3],
    ] as const) {
      const make = new NestMaker();
      const b = make.axis("b", "N");
      const h = make.axis("h", 3);
      const w = make.axis("w", 4);
      const c = make.axis("c", channels);
      const y = make.axis("y", window);
      const x = make.axis("x", window);
      const wide = 4 + window - 1;
      const row = wide * channels;
      const image = make.read(
        0,
        affine([
          [b, (3 + window - 1) * row],
          [h, row],
          [w, channels],
          [c, 1],
          [y, row],
          [x, channels],
        ]),
      );
      const taps = make.read(
        1,
        affine([
          [c, 1],
          [y, window * channels],
          [x, channels],
        ]),
      );
      const value = combine === "max" ? image : make.apply("mul", "f32", image, taps);
      make.store(
        2,
        affine([
          [b, 12 * channels],
          [h, 4 * channels],
          [w, channels],
          [c, 1],
        ]),
        make.reduce(combine, [y, x], value),
      );
      const data = [
        randomFloats(2 * (3 + window - 1) * row, 1),
        randomFloats(window * window * channels, 2),
        new Float32Array(24 * channels),
      ];
      await assertMeaning(kernelOf(make.nest, [input(), input(), output()], ["N"]), data, { N: 2 });
    }
});

test("extents that floor and take the greater are computed at the beginning", async () => {
  const { dimOf, dimSymbol, floorDivDims, maxDims, subDims, addDims } = await import("../compiler/ir/dims.ts");
  const half = addDims(floorDivDims(subDims(dimSymbol("N"), dimOf(3)), dimOf(2)), dimOf(1));
  const extent = maxDims(half, dimOf(2));
  const make = new NestMaker();
  const i = make.axis("i", extent);
  make.store(0, affine([[i, 1]]), make.apply("cast", "f32", make.index(affine([[i, 3]], half))));
  for (const n of [1, 2, 3, 9, 16])
    await assertMeaning(
      kernelOf(make.nest, [output()], ["N"]),
      [new Float32Array(Math.max(2, Math.floor((n - 3) / 2) + 1))],
      { N: n },
    );
});

test.run();
