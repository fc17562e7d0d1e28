/** The scalar functions of `ops/scalar.ts` in operators of kernel code, for one element or a vector of them. */
import {
  type CodeBuilder,
  choose,
  compare,
  constant,
  convert,
  type Expr,
  isVector,
  type Kind,
  op,
  select,
} from "../ir/stmt.ts";
import { type DType, isFloat } from "../ir/types.ts";
import type { Target } from "./target.ts";

/** Storage dtypes are computed as the 32-bit type of their family. */
export const scalarKind = (dtype: DType): Kind => (isFloat(dtype) ? "f32" : "i32");
export const vectorKind = (dtype: DType): Kind => (isFloat(dtype) ? "f32x4" : "i32x4");
const isUnsigned = (dtype: DType): boolean => dtype === "u32" || dtype === "u8";

const scalarOnly: ReadonlySet<string> = new Set(["div", "mod"]);
/** Whether there is a vector form: integer division has none. */
export const hasVectorForm = (fn: string, dtype: DType): boolean => isFloat(dtype) || !scalarOnly.has(fn);

const comparisons = {
  equal: "eq",
  not_equal: "ne",
  less: "lt",
  less_equal: "le",
  greater: "gt",
  greater_equal: "ge",
} as const;
const isComparison = (fn: string): fn is keyof typeof comparisons => fn in comparisons;

/** `fn` at arguments of `dtype` (of the last argument, which is never a mask), giving `result`; `literal` is the value of an argument that is a literal. */
export function applyScalar(
  fn: string,
  dtype: DType,
  result: DType,
  args: readonly Expr[],
  code: CodeBuilder,
  target: Target,
  literal: (arg: number) => number | undefined,
): Expr {
  const [a, b, c] = args as readonly [Expr, Expr, Expr];
  const kind = a.kind;
  const number = (value: number, of: Kind = kind): Expr => code.constant(of, value);
  if (isComparison(fn)) return comparison(fn, dtype, a, b);
  if (fn === "select") return select(a, b, c);
  if (fn === "cast") return cast(dtype, result, a, code, target);
  if (dtype === "bool") {
    if (fn === "not") return isVector(kind) ? op("not", a) : op("xor", a, constant("i32", 1));
    return op(fn === "and" || fn === "minimum" ? "and" : "or", a, b);
  }
  if (isFloat(dtype)) {
    switch (fn) {
      case "neg":
      case "abs":
      case "sqrt":
      case "floor":
      case "ceil":
        return op(fn, a);
      case "round":
        return op("nearest", a);
      case "rsqrt":
        return op("div", number(1), op("sqrt", a));
      case "sign":
        return select(compare("gt", a, number(0)), number(1), select(compare("lt", a, number(0)), number(-1), a));
      case "add":
      case "sub":
      case "mul":
      case "div":
        return op(fn, a, b);
      case "mod":
        return op("sub", a, op("mul", b, op("floor", op("div", a, b))));
      case "maximum":
      case "minimum": {
        const name = fn === "maximum" ? "max" : "min";
        // NaN comes through as the first operand, so the one that may be NaN goes first; one of them cannot.
        const isConstant = (arg: number): boolean => !Number.isNaN(literal(arg) ?? Number.NaN);
        if (kind === "f32x4" && isConstant(1)) return op(`p${name}`, a, b);
        if (kind === "f32x4" && isConstant(0)) return op(`p${name}`, b, a);
        return op(name, a, b);
      }
      default:
        return target.expand(fn, args, code);
    }
  }
  switch (fn) {
    case "neg":
      return op("neg", a);
    case "add":
    case "sub":
    case "mul":
      return op(fn, a, b);
    case "abs":
      if (isUnsigned(dtype)) return a;
      return isVector(kind) ? op("abs", a) : select(compare("lt", a, number(0)), op("neg", a), a);
    case "sign": {
      const positive = compare(isUnsigned(dtype) ? "gt_u" : "gt", a, number(0));
      const negative = compare("lt", a, number(0));
      if (isUnsigned(dtype)) return isVector(kind) ? op("neg", positive) : positive;
      return isVector(kind) ? op("sub", negative, positive) : op("sub", positive, negative);
    }
    case "maximum":
    case "minimum": {
      const isMax = fn === "maximum";
      if (isVector(kind)) return op(isUnsigned(dtype) ? (isMax ? "max_u" : "min_u") : isMax ? "max" : "min", a, b);
      return select(compare(isUnsigned(dtype) ? (isMax ? "gt_u" : "lt_u") : isMax ? "gt" : "lt", a, b), a, b);
    }
    case "div":
    case "mod": {
      const by = literal(1);
      if (by === 0) return number(0);
      if (!isUnsigned(dtype)) return floorDivision(a, b, code, by)[fn === "div" ? "quotient" : "remainder"];
      const result = op(fn === "div" ? "quotient_u" : "remainder_u", a, b);
      return by === undefined ? choose(b, result, number(0)) : result;
    }
    case "bit_and":
      return op("and", a, b);
    case "bit_xor":
      return op("xor", a, b);
    case "mulhi": {
      // The product with 2^(32 - n) without sign has x >>> n in its high word.
      const by = isUnsigned(dtype) ? Math.log2(literal(1) ?? 0) : Number.NaN;
      if (Number.isInteger(by) && by > 0) return op("shr_u", a, constant("i32", 32 - by));
      const high = op("mulhi_u", a, b);
      if (isUnsigned(dtype)) return high;
      const ifNegative = (x: Expr, y: Expr): Expr => op("and", op("shr", x, constant("i32", 31)), y);
      return op("sub", op("sub", high, ifNegative(a, b)), ifNegative(b, a));
    }
    default:
      throw new Error(`no code for ${fn} of ${dtype}`);
  }
}

/** Floors, gives 0 where the divisor is 0, wraps at the least i32 over -1; `by` is the divisor where it is a literal. */
function floorDivision(
  a: Expr,
  b: Expr,
  code: CodeBuilder,
  by: number | undefined,
): { quotient: Expr; remainder: Expr } {
  const [zero, one] = [constant("i32", 0), constant("i32", 1)];
  if (by !== undefined && by > 0) {
    const rest = code.let(op("remainder", a, b), "rest");
    const below = code.let(compare("lt", rest, zero), "below");
    return {
      quotient: op("sub", op("quotient", a, b), below),
      remainder: select(below, op("add", rest, b), rest),
    };
  }
  // 0 and -1 become 1: the machine's division traps at 0 and at the one quotient that overflows.
  const divisor = code.let(select(compare("le_u", op("add", b, one), one), one, b), "divisor");
  const rest = code.let(op("remainder", a, divisor), "rest");
  const isBelow = op("and", compare("ne", rest, zero), compare("lt", op("xor", rest, divisor), zero));
  const below = code.let(isBelow, "below");
  const floored = op("sub", op("quotient", a, divisor), below);
  return {
    quotient: select(compare("eq", b, constant("i32", -1)), op("neg", a), select(b, floored, zero)),
    remainder: select(below, op("add", rest, divisor), rest),
  };
}

function comparison(fn: keyof typeof comparisons, dtype: DType, a: Expr, b: Expr): Expr {
  const name = comparisons[fn];
  return compare(isUnsigned(dtype) && name !== "eq" && name !== "ne" ? `${name}_u` : name, a, b);
}

/** What a small integer of storage can hold. */
const narrowRange = { i8: [-128, 127], u8: [0, 255] } as const;

function cast(from: DType, to: DType, a: Expr, code: CodeBuilder, target: Target): Expr {
  const vector = isVector(a.kind);
  if (from === to) return a;
  if (from === "bool") {
    if (!vector) return isFloat(to) ? convert("float", "f32", [a]) : a;
    const one = code.constant(isFloat(to) ? "f32x4" : "i32x4", 1);
    if (!isFloat(to)) return op("and", a, one);
    return convert("bits", "f32x4", [op("and", a, convert("bits", "i32x4", [one]))]);
  }
  if (isFloat(to)) {
    const toFloat = (x: Expr): Expr => convert(isUnsigned(from) ? "float_u" : "float", vector ? "f32x4" : "f32", [x]);
    const isWide = from === "i32" || from === "u32";
    const x = isFloat(from) ? a : toFloat(to === "bf16" && isWide ? withSticky(from, a, code) : a);
    // An f32 holds every element of the other types; f16 and bf16 hold those of i8 and u8.
    if (to === "f32" || !(isFloat(from) || isWide)) return x;
    return target.expand(to === "f16" ? "round_f16" : "round_bf16", [x], code);
  }
  const integer = isFloat(from)
    ? convert(to === "u32" ? "int_u" : "int", vector ? "i32x4" : "i32", [op("nearest", a)])
    : a;
  const known: DType = isFloat(from) ? (to === "u32" ? "u32" : "i32") : from;
  if (to === "i8" || to === "u8") {
    const [least, most] = narrowRange[to];
    if (known === "u32" || known === "u8") return bounded(known, "minimum", integer, most, code);
    return bounded(known, "minimum", bounded(known, "maximum", integer, least, code), most, code);
  }
  if (known === to || known === "u8" || (known === "i8" && to === "i32")) return integer;
  // Between signed and unsigned, what the other cannot hold saturates: those are the values with the sign bit.
  const limit = code.constant(integer.kind, to === "u32" ? 0 : 0x7fffffff);
  return select(compare("lt", integer, code.constant(integer.kind, 0)), limit, integer);
}

function bounded(dtype: DType, fn: "minimum" | "maximum", x: Expr, bound: number, code: CodeBuilder): Expr {
  const limit = code.constant(x.kind, bound);
  const name = fn === "minimum" ? "min" : "max";
  if (isVector(x.kind)) return op(isUnsigned(dtype) ? `${name}_u` : name, x, limit);
  const value = code.let(x, "bounded");
  const comparison = fn === "minimum" ? "lt" : "gt";
  return select(compare(isUnsigned(dtype) ? `${comparison}_u` : comparison, value, limit), value, limit);
}

/**
 * An integer on its way to bf16, whose 8 bits are to be rounded once: of one that an f32 would round, the low 9 bits
 * become a single one, which still says on which side of a tie it lies.
 */
function withSticky(dtype: DType, a: Expr, code: CodeBuilder): Expr {
  const number = (value: number): Expr => code.constant(a.kind, value);
  const x = code.let(a, "whole");
  const isNegative = op("shr", x, constant("i32", 31));
  const size = dtype === "u32" ? x : op("xor", x, isNegative);
  const low = op("and", x, number(0x1ff));
  const sticky = select(compare("ne", low, number(0)), number(0x100), number(0));
  return select(compare("lt_u", size, number(2 ** 24)), x, op("or", op("and", x, number(-0x200)), sticky));
}

/** A uniform value in all lanes. */
export function splatOf(dtype: DType, value: Expr, code: CodeBuilder): Expr {
  if (isVector(value.kind)) return value;
  if (value.op === "const") return code.constant(vectorKind(dtype), dtype === "bool" ? -value.value : value.value);
  const lane = dtype === "bool" ? op("neg", value) : value;
  return convert("splat", vectorKind(dtype), [lane]);
}
