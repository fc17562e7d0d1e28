/**
 * The bits of random numbers (language.md 5.6): Philox 4x32-10 of Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", 2011. An element is a function of key, run, iteration and its own position, so no order matters.
 */
import { type Dim, dimOf, divideExactly, ONE } from "../ir/dims.ts";
import type { Affine, ScalarId } from "../ir/nest.ts";
import { argDims } from "./attributes.ts";
import { failClass, failShapes } from "./complaints.ts";
import { element, elementsOf } from "./points.ts";
import type { NestBuilder, Primitive } from "./primitive.ts";

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
/** What the two words of the key grow by from round to round: the golden ratio and the square root of 3. */
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;

const word = (x: bigint): bigint => BigInt.asUintN(32, x);

type Four<T> = readonly [T, T, T, T];

/** The block of a counter under a key, from the definition. */
export function philoxBlock([a, b, c, d]: Four<bigint>, [k0, k1]: readonly [bigint, bigint]): Four<bigint> {
  for (let round = 0n; round < BigInt(ROUNDS); round++) {
    const p = BigInt(MULTIPLIERS[0]) * a;
    const q = BigInt(MULTIPLIERS[1]) * c;
    [a, b, c, d] = [
      (q >> 32n) ^ b ^ word(k0 + round * BigInt(WEYL[0])),
      word(q),
      (p >> 32n) ^ d ^ word(k1 + round * BigInt(WEYL[1])),
      word(p),
    ];
  }
  return [a, b, c, d];
}

/** The same in scalars of a nest, all u32. */
export function philoxScalars(
  build: Pick<NestBuilder, "apply" | "constant">,
  [a, b, c, d]: Four<ScalarId>,
  key: readonly [ScalarId, ScalarId],
): Four<ScalarId> {
  const constant = (x: number): ScalarId => build.constant(x >>> 0, "u32");
  const xor = (x: ScalarId, y: ScalarId): ScalarId => build.apply("bit_xor", "u32", x, y);
  const high = (x: ScalarId, i: 0 | 1): ScalarId => build.apply("mulhi", "u32", x, constant(MULTIPLIERS[i]));
  const low = (x: ScalarId, i: 0 | 1): ScalarId => build.apply("mul", "u32", x, constant(MULTIPLIERS[i]));
  for (let round = 0; round < ROUNDS; round++) {
    const keyOf = (i: 0 | 1): ScalarId =>
      round === 0 ? key[i] : build.apply("add", "u32", key[i], constant(Math.imul(round, WEYL[i])));
    // The key first: where it and the word do not vary with the element, their sum does not.
    [a, b, c, d] = [xor(high(c, 1), xor(b, keyOf(0))), low(c, 1), xor(high(a, 0), xor(d, keyOf(1))), low(a, 0)];
  }
  return [a, b, c, d];
}

/** The row-major position of `at` in `shape`. */
function positionIn(build: NestBuilder, at: readonly Affine[], shape: readonly Dim[]): Affine {
  return at.reduce((sum, index, i) => build.add(build.scale(sum, shape[i] ?? ONE), index), build.literal(0));
}

/** The block that holds the element at `at`, as u32, and the element's place in it, as i32. */
function placeOf(
  build: NestBuilder,
  at: readonly Affine[],
  shape: readonly Dim[],
): { readonly block: ScalarId; readonly place: ScalarId } {
  const unsigned = (index: Affine): ScalarId => build.apply("cast", "u32", build.indexValue(index));
  // Where rows are whole blocks, a block is computed once for its four elements, the lanes of one vector.
  const last = at.length - 1;
  const extent = shape[last] ?? ONE;
  const blocks = divideExactly(extent, dimOf(4));
  const index = at[last];
  const [outer, inner] = (blocks && index && build.regroup([index], [extent], [blocks, dimOf(4)])) ?? [];
  if (blocks && outer && inner) {
    const position = positionIn(build, [...at.slice(0, last), outer], [...shape.slice(0, last), blocks]);
    return { block: unsigned(position), place: build.indexValue(inner) };
  }
  const position = build.indexValue(positionIn(build, at, shape));
  const quarter = build.apply("mulhi", "u32", build.apply("cast", "u32", position), build.constant(2 ** 30, "u32"));
  return { block: quarter, place: build.apply("bit_and", "i32", position, build.constant(3, "i32")) };
}

export const randomBits: Primitive = {
  name: "random_bits",
  doc:
    "u32 of a shape: element e, row-major, is word e & 3 of the Philox 4x32-10 block whose counter is (e >> 2, iteration, run low, " +
    "run high) under the key of the node. `key` is u32[4]: key low, key high, run low, run high; `iteration` an i32.",
  signature: [
    { name: "key", kind: "tensor" },
    { name: "iteration", kind: "tensor" },
    { name: "shape", kind: "dims" },
  ],
  class: "map",
  isCostly: true,
  infer(call) {
    const [key, iteration] = call.operands;
    if (!key || !iteration) throw new Error("`random_bits` has two operands");
    if (key.type.dtype !== "u32") failClass(call, key, "int");
    if (iteration.type.dtype !== "i32") failClass(call, iteration, "int");
    const isKey = key.type.shape.length === 1 && call.facts.equal(key.type.shape[0] ?? ONE, dimOf(4));
    if (!isKey || iteration.type.shape.length > 0)
      failShapes(call, "a key of four words and one iteration", [key, iteration]);
    const shape = argDims(call, "shape");
    return { type: { dtype: "u32", shape }, attributes: { shape } };
  },
  meaning([key, iteration], _, { shape }) {
    if (!key || !iteration) throw new Error("`random_bits` has two operands");
    const [low = 0n, high = 0n, runLow = 0n, runHigh = 0n] = Array.from(key.data, (x) => BigInt(x));
    const result = new Float64Array(elementsOf(shape));
    for (let e = 0; e < result.length; e += 4) {
      const block = philoxBlock([BigInt(e / 4), BigInt(element(iteration.data, 0)), runLow, runHigh], [low, high]);
      for (const [i, bits] of block.entries()) if (e + i < result.length) result[e + i] = Number(bits);
    }
    return result;
  },
  vjp: "zero",
  nest(build, value, at) {
    const keyWord = (i: number): ScalarId => build.operand(0, [build.literal(i)]);
    const { block, place } = placeOf(build, at, value.type.shape);
    const iteration = build.apply("cast", "u32", build.operand(1, []));
    const [a, b, c, d] = philoxScalars(build, [block, iteration, keyWord(2), keyWord(3)], [keyWord(0), keyWord(1)]);
    const isAt = (i: number): ScalarId => build.apply("equal", "bool", place, build.constant(i, "i32"));
    const either = (i: number, then: ScalarId, otherwise: ScalarId): ScalarId =>
      build.apply("select", "u32", isAt(i), then, otherwise);
    return either(0, a, either(1, b, either(2, c, d)));
  },
};
