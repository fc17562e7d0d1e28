/**
 * The scalar functions: what an element of an element-wise primitive is, what a comprehension's body may apply, and
 * what a target must be able to print. Nothing else computes.
 *
 * `meaning` is the definition, in float64 for floats and in exact 32-bit arithmetic for integers (language.md 6.2):
 * i32 and u32 wrap, `/` and `%` floor and give 0 where the divisor is 0. Booleans are 0 and 1.
 */
import type { Expr } from "../../runtime/abi.ts";
import { isInteger } from "../ir/types.ts";
import type { DType } from "../ir/types.ts";

/** Which dtypes a function takes. `num` is f32 and 32-bit integers; `any` adds bool and the storage dtypes. */
export type DTypeClass = "float" | "int" | "num" | "bool" | "any";

/** What holds for a function, for `simplify`. Nothing here is true of floats only nearly: see `associative`. */
export interface Laws {
  readonly commutative?: true;
  /** Exactly so for integers and bools, and for `maximum` and `minimum`; for float sums and products but for rounding. */
  readonly associative?: true;
  /** `f(x, identity) = x` for every x, NaN and infinities included; for `add` but for the sign of a zero. */
  readonly identity?: number;
  /** `f(x, x) = x`. */
  readonly idempotent?: true;
  /** `f(f(x)) = x`. */
  readonly involution?: true;
}

export interface ScalarFunction {
  readonly name: string;
  readonly arity: 1 | 2 | 3;
  readonly doc: string;
  /** Class of the operands, which all have one dtype (but the mask of `select`). */
  readonly takes: DTypeClass;
  /** `same` is the operands' dtype; `given` is the cast's. */
  readonly result: "same" | "bool" | "given";
  /** Cost relative to an addition: what decides whether a value may be computed twice. */
  readonly cost: number;
  readonly laws: Laws;
  /** The function at operands of one dtype. `result` differs from `operand` for comparisons and `cast` only. */
  meaning(operand: DType, result: DType): (a: number, b: number, c: number) => number;
  /** The function on integers and bools as a session evaluates it before a run (language.md 5.2); absent: it cannot. */
  readonly host?: (...args: readonly Expr[]) => Expr;
}

export function belongsTo(dtype: DType, to: DTypeClass): boolean {
  if (dtype === "bool") return to === "bool" || to === "any";
  if (dtype === "f32") return to === "float" || to === "num" || to === "any";
  if (dtype === "i32" || dtype === "u32") return to === "int" || to === "num" || to === "any";
  return to === "any";
}

/** The dtype of `fn` at operands of these dtypes, or undefined where they do not fit or do not agree. */
export function scalarResult(fn: ScalarFunction, operands: readonly DType[], given?: DType): DType | undefined {
  if (operands.length !== fn.arity) return undefined;
  if (fn.result === "given") return given !== undefined && canCast(operands[0], given) ? given : undefined;
  const [first, ...others] = fn.name === "select" ? operands.slice(1) : operands;
  if (fn.name === "select" && operands[0] !== "bool") return undefined;
  if (first === undefined || !belongsTo(first, fn.takes) || others.some((other) => other !== first)) return undefined;
  return fn.result === "bool" ? "bool" : first;
}

/** Whether `as` exists: everything converts to every number, but a number to bool is `x != 0`. */
export function canCast(from: DType | undefined, to: DType): boolean {
  if (from === undefined) return false;
  return from === to || to !== "bool";
}

// ---- arithmetic by dtype -----------------------------------------------------------------------------

type Unary = (a: number) => number;
type Binary = (a: number, b: number) => number;

/** Picks the variant of a function for a dtype. Storage dtypes never reach arithmetic. */
function byDType<F>(variants: { readonly float: F; readonly i32?: F; readonly u32?: F }): (dtype: DType) => F {
  return (dtype) => (dtype === "i32" ? variants.i32 : dtype === "u32" ? variants.u32 : undefined) ?? variants.float;
}

const floorDivide: Binary = (a, b) => (b === 0 ? 0 : Math.floor(a / b));
/** The remainder with the sign of the divisor. JavaScript's `%` is exact, so this is too. */
const floorModulo: Binary = (a, b) => {
  if (b === 0) return 0;
  const remainder = a % b;
  return (remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder) + 0;
};

/** To the nearest integer, halves to the even one. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  const isBelow = rest === 0.5 ? below % 2 === 0 : rest < 0.5;
  // Of what rounds to zero the sign stays.
  return isBelow ? below : x < 0 && below === -1 ? -0 : below + 1;
}

/** The nearest 32-bit float, ties to even: the value that an f32 holds. */
export const toF32 = Math.fround;

/** The nearest float with `mantissa` stored bits and exponents down to `smallest` (2^smallest is the least subnormal). */
function roundToFloat(x: number, mantissa: number, smallest: number, largest: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  // log2 may be off by one at powers of two; the unit is then half or twice what it should be, so correct it.
  const exact =
    2 ** exponent > Math.abs(x) ? exponent - 1 : 2 ** (exponent + 1) <= Math.abs(x) ? exponent + 1 : exponent;
  const unit = 2 ** Math.max(exact - mantissa, smallest);
  const rounded = roundHalfEven(x / unit) * unit;
  return Math.abs(rounded) > largest ? Math.sign(x) * Infinity : rounded;
}

/** What a value of this dtype can hold of `x`: floats round to nearest even, integers round and saturate, NaN gives 0. */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case "f32":
      return toF32(x);
    case "f16":
      return roundToFloat(x, 10, -24, 65504);
    case "bf16":
      return roundToFloat(x, 7, -133, 3.3895313892515355e38);
    case "bool":
      return x === 0 ? 0 : 1;
    default: {
      if (Number.isNaN(x)) return 0;
      const [least, most] = integerRange(dtype);
      return Math.min(Math.max(roundHalfEven(x), least), most) + 0;
    }
  }
}

/** `as`, of a number. To f32 it is exact here: what f32 cannot hold is rounded where the value is stored. */
export const castNumber = (to: DType, x: number): number =>
  isInteger(to) || to === "f16" || to === "bf16" ? roundTo(to, x) : x;

export function integerRange(dtype: DType): readonly [least: number, most: number] {
  switch (dtype) {
    case "i32":
      return [-2147483648, 2147483647];
    case "u32":
      return [0, 4294967295];
    case "i8":
      return [-128, 127];
    case "u8":
      return [0, 255];
    default:
      return [0, 1];
  }
}

/**
 * The error function, to the last bits of float64. Below 3 by the series
 * erf(x) = 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!, whose terms are all positive; above by the continued
 * fraction of erfc, which converges there in a few dozen steps (Abramowitz and Stegun, 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (size + fraction);
  const complement = Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction);
  return Math.sign(x) * (1 - complement);
}

// ---- the table ---------------------------------------------------------------------------------------

const negative = (x: Expr): Expr => ["*", -1, x];
const opposite = (x: Expr): Expr => ["==", x, 0];

type Definition = Omit<ScalarFunction, "arity" | "takes" | "result" | "cost" | "laws" | "meaning"> & {
  readonly takes?: DTypeClass;
  readonly cost?: number;
  readonly laws?: Laws;
};

function unary(definition: Definition & { meaning: (dtype: DType) => Unary }): ScalarFunction {
  return { takes: "float", cost: 1, laws: {}, ...definition, arity: 1, result: "same" };
}
function binary(definition: Definition & { meaning: (dtype: DType) => Binary }): ScalarFunction {
  return { takes: "num", cost: 1, laws: {}, ...definition, arity: 2, result: "same" };
}
function comparison(
  name: string,
  doc: string,
  takes: DTypeClass,
  holds: (a: number, b: number) => boolean,
  host: (a: Expr, b: Expr) => Expr,
  laws: Laws = {},
): ScalarFunction {
  const meaning = () => (a: number, b: number) => (holds(a, b) ? 1 : 0);
  return { name, doc, arity: 2, takes, result: "bool", cost: 1, laws, meaning, host: (a = 0, b = 0) => host(a, b) };
}

const always = (fn: Unary) => (): Unary => fn;

const list: readonly ScalarFunction[] = [
  unary({
    name: "neg",
    doc: "`-x`; integers wrap.",
    takes: "num",
    laws: { involution: true },
    meaning: byDType<Unary>({ float: (a) => -a, i32: (a) => -a | 0, u32: (a) => -a >>> 0 }),
    host: (a = 0) => negative(a),
  }),
  unary({
    name: "abs",
    doc: "`x` without its sign; the least i32 stays itself.",
    takes: "num",
    meaning: byDType<Unary>({ float: Math.abs, i32: (a) => Math.abs(a) | 0 }),
    host: (a = 0) => ["max", a, negative(a)],
  }),
  unary({
    name: "sign",
    doc: "-1, 0 or 1; NaN stays NaN.",
    takes: "num",
    meaning: always(Math.sign),
    host: (a = 0) => ["max", -1, ["min", 1, a]],
  }),
  unary({ name: "exp", doc: "e to the power `x`.", cost: 12, meaning: always(Math.exp) }),
  unary({ name: "log", doc: "The natural logarithm of `x`; NaN below 0.", cost: 12, meaning: always(Math.log) }),
  unary({ name: "sqrt", doc: "The square root of `x`; NaN below 0.", cost: 4, meaning: always(Math.sqrt) }),
  unary({ name: "rsqrt", doc: "`1 / sqrt(x)`.", cost: 6, meaning: always((a) => 1 / Math.sqrt(a)) }),
  unary({ name: "sin", doc: "The sine of `x` radians.", cost: 15, meaning: always(Math.sin) }),
  unary({ name: "cos", doc: "The cosine of `x` radians.", cost: 15, meaning: always(Math.cos) }),
  unary({ name: "tanh", doc: "The hyperbolic tangent of `x`.", cost: 15, meaning: always(Math.tanh) }),
  unary({
    name: "erf",
    doc: "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to `x`.",
    cost: 15,
    meaning: always(erf),
  }),
  unary({
    name: "floor",
    doc: "The greatest integer not above `x`.",
    laws: { idempotent: true },
    meaning: always(Math.floor),
  }),
  unary({
    name: "ceil",
    doc: "The least integer not below `x`.",
    laws: { idempotent: true },
    meaning: always(Math.ceil),
  }),
  unary({
    name: "round",
    doc: "The nearest integer, halves to the even one.",
    laws: { idempotent: true },
    meaning: always(roundHalfEven),
  }),
  unary({
    name: "round_f32",
    doc: "`x` as f32 holds it: where every target must give the same bits, whatever its floats can carry on.",
    laws: { idempotent: true },
    meaning: always(Math.fround),
  }),
  unary({
    name: "not",
    doc: "`!x`.",
    takes: "bool",
    laws: { involution: true },
    meaning: always((a) => 1 - a),
    host: (a = 0) => opposite(a),
  }),

  binary({
    name: "add",
    doc: "`a + b`; integers wrap.",
    laws: { commutative: true, associative: true, identity: 0 },
    meaning: byDType<Binary>({ float: (a, b) => a + b, i32: (a, b) => (a + b) | 0, u32: (a, b) => (a + b) >>> 0 }),
    host: (a = 0, b = 0) => ["+", a, b],
  }),
  binary({
    name: "sub",
    doc: "`a - b`; integers wrap.",
    laws: { identity: 0 },
    meaning: byDType<Binary>({ float: (a, b) => a - b, i32: (a, b) => (a - b) | 0, u32: (a, b) => (a - b) >>> 0 }),
    host: (a = 0, b = 0) => ["+", a, negative(b)],
  }),
  binary({
    name: "mul",
    doc: "`a * b`; integers wrap.",
    laws: { commutative: true, associative: true, identity: 1 },
    meaning: byDType<Binary>({
      float: (a, b) => a * b,
      i32: (a, b) => Math.imul(a, b),
      u32: (a, b) => Math.imul(a, b) >>> 0,
    }),
    host: (a = 0, b = 0) => ["*", a, b],
  }),
  binary({
    name: "div",
    doc: "`a / b`; on integers the floor of the quotient, 0 where `b` is 0.",
    cost: 4,
    laws: { identity: 1 },
    meaning: byDType<Binary>({ float: (a, b) => a / b, i32: (a, b) => floorDivide(a, b) | 0, u32: floorDivide }),
    host: (a = 0, b = 0) => ["/", a, b],
  }),
  binary({
    name: "mod",
    doc: "`a % b = a - b * floor(a / b)`; on integers 0 where `b` is 0.",
    cost: 6,
    meaning: byDType<Binary>({ float: (a, b) => a - b * Math.floor(a / b), i32: floorModulo, u32: floorModulo }),
    host: (a = 0, b = 0) => ["*", opposite(["==", b, 0]), ["+", a, negative(["*", b, ["/", a, b]])]],
  }),
  binary({
    name: "pow",
    doc: "`a ** b` of floats: exp(b log a), NaN for negative `a` unless `b` is an integer.",
    takes: "float",
    cost: 30,
    laws: { identity: 1 },
    meaning: () => (a, b) => a ** b,
  }),
  binary({
    name: "maximum",
    doc: "The greater of `a` and `b`; NaN if one of them is.",
    laws: { commutative: true, associative: true, idempotent: true },
    meaning: () => (a, b) => Math.max(a, b),
    host: (a = 0, b = 0) => ["max", a, b],
  }),
  binary({
    name: "minimum",
    doc: "The lesser of `a` and `b`; NaN if one of them is.",
    laws: { commutative: true, associative: true, idempotent: true },
    meaning: () => (a, b) => Math.min(a, b),
    host: (a = 0, b = 0) => ["min", a, b],
  }),
  binary({
    name: "and",
    doc: "`a && b`.",
    takes: "bool",
    laws: { commutative: true, associative: true, idempotent: true, identity: 1 },
    meaning: () => (a, b) => a & b,
    host: (a = 0, b = 0) => ["*", a, b],
  }),
  binary({
    name: "or",
    doc: "`a || b`.",
    takes: "bool",
    laws: { commutative: true, associative: true, idempotent: true, identity: 0 },
    meaning: () => (a, b) => a | b,
    host: (a = 0, b = 0) => ["max", a, b],
  }),

  binary({
    name: "bit_and",
    doc: "The bits that are set in both `a` and `b`.",
    takes: "int",
    laws: { commutative: true, associative: true, idempotent: true },
    meaning: byDType<Binary>({ float: (a, b) => a & b, u32: (a, b) => (a & b) >>> 0 }),
  }),
  binary({
    name: "bit_xor",
    doc: "The bits that are set in one of `a` and `b`.",
    takes: "int",
    laws: { commutative: true, associative: true, identity: 0 },
    meaning: byDType<Binary>({ float: (a, b) => a ^ b, u32: (a, b) => (a ^ b) >>> 0 }),
  }),
  binary({
    name: "mulhi",
    doc: "The high word of the 64-bit product of `a` and `b`; with a power of two as `b`, a shift to the right.",
    takes: "int",
    cost: 4,
    laws: { commutative: true },
    meaning: () => (a, b) => Number((BigInt(a) * BigInt(b)) >> 32n),
  }),

  comparison(
    "equal",
    "Whether `a == b`; NaN equals nothing.",
    "any",
    (a, b) => a === b,
    (a, b) => ["==", a, b],
    { commutative: true },
  ),
  comparison(
    "not_equal",
    "Whether `a != b`; NaN differs from everything.",
    "any",
    (a, b) => a !== b,
    (a, b) => opposite(["==", a, b]),
    { commutative: true },
  ),
  comparison(
    "less",
    "Whether `a < b`.",
    "num",
    (a, b) => a < b,
    (a, b) => ["<", a, b],
  ),
  comparison(
    "less_equal",
    "Whether `a <= b`.",
    "num",
    (a, b) => a <= b,
    (a, b) => ["<=", a, b],
  ),
  comparison(
    "greater",
    "Whether `a > b`.",
    "num",
    (a, b) => a > b,
    (a, b) => ["<", b, a],
  ),
  comparison(
    "greater_equal",
    "Whether `a >= b`.",
    "num",
    (a, b) => a >= b,
    (a, b) => ["<=", b, a],
  ),

  {
    name: "select",
    doc: "`a` where the mask holds, else `b`. The mask is bool and comes first.",
    arity: 3,
    takes: "any",
    result: "same",
    cost: 1,
    laws: {},
    meaning: () => (mask, a, b) => (mask !== 0 ? a : b),
    host: (mask = 0, a = 0, b = 0) => ["+", ["*", mask, a], ["*", opposite(mask), b]],
  },
  {
    name: "cast",
    doc: "`x as T`: to the nearest value of T, halves to even; integers saturate, NaN gives 0; bool gives 0 or 1.",
    arity: 1,
    takes: "any",
    result: "given",
    cost: 1,
    laws: {},
    meaning: (_, result) => (a) => castNumber(result, a),
    host: (a = 0) => a,
  },
];

/** By name. The set is closed: a target that prints all of them can print every program. */
export const scalarFunctions: ReadonlyMap<string, ScalarFunction> = new Map(list.map((fn) => [fn.name, fn]));

export function scalarFunction(name: string): ScalarFunction {
  const fn = scalarFunctions.get(name);
  if (!fn) throw new Error(`no scalar function ${name}`);
  return fn;
}
