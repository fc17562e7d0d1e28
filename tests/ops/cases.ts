/** Random well-typed calls of every primitive, for property tests over the whole table. */
import fc from "fast-check";
import { sourceFile, type Span } from "../../grammar/source.ts";
import { isNonNegative } from "../../compiler/ir/affine.ts";
import { type Dim, dimOf, dimSymbol, equalDims, evaluateDim, ONE, subDims } from "../../compiler/ir/dims.ts";
import type { Comprehension, Monoid, Scalar } from "../../compiler/ir/graph.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { elementsOf } from "../../compiler/ops/points.ts";
import type { Argument, Complaint, NdArray, Operand, PrimitiveCall } from "../../compiler/ops/primitive.ts";
import { MONOIDS } from "../../compiler/ops/reduce.ts";
import { type DTypeClass, scalarFunctions } from "../../compiler/ops/scalar.ts";
import { nearestValue } from "../oracle/small-floats.ts";

/** The run dims of every case. */
export const SIZES: Readonly<Record<string, number>> = { N: 3, M: 2, P: 5 };
export const sizeOf = (dim: Dim): number => evaluateDim(dim, (name) => SIZES[name] ?? Number.NaN);

export interface Given {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}
export interface Case {
  readonly operands: readonly Given[];
  readonly args?: Readonly<Record<string, Argument>>;
  readonly seed: number;
  /** In place of random elements, where an operation has a domain. */
  readonly data?: () => readonly Float64Array[];
}

// ---- calling a record as the checker does --------------------------------------------------------------

const file = sourceFile("case.tfg", "call(a, b, c)");
export const span = (start = 0, end = 4): Span => ({ file, start, end });

export class Complained extends Error {
  readonly complaint: Complaint;
  constructor(complaint: Complaint) {
    super(`${complaint.code}: ${complaint.message}`);
    this.complaint = complaint;
  }
}

export function callOf(
  operands: readonly (Given & Partial<Operand>)[],
  args: Readonly<Record<string, Argument>> = {},
  rest: Partial<PrimitiveCall> = {},
): PrimitiveCall {
  return {
    operands: operands.map(({ dtype, shape, ...own }) => ({
      type: { dtype, shape },
      span: span(5, 6),
      origin: span(5, 6),
      ...own,
    })),
    args,
    span: span(0, 13),
    operator: span(),
    spelling: "call",
    facts: {
      equal: equalDims,
      atLeast: (a, minimum) => isNonNegative(subDims(a, dimOf(minimum))),
      oblige: (a, minimum) => sizeOf(a) >= minimum,
    },
    fail: (complaint) => {
      throw new Complained(complaint);
    },
    ...rest,
  };
}

// ---- data ------------------------------------------------------------------------------------------------

/** A small generator of its own, so that data is a function of the case's seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];

/** Values in which wrapping, flooring, ties, signs, NaN and infinities all occur. */
function valueFor(dtype: DType, next: () => number): number {
  const pick = next();
  switch (dtype) {
    case "bool":
      return pick < 0.5 ? 0 : 1;
    case "u32":
      return pick < 0.2 ? 4294967295 - Math.floor(next() * 3) : Math.floor(next() * 10);
    case "i32":
      return pick < 0.1 ? -2147483648 : pick < 0.2 ? 2147483647 - Math.floor(next() * 3) : Math.floor(next() * 21) - 10;
    case "i8":
    case "u8":
      return Math.floor(next() * 256) - (dtype === "i8" ? 128 : 0);
    case "f16":
    case "bf16":
      return nearestValue(dtype, valueFor("f32", next) * (pick < 0.1 ? 1e4 : 1));
    default:
      if (pick < 0.04) return SPECIAL[Math.floor(next() * SPECIAL.length)] ?? 0;
      return pick < 0.3 ? Math.floor(next() * 9 - 4) / 2 : next() * 6 - 3;
  }
}

export function dataOf({ operands, seed, data }: Case): NdArray[] {
  const next = randomNumbers(seed);
  const given = data?.();
  return operands.map(({ dtype, shape }, k) => {
    const sizes = shape.map(sizeOf);
    const own = given?.[k];
    if (own) return { dtype, shape: sizes, data: own };
    return { dtype, shape: sizes, data: Float64Array.from({ length: elementsOf(sizes) }, () => valueFor(dtype, next)) };
  });
}

// ---- arbitraries --------------------------------------------------------------------------------------------

const DIMS: readonly Dim[] = [
  ONE,
  dimOf(2),
  dimOf(3),
  dimOf(4),
  dimOf(7),
  dimSymbol("N"),
  dimSymbol("M"),
  dimSymbol("P"),
];
const anyDim = fc.constantFrom(...DIMS);
const anyShape = (min = 0, max = 4) => fc.array(anyDim, { minLength: min, maxLength: max });
const seed = fc.nat(0xffffff);
const CLASSES: Readonly<Record<DTypeClass, readonly DType[]>> = {
  float: ["f32"],
  int: ["i32", "u32"],
  num: ["f32", "i32", "u32"],
  bool: ["bool"],
  any: ["f32", "i32", "u32", "bool", "f16", "bf16", "i8", "u8"],
};
const dtypeIn = (takes: DTypeClass) => fc.constantFrom(...CLASSES[takes]);

/** Shapes that broadcast with `shape`: itself, a scalar, a tail, or with some dims 1. */
function broadcastable(shape: readonly Dim[]): fc.Arbitrary<readonly Dim[]> {
  return fc.oneof(
    fc.constant(shape),
    fc.constant([]),
    fc.nat(shape.length).map((from) => shape.slice(from)),
    fc
      .array(fc.boolean(), { minLength: shape.length, maxLength: shape.length })
      .map((keep) => shape.map((dim, i) => (keep[i] ? dim : ONE))),
  );
}

const one = (shape: fc.Arbitrary<readonly Dim[]>, takes: DTypeClass) => fc.record({ dtype: dtypeIn(takes), shape });

/** The first operand has the full shape; the others broadcast with it, but not below each other's tails. */
function elementwise(count: number, takes: DTypeClass): fc.Arbitrary<Case> {
  return anyShape().chain((shape) =>
    fc
      .tuple(dtypeIn(takes), seed, ...new Array<fc.Arbitrary<readonly Dim[]>>(count - 1).fill(broadcastable(shape)))
      .map(([dtype, s, ...others]) => ({
        seed: s,
        operands: [shape, ...others].map((own) => ({ dtype, shape: own })),
      })),
  );
}

const withAxis = (takes: DTypeClass, minRank = 1) =>
  one(anyShape(minRank, 4), takes).chain((x) => fc.tuple(fc.constant(x), fc.nat(x.shape.length - 1), seed));

const replaced = (shape: readonly Dim[], axis: number, dim: Dim): readonly Dim[] =>
  shape.map((own, i) => (i === axis ? dim : own));
const without = (shape: readonly Dim[], axis: number): readonly Dim[] => shape.filter((_, i) => i !== axis);

function reduction(monoid: Monoid): fc.Arbitrary<Case> {
  return one(anyShape(), MONOIDS[monoid].takes).chain((x) =>
    fc
      .tuple(fc.subarray([...x.shape.keys()]), fc.boolean(), seed)
      .map(([axis, keep, s]) => ({ operands: [x], args: { axis, keep }, seed: s })),
  );
}

const matmul: fc.Arbitrary<Case> = anyShape(0, 2).chain((batch) =>
  fc
    .tuple(dtypeIn("num"), anyDim, anyDim, anyDim, broadcastable(batch), fc.nat(3), seed)
    .map(([dtype, m, k, n, other, vectors, s]) => {
      const a = vectors === 1 || vectors === 3 ? [k] : [...batch, m, k];
      const b = vectors === 2 || vectors === 3 ? [k] : vectors === 1 ? [...batch, k, n] : [...other, k, n];
      return {
        operands: [
          { dtype, shape: a },
          { dtype, shape: b },
        ],
        seed: s,
      };
    }),
);

const slicing: fc.Arbitrary<Case> = one(anyShape(1, 4), "any").chain((x) =>
  fc
    .tuple(fc.nat(x.shape.length - 1), fc.nat(2), fc.integer({ min: 1, max: 3 }), fc.boolean(), seed)
    .map(([axis, at, length, isData, s]) => {
      const extent = sizeOf(x.shape[axis] ?? ONE);
      const size = Math.min(length, extent);
      const args = { axis, size: dimOf(size) };
      return isData
        ? { operands: [x, { dtype: "i32" as const, shape: [] }], args, seed: s }
        : { operands: [x], args: { ...args, at: dimOf(Math.min(at, extent - size)) }, seed: s };
    }),
);

const strided: fc.Arbitrary<Case> = one(anyShape(0, 3), "any").chain((x) =>
  fc
    .tuple(
      fc.tuple(
        ...x.shape.map((dim) =>
          fc.tuple(fc.nat(sizeOf(dim) - 1), fc.nat(sizeOf(dim) - 1), fc.constantFrom(1, 2, -1, -2)),
        ),
      ),
      fc.subarray([...x.shape.keys()]),
      fc.uniqueArray(fc.nat(2), { maxLength: 2 }),
      seed,
    )
    .map(([ranges, drop, places, s]) => {
      const kept = x.shape.length - drop.length;
      const insert = places.filter((place) => place <= kept).sort((a, b) => a - b);
      const rows = ranges.map(([a, b, step], axis) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        if (drop.includes(axis)) return { start: a, size: 1, step: 1 };
        return { start: step > 0 ? low : high, size: Math.floor((high - low) / Math.abs(step)) + 1, step };
      });
      return {
        operands: [x],
        args: {
          starts: rows.map((r) => dimOf(r.start)),
          sizes: rows.map((r) => dimOf(r.size)),
          steps: rows.map((r) => r.step),
          drop,
          insert,
        },
        seed: s,
      };
    }),
);

const reshaped: fc.Arbitrary<Case> = one(anyShape(0, 4), "any").chain((x) =>
  fc
    .tuple(fc.shuffledSubarray([...x.shape], { minLength: x.shape.length }), fc.nat(x.shape.length), fc.boolean(), seed)
    .map(([order, merge, open, s]) => {
      // Any order of the same dims has as many elements; two of them may be merged, and one left open.
      const merged =
        merge > 0 && merge < order.length
          ? [...order.slice(0, merge - 1), product(order[merge - 1], order[merge]), ...order.slice(merge + 1)]
          : order;
      return {
        operands: [x],
        args: { shape: open && merged.length > 0 ? [dimOf(-1), ...merged.slice(1)] : [...merged, ONE] },
        seed: s,
      };
    }),
);
const product = (a: Dim | undefined, b: Dim | undefined): Dim => dimOf(sizeOf(a ?? ONE) * sizeOf(b ?? ONE));

/** Literal sizes only: what a merged reshape needs to be provably of as many elements. */
const literal = (given: Given): Given => ({ ...given, shape: given.shape.map((dim) => dimOf(sizeOf(dim))) });

const at = (kind: "axis" | "constant", value: number): Scalar =>
  kind === "axis" ? { kind, axis: value, dtype: "i32", span: span() } : { kind, value, dtype: "i32", span: span() };
const apply = (fn: string, dtype: DType, ...args: readonly Scalar[]): Scalar => ({
  kind: "apply",
  fn,
  args,
  dtype,
  span: span(),
});

/** A strided window over a padded axis, reduced by any monoid, with a shared part and an index as a value. */
const comprehension: fc.Arbitrary<Case> = fc
  .record({
    monoid: fc.constantFrom<Monoid>("sum", "prod", "max", "min", "mean", "argmax", "argmin"),
    extent: anyDim,
    rows: anyDim,
    taps: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    before: fc.nat(2),
    isShared: fc.boolean(),
    seed,
  })
  .map(({ monoid, extent, rows, taps, stride, before, isShared, seed: s }) => {
    const window = apply(
      "sub",
      "i32",
      apply("add", "i32", apply("mul", "i32", at("axis", 1), at("constant", stride)), at("axis", 2)),
      at("constant", before),
    );
    const outside: Scalar = { kind: "constant", value: -1.5, dtype: "f32", span: span() };
    const read: Scalar = { kind: "read", operand: 0, at: [at("axis", 0), window], outside, dtype: "f32", span: span() };
    const term = isShared
      ? apply("mul", "f32", apply("add", "f32", read, read), apply("cast", "f32", at("axis", 2)))
      : read;
    const dtype: DType = MONOIDS[monoid].gives === "i32" ? "i32" : "f32";
    const folded: Scalar = { kind: "reduce", monoid, axes: [2], body: term, dtype, span: span() };
    const body: Comprehension = {
      rank: 2,
      axes: [
        { name: "n", extent: rows },
        { name: "i", extent },
        { name: "u", extent: dimOf(taps) },
      ],
      body: isShared ? apply("add", dtype, folded, folded) : folded,
    };
    return { operands: [{ dtype: "f32" as const, shape: [rows, extent] }], args: { body }, seed: s };
  });

/** Joined along an axis: same dims but there. */
const joined = (isStack: boolean): fc.Arbitrary<Case> =>
  withAxis("any").chain(([x, axis]) =>
    fc.tuple(fc.array(anyDim, { maxLength: 2 }), seed).map(([sizes, s]) => ({
      operands: [x, ...sizes.map((dim) => (isStack ? x : { ...x, shape: replaced(x.shape, axis, dim) }))],
      args: { axis },
      seed: s,
    })),
  );

/** Axes that are longer than the blocks in which routines work. */
const longRows = fc
  .tuple(one(anyShape(1, 3), "num"), fc.constantFrom(...DIMS, ...[8, 9, 16, 31, 70].map(dimOf)))
  .chain(([x, long]) =>
    fc
      .nat(x.shape.length - 1)
      .chain((axis) => fc.tuple(fc.constant({ ...x, shape: replaced(x.shape, axis, long) }), fc.constant(axis), seed)),
  );

const matrices = fc.record({ batch: anyShape(0, 1), n: fc.constantFrom(...DIMS, dimOf(12)), s: seed });

/**
 * Square matrices that are far from singular: random ones with a dominant diagonal, its rows out of order, or symmetric
 * ones.
 */
function matrixData(shape: readonly Dim[], s: number, isSymmetric: boolean): Float64Array {
  const next = randomNumbers(s);
  const n = sizeOf(shape[shape.length - 1] ?? ONE);
  const turn = isSymmetric ? 0 : Math.floor(next() * n);
  const data = new Float64Array(elementsOf(shape.map(sizeOf)));
  for (let from = 0; from < data.length; from += n * n)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const mirrored = from + j * n + i;
        data[from + i * n + j] =
          j === (i + turn) % n
            ? n + 1 + next()
            : isSymmetric && j < i
              ? (data[mirrored] ?? 0)
              : Math.fround(next() * 2 - 1);
      }
  return data;
}

/** Numbers without NaN and infinities. */
function plainData(shape: readonly Dim[], s: number): Float64Array {
  const next = randomNumbers(s + 1);
  return Float64Array.from({ length: elementsOf(shape.map(sizeOf)) }, () => next() * 4 - 2);
}

const lifted = Object.fromEntries(
  [...scalarFunctions.values()]
    .filter(({ name }) => name !== "select" && name !== "cast")
    .map((fn) => [fn.name, elementwise(fn.arity, fn.takes)]),
);

/** By the name of the primitive. Leaves have none: no call makes them. */
export const cases: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  ...lifted,
  integer_power: fc.tuple(elementwise(1, "num"), fc.integer({ min: -3, max: 9 })).map(([own, n]) => {
    const exponent = own.operands[0]?.dtype === "f32" ? n : Math.abs(n);
    return { ...own, args: { exponent } };
  }),
  select: elementwise(3, "any").map((own) => ({
    ...own,
    operands: own.operands.map((operand, k) => (k === 0 ? { ...operand, dtype: "bool" as const } : operand)),
  })),
  if: elementwise(1, "any").map((own) => {
    const [branch] = own.operands;
    const condition = { dtype: "bool" as const, shape: [] };
    return { ...own, operands: branch ? [condition, branch, branch] : [] };
  }),
  clamp: elementwise(3, "num"),
  cast: fc
    .tuple(elementwise(1, "any"), fc.constantFrom("f32", "i32", "u32", "f16", "bf16", "i8", "u8"))
    .map(([own, to]) => ({ ...own, args: { to } })),
  tensor: comprehension,
  reduce_sum: reduction("sum"),
  reduce_prod: reduction("prod"),
  reduce_max: reduction("max"),
  reduce_min: reduction("min"),
  reduce_any: reduction("any"),
  reduce_all: reduction("all"),
  reduce_mean: reduction("mean"),
  argmax: withAxis("num").map(([x, axis, s]) => ({ operands: [x], args: { axis }, seed: s })),
  argmin: withAxis("num").map(([x, axis, s]) => ({ operands: [x], args: { axis }, seed: s })),
  matmul,
  reshape: reshaped.map((own) => ({
    ...own,
    operands: own.operands.map(literal),
    args: {
      shape: ((own.args?.shape ?? []) as readonly Dim[]).map((dim) =>
        equalDims(dim, dimOf(-1)) ? dim : dimOf(sizeOf(dim)),
      ),
    },
  })),
  transpose: one(anyShape(0, 4), "any").chain((x) =>
    fc
      .tuple(fc.shuffledSubarray([...x.shape.keys()], { minLength: x.shape.length }), seed)
      .map(([perm, s]) => ({ operands: [x], args: { perm }, seed: s })),
  ),
  broadcast: anyShape().chain((shape) =>
    fc
      .tuple(broadcastable(shape), dtypeIn("any"), seed)
      .map(([own, dtype, s]) => ({ operands: [{ dtype, shape: own }], args: { shape }, seed: s })),
  ),
  reverse: one(anyShape(), "any").chain((x) =>
    fc.tuple(fc.subarray([...x.shape.keys()]), seed).map(([axis, s]) => ({ operands: [x], args: { axis }, seed: s })),
  ),
  strided_slice: strided,
  slice: slicing,
  split: withAxis("any").chain(([x, axis, s]) =>
    fc
      .integer({ min: 1, max: 3 })
      .map((n) => ({ operands: [{ ...x, shape: replaced(x.shape, axis, dimOf(2 * n)) }], args: { axis, n }, seed: s })),
  ),
  unstack: withAxis("any").map(([x, axis, s]) => ({
    operands: [{ ...x, shape: replaced(x.shape, axis, dimOf(3)) }],
    args: { axis },
    seed: s,
  })),
  concat: joined(false),
  stack: joined(true),
  pad: one(anyShape(0, 3), "num").chain((x) =>
    fc
      .tuple(
        fc.array(fc.nat(2), { minLength: 2 * x.shape.length, maxLength: 2 * x.shape.length }),
        fc.integer({ min: 0, max: 3 }),
        seed,
      )
      .map(([pads, value, s]) => ({ operands: [x], args: { pads: pads.map(dimOf), value }, seed: s })),
  ),
  update_slice: slicing.map((own) => {
    const [x, ...position] = own.operands;
    const { axis, size, at: start } = own.args as { axis: number; size: Dim; at?: Dim };
    if (!x) throw new Error("a slice has an operand");
    const v = { ...x, shape: replaced(x.shape, axis, size) };
    return { operands: [x, v, ...position], args: { axis, ...(start ? { at: start } : {}) }, seed: own.seed };
  }),
  gather: fc
    .tuple(one(anyShape(1, 3), "any"), anyShape(0, 2), seed)
    .map(([table, ids, s]) => ({ operands: [table, { dtype: "i32" as const, shape: ids }], seed: s })),
  take: withAxis("any").map(([x, axis, s]) => ({
    operands: [x, { dtype: "i32" as const, shape: without(x.shape, axis) }],
    args: { axis },
    seed: s,
  })),
  one_hot: fc
    .tuple(anyShape(0, 3), anyDim, seed)
    .map(([shape, k, s]) => ({ operands: [{ dtype: "i32" as const, shape }], args: { k }, seed: s })),
  iota: fc.tuple(anyDim, seed).map(([n, s]) => ({ operands: [], args: { n }, seed: s })),
  random_bits: fc.tuple(anyShape(), seed).map(([shape, s]) => ({
    operands: [
      { dtype: "u32" as const, shape: [dimOf(4)] },
      { dtype: "i32" as const, shape: [] },
    ],
    args: { shape },
    data: () => {
      const next = randomNumbers(s);
      const words = (count: number, below: number) =>
        Float64Array.from({ length: count }, () => Math.floor(next() * below));
      return [words(4, 2 ** 32), words(1, 1000)];
    },
    seed: s,
  })),
  scatter_add: fc.tuple(one(anyShape(1, 3), "num"), anyShape(0, 2), seed).map(([x, ids, s]) => ({
    operands: [x, { dtype: "i32" as const, shape: ids }, { ...x, shape: [...ids, ...x.shape.slice(1)] }],
    seed: s,
  })),
  nonzero: fc.tuple(one(anyShape(1, 3), "bool"), fc.constantFrom(...DIMS, dimOf(40)), seed).map(([x, max, s]) => ({
    operands: [x],
    args: { max },
    seed: s,
  })),
  cumsum: longRows.map(([x, axis, s]) => ({ operands: [x], args: { axis }, seed: s })),
  sort: longRows.map(([x, axis, s]) => ({ operands: [x], args: { axis }, seed: s })),
  topk: longRows.chain(([x, , s]) =>
    fc.nat(sizeOf(x.shape[x.shape.length - 1] ?? ONE) - 1).map((k) => ({
      operands: [x],
      args: { k: dimOf(k + 1) },
      seed: s,
    })),
  ),
  solve: matrices.chain(({ batch, n, s }) =>
    fc.option(anyDim).map((sides) => {
      const shape = [...batch, n, n];
      const b = [...batch, n, ...(sides ? [sides] : [])];
      const operands = [shape, b].map((own) => ({ dtype: "f32" as const, shape: own }));
      return { operands, data: () => [matrixData(shape, s, false), plainData(b, s)], seed: s };
    }),
  ),
  cholesky: matrices.map(({ batch, n, s }) => {
    const shape = [...batch, n, n];
    return { operands: [{ dtype: "f32" as const, shape }], data: () => [matrixData(shape, s, true)], seed: s };
  }),
};
