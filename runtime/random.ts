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
  let [a, b, c, d] = [c0, c1, c2, c3];
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
  return 2 * s * sum + (exponent - 24) * 0.6931471805599453;
}

/** cos(2 pi k / 2^24) for an integer 0 <= k < 2^24. */
export function cosOf24(k: number): number {
  // Folded exactly: to half a turn, to a quarter, and from beyond an eighth to the sine of the rest.
  const half = k > 2 ** 23 ? 2 ** 24 - k : k;
  const quarter = half > 2 ** 22 ? 2 ** 23 - half : half;
  const isSine = quarter > 2 ** 21;
  const x = (isSine ? 2 ** 22 - quarter : quarter) * (6.283185307179586 / 2 ** 24);
  let sum = 1;
  for (let n = isSine ? 17 : 16; n > 1; n -= 2) sum = 1 - (sum * x * x) / (n * (n - 1));
  return (half > 2 ** 22 ? -1 : 1) * (isSine ? x * sum : sum);
}

/** Draws elements of one stream. */
interface Stream {
  /** In [0, 1), a multiple of 2^-24. */
  uniform(element: number): number;
  /** Of the standard normal distribution; elements 2i and 2i + 1 share two words (Box and Muller). */
  normal(element: number, attempt: number): number;
}

function openStream(name: string, seed: number): Stream {
  const hash = fnv1a64(name);
  const k0 = Number(hash & 0xffffffffn) ^ seed;
  const k1 = Number(hash >> 32n) ^ Math.floor(seed / 2 ** 32);
  const words = new Uint32Array(4);
  let [block, tried] = [-1, -1];
  const bits = (element: number, attempt: number): number => {
    if (block !== element >>> 2 || tried !== attempt) philox(words, (block = element >>> 2), (tried = attempt), 0, 0, k0, k1);
    return (words[element & 3] as number) >>> 8;
  };
  return {
    uniform: (element) => bits(element, 0) / 2 ** 24,
    normal: (element, attempt) => {
      const radius = Math.sqrt(-2 * logOf24(bits(element & ~1, attempt) + 1));
      const turn = bits(element | 1, attempt);
      // The odd element takes the sine: the cosine a quarter of a turn before.
      return radius * cosOf24(element & 1 ? (turn + 3 * 2 ** 22) % 2 ** 24 : turn);
    },
  };
}

/** A matrix with orthonormal columns, or rows where there are fewer of them; the R of its QR has a positive diagonal. */
function orthogonal(stream: Stream, rows: number, columns: number): Float64Array {
  const [long, short] = rows < columns ? [columns, rows] : [rows, columns];
  const basis: Float64Array[] = [];
  for (let j = 0; j < short; j++) {
    const vector = Float64Array.from({ length: long }, (_, i) => stream.normal(i * short + j, 0));
    // Gram and Schmidt, twice: once more removes what rounding left.
    for (let pass = 0; pass < 2; pass++)
      for (const other of basis) {
        let dot = 0;
        for (let i = 0; i < long; i++) dot += (other[i] as number) * (vector[i] as number);
        for (let i = 0; i < long; i++) vector[i] = (vector[i] as number) - dot * (other[i] as number);
      }
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    basis.push(vector.map((x) => x / norm));
  }
  return Float64Array.from({ length: rows * columns }, (_, e) => {
    const [row, column] = [Math.floor(e / columns), e % columns];
    return (rows < columns ? basis[row]?.[column] : basis[column]?.[row]) as number;
  });
}

/** The initial values of the variable `name`, for the kinds that are random. */
export function randomValues(init: InitSpec, name: string, shape: readonly number[], seed: number): ArrayLike<number> {
  const stream = openStream(name, seed);
  const count = shape.reduce((a, b) => a * b, 1);
  const [kind, first, b = 0] = init;
  const a = first as number;
  if (kind === "orthogonal") {
    const columns = shape.at(-1) ?? 1;
    return orthogonal(stream, count / columns, columns).map((x) => x * a);
  }
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    if (kind === "random_uniform") values[i] = a + stream.uniform(i) * (b - a);
    else {
      let normal = stream.normal(i, 0);
      // As TensorFlow does: beyond two deviations it is drawn again.
      for (let attempt = 1; kind === "truncated_normal" && Math.abs(normal) >= 2; attempt++) normal = stream.normal(i, attempt);
      values[i] = a + normal * b;
    }
  }
  return values;
}
