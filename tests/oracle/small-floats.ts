/** f16 and bf16 by tables of all their values: what the code under test computes with bits is looked up here. */

type SmallFloat = "f16" | "bf16";

function valueOf(dtype: SmallFloat, bits: number): number {
  if (dtype === "bf16") return new Float32Array(Uint32Array.of(bits << 16).buffer)[0] ?? 0;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** The values that are not negative, by their bits: they grow with them. The last is where infinity begins. */
const tables = { f16: tableOf("f16", 0x7c00, 2 ** 16), bf16: tableOf("bf16", 0x7f80, 2 ** 128) };

function tableOf(dtype: SmallFloat, count: number, beyond: number): Float64Array {
  return Float64Array.from({ length: count + 1 }, (_, bits) => (bits === count ? beyond : valueOf(dtype, bits)));
}

/** The bits of the nearest value, of two that are as near the even ones. */
export function bitsOf(dtype: SmallFloat, x: number): number {
  const table = tables[dtype];
  const last = table.length - 1;
  if (Number.isNaN(x)) return last | (1 << (dtype === "f16" ? 9 : 6));
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  let [low, high] = [0, last];
  if (size >= (table[last] ?? 0)) return sign | last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((table[middle] ?? 0) <= size) low = middle;
    else high = middle;
  }
  const [below, above] = [size - (table[low] ?? 0), (table[high] ?? 0) - size];
  const isUp = above < below || (above === below && high % 2 === 0);
  return sign | (isUp ? high : low);
}

export const numbersOfBits = (dtype: SmallFloat, bits: ArrayLike<number>): Float64Array =>
  Float64Array.from(bits, (one) => valueOf(dtype, one));

export const nearestValue = (dtype: SmallFloat, x: number): number => valueOf(dtype, bitsOf(dtype, x));
