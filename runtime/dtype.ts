import type { DType } from "./abi.ts";

/**
 * The host array of each element type. f16 and bf16 are bit patterns, bool is 0 or 1: results and values of variables
 * have the same types on every engine. Feeds and `set` also take the arrays of `Fed16` and `FedBytes`.
 */
export interface ArrayOf<B extends ArrayBufferLike = ArrayBufferLike> {
  f32: Float32Array<B>;
  f16: Uint16Array<B>;
  bf16: Uint16Array<B>;
  i32: Int32Array<B>;
  u32: Uint32Array<B>;
  i8: Int8Array<B>;
  u8: Uint8Array<B>;
  bool: Uint8Array<B>;
}

/** A `Float16Array`, by what is used of it: older engines, and TypeScript's older libraries, do not know the name. */
export interface HalfArray extends ArrayBufferView {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly length: number;
  readonly [index: number]: number;
  slice(): HalfArray;
}

/** Further arrays that hold an element type: numbers for f16, the bytes of an `ImageData` for u8. */
export interface AlsoArrayOf {
  f32: never;
  f16: HalfArray;
  bf16: never;
  i32: never;
  u32: never;
  i8: never;
  u8: Uint8ClampedArray;
  bool: never;
}

/** What a feed may be made of: the arrays above, and the wide ones that `@accepts` allows. */
export type HostArray = ArrayOf[DType] | AlsoArrayOf[DType] | BigInt64Array | Float64Array;

/** Names of the arrays of `AlsoArrayOf`. */
export const alsoNames: Readonly<Partial<Record<DType, string>>> = { f16: "Float16Array", u8: "Uint8ClampedArray" };

const isHalfArray = (data: HostArray): boolean => data[Symbol.toStringTag] === "Float16Array";

export const arrayTypes = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** Two views of one memory, in which every element takes a word. */
export interface Words {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
}

export const fromHalf = (bits: number): number => {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign / 0;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
};

/**
 * `value` rounded to `fraction` bits behind the leading one, ties to even. Below 2^`least` the
 * spacing no longer shrinks.
 */
function roundFloat(value: number, fraction: number, least: number): number {
  const size = Math.abs(value);
  let exponent = Math.max(least, Math.floor(Math.log2(size)));
  // Engines may miss the logarithm by an ulp; what counts is 2^exponent <= size < 2^(exponent + 1).
  if (exponent > least && 2 ** exponent > size) exponent--;
  if (2 ** (exponent + 1) <= size) exponent++;
  const unit = 2 ** (exponent - fraction);
  // Adding and taking away 2^52 rounds to an integer.
  return size < 2 ** 128 ? Math.sign(value) * (size / unit + 2 ** 52 - 2 ** 52) * unit : value;
}

const roundHalf = (value: number): number => {
  const rounded = roundFloat(value, 10, -14);
  return Math.abs(rounded) > 65504 ? rounded / 0 : rounded;
};

/** The bits of the nearest f16. */
export function toHalf(value: number): number {
  const rounded = roundHalf(value);
  const size = Math.abs(rounded);
  const sign = rounded < 0 || Object.is(rounded, -0) ? 0x8000 : 0;
  if (!(size < 65536)) return sign | (size > 0 ? 0x7c00 : 0x7e00);
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  return sign | (size * 2 ** (10 - exponent) + (exponent + 14) * 1024);
}

/** The nearest element of each type to a number, ties to even; integers wrap. */
export const rounders: Readonly<Record<DType, (value: number) => number>> = {
  f32: Math.fround,
  f16: roundHalf,
  bf16: (value) => roundFloat(value, 7, -126),
  i32: (value) => value | 0,
  u32: (value) => value >>> 0,
  i8: (value) => (value << 24) >> 24,
  u8: (value) => value & 255,
  bool: (value) => (value ? 1 : 0),
};

/** Copies host elements into memory at word `at`. 64-bit elements must be in range already. */
export function store(memory: Words, at: number, dtype: DType, data: HostArray): void {
  const { f32, i32 } = memory;
  if (dtype === "f32" && !(data instanceof BigInt64Array)) f32.set(data, at);
  else if (isHalfArray(data)) for (let i = 0; i < data.length; i++) f32[at + i] = Number(data[i]);
  else if (dtype === "f16") for (let i = 0; i < data.length; i++) f32[at + i] = fromHalf(Number(data[i]));
  else if (dtype === "bf16") for (let i = 0; i < data.length; i++) i32[at + i] = Number(data[i]) << 16;
  else if (dtype === "bool") for (let i = 0; i < data.length; i++) i32[at + i] = data[i] ? 1 : 0;
  else if (data instanceof BigInt64Array) storeNumbers(memory, at, dtype, Array.from(data, Number));
  else i32.set(data, at);
}

const wordsOf = (memory: Words, dtype: DType): Float32Array | Int32Array =>
  dtype[0] === "f" || dtype === "bf16" ? memory.f32 : memory.i32;

/** Writes one number, rounded to `dtype`. */
export function storeNumber(memory: Words, at: number, dtype: DType, value: number): void {
  wordsOf(memory, dtype)[at] = rounders[dtype](value);
}

/** Writes numbers, rounded to `dtype`. */
export function storeNumbers(memory: Words, at: number, dtype: DType, values: ArrayLike<number>): void {
  if (dtype === "f32") memory.f32.set(values, at);
  else for (let i = 0; i < values.length; i++) storeNumber(memory, at + i, dtype, Number(values[i]));
}

/** The element at word `at`. */
export function loadNumber(memory: Words, at: number, dtype: DType): number {
  return rounders[dtype](Number(wordsOf(memory, dtype)[at]));
}

/** A fresh copy of `count` elements from word `at`. */
export function load(memory: Words, at: number, count: number, dtype: DType): ArrayOf<ArrayBuffer>[DType] {
  const floats = memory.f32.subarray(at, at + count);
  if (dtype === "f32") return floats.slice();
  if (dtype === "f16") return Uint16Array.from(floats, toHalf);
  if (dtype !== "bf16") return new arrayTypes[dtype](memory.i32.subarray(at, at + count));
  return new Uint16Array(new Uint32Array(Float32Array.from(floats, rounders.bf16).buffer).map((bits) => bits >>> 16));
}

/** Numbers as host elements, rounded. */
export function arrayOf(dtype: DType, values: ArrayLike<number>): ArrayOf<ArrayBuffer>[DType] {
  const words = new ArrayBuffer(values.length * 4);
  const memory = { f32: new Float32Array(words), i32: new Int32Array(words) };
  storeNumbers(memory, 0, dtype, values);
  return load(memory, 0, values.length, dtype);
}

/** Elements as numbers: what the bit patterns of f16 and bf16 stand for. */
export function toNumbers(dtype: DType, data: ArrayOf[DType] | AlsoArrayOf[DType]): ArrayLike<number> {
  if (dtype === "f16" && !isHalfArray(data)) return Array.from(data, fromHalf);
  if (dtype === "bf16") return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
  return data;
}
