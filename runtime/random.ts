/**
 * Initial values: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) and what is
 * made of its bits. Only integers, + - * / and square roots of f64: every engine gives the same bits.
 *
 * The key is the session's seed mixed with the FNV-1a 64 hash of the variable's name. Element e takes word e & 3 of
 * the block whose counter is (e >> 2, attempt, 0, 0).
 */
import type { InitSpec } from "./abi.ts";

/** The high word of a product of two u32. */
function high(a: number, b: number): number {
  const low = Math.imul(a & 0xffff, b & 0xffff) >>> 0;
  const middle = (Math.imul(a >>> 16, b & 0xffff) + (low >>> 16)) >>> 0;
  const other = (Math.imul(a & 0xffff, b >>> 16) + (middle & 0xffff)) >>> 0;
  return (Math.imul(a >>> 16, b >>> 16) + (middle >>> 16) + (other >>> 16)) | 0;
}

/** Philox 4x32-10: writes the four words of the block `c0 … c3` under the key `k0, k1` to `out`. */
export function philox(out: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  let a = c0;
  let b = c1;
  let c = c2;
  let d = c3;
  for (let round = 0; round < 10; round++) {
    const p = high(0xd2511f53, a);
    const q = high(0xcd9e8d57, c);
    const lowP = Math.imul(0xd2511f53, a);
    const lowQ = Math.imul(0xcd9e8d57, c);
    a = q ^ b ^ k0;
    b = lowQ;
    c = p ^ d ^ k1;
    d = lowP;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
}

/** FNV-1a 64 of the UTF-8 bytes of `text`. */
export function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** ln(k / 2^24) for an integer 1 <= k <= 2^24. */
export function logOf24(k: number): number {
  let exponent = 31 - Math.clz32(k);
  let mantissa = k / (1 << exponent);
  // To [0.75, 1.5), where the series is short.
  if (mantissa >= 1.5) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let n = 23; n > 0; n -= 2) sum = sum * s * s + 1 / n;
  return 2 * s * sum + (exponent - 24) * Math.LN2;
}

/** cos(2 pi k / 2^24) for an integer 0 <= k < 2^24. */
export function cosOf24(k: number): number {
  // Folded exactly: to half a turn, to a quarter, and from beyond an eighth to the sine of the rest.
  const half = k > 2 ** 23 ? 2 ** 24 - k : k;
  const quarter = half > 2 ** 22 ? 2 ** 23 - half : half;
  const isSine = quarter > 2 ** 21;
  const x = (isSine ? 2 ** 22 - quarter : quarter) * (Math.PI / 2 ** 23);
  let sum = 1;
  for (let n = isSine ? 17 : 16; n > 1; n -= 2) sum = 1 - (sum * x * x) / (n * (n - 1));
  return (half > 2 ** 22 ? -1 : 1) * (isSine ? x * sum : sum);
}

/** The standard normal number of word `i`; words 2j and 2j + 1 make two of them (Box and Muller). */
function normalOf(words: Uint32Array, i: number): number {
  const radius = Math.sqrt(-2 * logOf24(((words[i & 2] as number) >>> 8) + 1));
  const turn = (words[i | 1] as number) >>> 8;
  // The odd one takes the sine: the cosine a quarter of a turn before.
  return radius * cosOf24(i & 1 ? (turn + 3 * 2 ** 22) & 0xffffff : turn);
}

/** Makes the columns of `basis` orthonormal, in place; the R of this QR decomposition has a positive diagonal. */
function orthonormalize(basis: readonly Float64Array[]): void {
  for (const [j, vector] of basis.entries()) {
    // Gram and Schmidt, twice: once more removes what rounding left.
    for (let pass = 0; pass < 2; pass++)
      for (const other of basis.slice(0, j)) {
        let dot = 0;
        for (let i = 0; i < vector.length; i++) dot += (other[i] as number) * (vector[i] as number);
        for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) - dot * (other[i] as number);
      }
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) / norm;
  }
}

/** The key of what bears the name or path `of`, low word first. */
export function keyOf(of: string, seed: number): readonly [low: number, high: number] {
  const hash = fnv1a64(of);
  return [Number(hash & 0xffffffffn) ^ seed, Number(hash >> 32n) ^ Math.floor(seed / 2 ** 32)];
}

/** The initial values of the variable `name`, for the kinds that are random. */
export function randomValues(init: InitSpec, name: string, shape: readonly number[], seed: number): ArrayLike<number> {
  const [k0, k1] = keyOf(name, seed);
  const count = shape.reduce((a, b) => a * b, 1);
  const [kind, first, b = 0] = init;
  const a = first as number;
  const isUniform = kind === "random_uniform";
  const isOrthogonal = kind === "orthogonal";
  const values = isOrthogonal ? new Float64Array(count) : new Float32Array(count);
  const words = new Uint32Array(4);
  const again = new Uint32Array(4);
  for (let e = 0; e < count; e++) {
    const i = e & 3;
    if (i === 0) philox(words, e >>> 2, 0, 0, 0, k0, k1);
    if (isUniform) values[e] = a + ((words[i] as number) >>> 8) * 2 ** -24 * (b - a);
    else {
      let normal = normalOf(words, i);
      // As TensorFlow does: beyond two deviations it is drawn again.
      for (let attempt = 1; kind === "truncated_normal" && Math.abs(normal) >= 2; attempt++) {
        philox(again, e >>> 2, attempt, 0, 0, k0, k1);
        normal = normalOf(again, i);
      }
      values[e] = isOrthogonal ? normal : a + normal * b;
    }
  }
  if (!isOrthogonal) return values;
  // As TensorFlow does: a tall matrix of normal numbers is made orthonormal, and lies down where the shape is wide.
  const columns = shape.at(-1) ?? 1;
  const rows = count / columns;
  const isWide = rows < columns;
  const short = isWide ? rows : columns;
  const column = (j: number) => Float64Array.from({ length: count / short }, (_, i) => values[i * short + j] as number);
  const basis = Array.from({ length: short }, (_, j) => column(j));
  orthonormalize(basis);
  return values.map((_, e) => {
    const i = Math.floor(e / columns);
    const j = e % columns;
    return a * ((isWide ? basis[i]?.[j] : basis[j]?.[i]) as number);
  });
}
