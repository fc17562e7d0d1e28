/**
 * Compile-time arithmetic on ints (with run dims), floats, bools, strings and lists. Undefined means "not here": a
 * run dim meets a float, or an order of sizes is not known, and the operation becomes one of tensors.
 */
import type { BinaryOperator } from "../../grammar/syntax.ts";
import {
  addDims,
  ceilDivDims,
  type Dim,
  floorDivDims,
  formatDim,
  literalOf,
  maxDims,
  minDims,
  modDims,
  mulDims,
  ONE,
  scaleDim,
  subDims,
} from "../ir/dims.ts";
import { type DType, isStorageOnly } from "../ir/types.ts";
import { scalarFunctions } from "../ops/scalar.ts";
import { bool, type Entity, float, int, isNumber, list, type NumberEntity, numberOf } from "./entity.ts";
import type { Facts } from "./facts.ts";

/** Why an operation on compile-time values has no result. */
export class NoValue extends Error {}

/** The dtype that declarations gave the operands; literals have none and adapt. */
function dtypeOf(a: NumberEntity, b: NumberEntity): DType | undefined {
  if (a.dtype !== undefined && b.dtype !== undefined && a.dtype !== b.dtype)
    throw new NoValue(`\`${a.dtype}\` and \`${b.dtype}\` do not mix`);
  return a.dtype ?? b.dtype;
}
const typed = <T extends NumberEntity>(entity: T, dtype: DType | undefined): T =>
  dtype === undefined ? entity : { ...entity, dtype };

/** `max` of sizes: the greater if the facts tell which, else an atom. */
export function extremeDim(kind: "max" | "min", a: Dim, b: Dim, facts: Facts): Dim {
  if (facts.atLeast(subDims(a, b), 0)) return kind === "max" ? a : b;
  if (facts.atLeast(subDims(b, a), 0)) return kind === "max" ? b : a;
  return kind === "max" ? maxDims(a, b) : minDims(a, b);
}

function divisor(b: Dim, facts: Facts, what: string): Dim {
  const literal = literalOf(b);
  if (literal === 0) throw new NoValue(`${what} by zero`);
  if (literal === undefined && !facts.atLeast(b, 1))
    throw new NoValue(`${what} by ${formatDim(b)}, which may be zero or negative`);
  return b;
}

export function floorDiv(a: Dim, b: Dim, facts: Facts): Dim {
  const by = divisor(b, facts, "division");
  const literal = literalOf(by);
  return literal !== undefined && literal < 0 ? floorDivDims(scaleDim(a, -1), scaleDim(by, -1)) : floorDivDims(a, by);
}
export function ceilDiv(a: Dim, b: Dim, facts: Facts): Dim {
  const by = divisor(b, facts, "division");
  const literal = literalOf(by);
  return literal !== undefined && literal < 0 ? ceilDivDims(scaleDim(a, -1), scaleDim(by, -1)) : ceilDivDims(a, by);
}
function modulo(a: Dim, b: Dim, facts: Facts): Dim {
  const by = divisor(b, facts, "remainder");
  return literalOf(by) !== undefined && (literalOf(by) ?? 1) < 0
    ? subDims(a, mulDims(by, floorDiv(a, by, facts)))
    : modDims(a, by);
}

function power(a: Dim, exponent: number): Dim | undefined {
  const base = literalOf(a);
  if (base !== undefined) {
    const value = base ** exponent;
    return Number.isInteger(value) ? scaleDim(ONE, value) : undefined;
  }
  if (exponent < 0 || exponent > 8) return undefined;
  let result = ONE;
  for (let i = 0; i < exponent; i++) result = mulDims(result, a);
  return result;
}

function intArithmetic(operator: BinaryOperator, a: Dim, b: Dim, facts: Facts): Entity | undefined {
  switch (operator) {
    case "+":
      return int(addDims(a, b));
    case "-":
      return int(subDims(a, b));
    case "*":
      return int(mulDims(a, b));
    case "/":
      return int(floorDiv(a, b, facts));
    case "%":
      return int(modulo(a, b, facts));
    case "**": {
      const exponent = literalOf(b);
      const value = exponent === undefined ? undefined : power(a, exponent);
      if (value) return int(value);
      const base = literalOf(a);
      return base !== undefined && exponent !== undefined ? float(base ** exponent) : undefined;
    }
    default:
      return intOrder(operator, a, b, facts);
  }
}

function intOrder(operator: BinaryOperator, a: Dim, b: Dim, facts: Facts): Entity | undefined {
  const difference = subDims(a, b);
  const atLeast = (dim: Dim, minimum: number): boolean => facts.atLeast(dim, minimum);
  const back = scaleDim(difference, -1);
  const decide = (yes: boolean, no: boolean): Entity | undefined => (yes ? bool(true) : no ? bool(false) : undefined);
  const differs = atLeast(difference, 1) || atLeast(back, 1);
  switch (operator) {
    case "==":
      return decide(facts.equal(a, b), differs);
    case "!=":
      return decide(differs, facts.equal(a, b));
    case "<":
      return decide(atLeast(back, 1), atLeast(difference, 0));
    case "<=":
      return decide(atLeast(back, 0), atLeast(difference, 1));
    case ">":
      return decide(atLeast(difference, 1), atLeast(back, 0));
    case ">=":
      return decide(atLeast(difference, 0), atLeast(back, 1));
    default:
      return undefined;
  }
}

const FLOAT_FUNCTIONS: Partial<Record<BinaryOperator, string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "mod",
  "**": "pow",
};

function floatArithmetic(operator: BinaryOperator, a: number, b: number): Entity | undefined {
  const name = FLOAT_FUNCTIONS[operator];
  if (name) {
    const fn = scalarFunctions.get(name);
    return fn ? float(fn.meaning("f32", "f32")(a, b, 0)) : undefined;
  }
  switch (operator) {
    case "==":
      return bool(a === b);
    case "!=":
      return bool(a !== b);
    case "<":
      return bool(a < b);
    case "<=":
      return bool(a <= b);
    case ">":
      return bool(a > b);
    case ">=":
      return bool(a >= b);
    default:
      return undefined;
  }
}

/** Operators on numbers that are declared i32 or u32: they wrap and divide as in a run. */
const INTEGER_FUNCTIONS: Partial<Record<BinaryOperator, string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "mod",
};

function wrapping(
  name: string | undefined,
  dtype: DType | undefined,
  args: readonly NumberEntity[],
): NumberEntity | undefined {
  const fn = name === undefined ? undefined : scalarFunctions.get(name);
  const literals = args.map((arg) => (arg.kind === "int" ? literalOf(arg.dim) : undefined));
  if (!fn || (dtype !== "i32" && dtype !== "u32") || literals.includes(undefined)) return undefined;
  const [x = 0, y = 0] = literals;
  return typed(int(fn.meaning(dtype, dtype)(x, y, 0) + 0), dtype);
}

function wrappedPower(dtype: DType | undefined, a: NumberEntity, b: NumberEntity): NumberEntity | undefined {
  const exponent = numberOf(b) ?? -1;
  if ((dtype !== "i32" && dtype !== "u32") || a.kind !== "int" || b.kind !== "int" || exponent < 0) return undefined;
  let power: NumberEntity | undefined = { kind: "int", dim: ONE, dtype };
  let square: NumberEntity | undefined = { ...a, dtype };
  for (let rest = exponent; rest > 0 && power && square; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = wrapping("mul", dtype, [power, square]);
    square = wrapping("mul", dtype, [square, square]);
  }
  return power;
}

function equalStatic(a: Entity, b: Entity, facts: Facts): boolean | undefined {
  if (a.kind === "str" && b.kind === "str") return a.value === b.value;
  if (a.kind === "bool" && b.kind === "bool") return a.value === b.value;
  if (a.kind === "list" && b.kind === "list") {
    if (a.items.length !== b.items.length) return false;
    let all: boolean | undefined = true;
    for (const [i, item] of a.items.entries()) {
      const same = equalStatic(item, b.items[i] ?? item, facts);
      if (same === false) return false;
      if (same === undefined) all = undefined;
    }
    return all;
  }
  if (isNumber(a) && isNumber(b)) {
    const result = binaryStatic("==", a, b, facts);
    return result?.kind === "bool" ? result.value : undefined;
  }
  return undefined;
}

/** `a operator b` for compile-time operands. */
export function binaryStatic(operator: BinaryOperator, a: Entity, b: Entity, facts: Facts): Entity | undefined {
  if (isNumber(a) && isNumber(b)) {
    const dtype = dtypeOf(a, b);
    if (dtype !== undefined && isStorageOnly(dtype) && operator !== "==" && operator !== "!=") return undefined;
    const wrapped =
      operator === "**" ? wrappedPower(dtype, a, b) : wrapping(INTEGER_FUNCTIONS[operator], dtype, [a, b]);
    if (wrapped) return wrapped;
    const result =
      a.kind === "int" && b.kind === "int" && dtype !== "f32"
        ? intArithmetic(operator, a.dim, b.dim, facts)
        : numberOf(a) !== undefined && numberOf(b) !== undefined
          ? floatArithmetic(operator, numberOf(a) ?? 0, numberOf(b) ?? 0)
          : undefined;
    return result && isNumber(result) ? typed(result, dtype) : result;
  }
  if (operator === "&&" || operator === "||") {
    if (a.kind !== "bool" || b.kind !== "bool") return undefined;
    return bool(operator === "&&" ? a.value && b.value : a.value || b.value);
  }
  if (operator === "==" || operator === "!=") {
    const same = equalStatic(a, b, facts);
    return same === undefined ? undefined : bool(same === (operator === "=="));
  }
  if (operator === "+") {
    if (a.kind === "str" && b.kind === "str") return { kind: "str", value: a.value + b.value };
    if (a.kind === "list" && b.kind === "list" && a.dtype === undefined && b.dtype === undefined)
      return list([...a.items, ...b.items]);
  }
  return undefined;
}

export function negateStatic(entity: NumberEntity): NumberEntity | undefined {
  if (entity.dtype !== undefined && isStorageOnly(entity.dtype)) return undefined;
  const wrapped = wrapping("neg", entity.dtype, [entity]);
  if (wrapped) return wrapped;
  return entity.kind === "int" ? { ...entity, dim: scaleDim(entity.dim, -1) } : { ...entity, value: -entity.value };
}

/** A scalar function of compile-time numbers: `sqrt(2.0)`, `abs(-3)`. */
export function applyStatic(name: string, args: readonly Entity[], facts: Facts): Entity | undefined {
  const fn = scalarFunctions.get(name);
  if (!fn || args.length !== fn.arity || fn.result === "given") return undefined;
  if (name === "select") {
    const [mask, a, b] = args;
    return mask?.kind === "bool" && a && b && isNumber(a) && isNumber(b) && a.kind === b.kind
      ? mask.value
        ? a
        : b
      : undefined;
  }
  if (!args.every(isNumber)) return undefined;
  const [a, b] = args;
  if (!a) return undefined;
  const dtype = b ? dtypeOf(a, b) : a.dtype;
  if (dtype !== undefined && isStorageOnly(dtype)) return undefined;
  const wrapped = fn.result === "same" && fn.takes === "num" ? wrapping(name, dtype, args.filter(isNumber)) : undefined;
  if (wrapped) return wrapped;
  if (a.kind === "int" && (!b || b.kind === "int") && fn.takes !== "float" && dtype !== "f32") {
    if (b && (name === "maximum" || name === "minimum"))
      return typed(
        int(extremeDim(name === "maximum" ? "max" : "min", a.dim, b.kind === "int" ? b.dim : a.dim, facts)),
        dtype,
      );
    if (name === "abs")
      return facts.atLeast(a.dim, 0) ? a : facts.atLeast(scaleDim(a.dim, -1), 0) ? negateStatic(a) : undefined;
    const literals = args.map(numberOf);
    if (literals.every((value) => value !== undefined) && fn.result === "same") {
      const [x = 0, y = 0] = literals;
      return typed(int(fn.meaning("f32", "f32")(x, y, 0)), dtype);
    }
    return undefined;
  }
  const numbers = args.map(numberOf);
  if (numbers.some((value) => value === undefined) || fn.result !== "same") return undefined;
  const [x = 0, y = 0] = numbers;
  return typed(float(fn.meaning("f32", "f32")(x, y, 0)), dtype === "i32" || dtype === "u32" ? undefined : dtype);
}

/** `as` on a compile-time number. */
export function castStatic(entity: Entity, to: DType): Entity | undefined {
  const value = entity.kind === "bool" ? Number(entity.value) : numberOf(entity);
  if (value === undefined) return undefined;
  const cast = scalarFunctions.get("cast");
  if (!cast || to === "bool") return undefined;
  const converted = cast.meaning("f32", to)(value, 0, 0);
  return to === "f32" || to === "f16" || to === "bf16"
    ? { kind: "float", value: converted, dtype: to }
    : { ...int(converted), dtype: to };
}
