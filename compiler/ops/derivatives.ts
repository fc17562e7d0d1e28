/**
 * Derivatives of the scalar functions, written once for values of a graph and for scalars of a comprehension.
 *
 * Where a function is not smooth: `abs` has 0 at 0; at ties `maximum` and `minimum` give all of it to the first
 * operand (language.md 6.2). A factor that is 0 never meets one that is infinite only because the point is an edge of
 * the domain: `x ** b` at x = 0 has finite derivatives where the function has.
 */
import type { Dependence } from "./primitive.ts";

/** What derivatives are built of. Constants have the dtype of the function's operands. */
export interface Algebra<T> {
  apply(fn: string, ...args: readonly T[]): T;
  constant(value: number): T;
}

/** The cotangent of each operand from that of the result, made only where it is wanted. */
type Rule = <T>(
  of: Algebra<T>,
  args: readonly T[],
  result: () => T,
  cotangent: T,
) => readonly ((() => T) | undefined)[];

export interface Derivative {
  readonly rule: Rule | "zero";
  /**
   * Linear in all float operands `jointly`, in `each` while the other is fixed, or in the `first` while the other is
   * fixed. Absent: not linear.
   */
  readonly linear?: "jointly" | "each" | "first";
}

/** Rules of one and of two operands, which a derivative is written with. */
const unary =
  (rule: <T>(of: Algebra<T>, x: T, result: () => T, g: T) => T): Rule =>
  (of, [x], result, g) =>
    x === undefined ? [] : [() => rule(of, x, result, g)];
const binary =
  (
    left: <T>(of: Algebra<T>, a: T, b: T, result: () => T, g: T) => T,
    right: <T>(of: Algebra<T>, a: T, b: T, result: () => T, g: T) => T,
  ): Rule =>
  (of, [a, b], result, g) =>
    a === undefined || b === undefined ? [] : [() => left(of, a, b, result, g), () => right(of, a, b, result, g)];

const choose = <T>(of: Algebra<T>, mask: T, cotangent: T): T => of.apply("select", mask, cotangent, of.constant(0));
const reject = <T>(of: Algebra<T>, mask: T, cotangent: T): T => of.apply("select", mask, of.constant(0), cotangent);

const ZERO: Derivative = { rule: "zero" };

/** By the name of the function. `cast` is left to those who know the dtypes; it is linear between floats. */
export const derivatives: Readonly<Record<string, Derivative>> = {
  neg: { rule: unary((of, _, __, g) => of.apply("neg", g)), linear: "jointly" },
  abs: { rule: unary((of, x, _, g) => of.apply("mul", g, of.apply("sign", x))) },
  sign: ZERO,
  exp: { rule: unary((of, _, y, g) => of.apply("mul", g, y())) },
  log: { rule: unary((of, x, _, g) => of.apply("div", g, x)) },
  sqrt: { rule: unary((of, _, y, g) => of.apply("div", of.apply("mul", of.constant(0.5), g), y())) },
  rsqrt: {
    // d x^(-1/2) = -1/2 x^(-3/2), from the result, which is at hand.
    rule: unary((of, _, y, g) => {
      const cubed = of.apply("mul", of.apply("mul", y(), y()), y());
      return of.apply("mul", of.apply("mul", of.constant(-0.5), g), cubed);
    }),
  },
  sin: { rule: unary((of, x, _, g) => of.apply("mul", g, of.apply("cos", x))) },
  cos: { rule: unary((of, x, _, g) => of.apply("neg", of.apply("mul", g, of.apply("sin", x)))) },
  tanh: {
    rule: unary((of, _, y, g) => of.apply("mul", g, of.apply("sub", of.constant(1), of.apply("mul", y(), y())))),
  },
  erf: {
    rule: unary((of, x, _, g) => {
      const bell = of.apply("exp", of.apply("neg", of.apply("mul", x, x)));
      return of.apply("mul", of.apply("mul", of.constant(2 / Math.sqrt(Math.PI)), g), bell);
    }),
  },
  floor: ZERO,
  ceil: ZERO,
  round: ZERO,
  round_f32: { rule: unary((_, __, ___, g) => g), linear: "jointly" },
  not: ZERO,
  add: {
    rule: binary(
      (_, __, ___, ____, g) => g,
      (_, __, ___, ____, g) => g,
    ),
    linear: "jointly",
  },
  sub: {
    rule: binary(
      (_, __, ___, ____, g) => g,
      (of, _, __, ___, g) => of.apply("neg", g),
    ),
    linear: "jointly",
  },
  mul: {
    rule: binary(
      (of, _, b, __, g) => of.apply("mul", g, b),
      (of, a, _, __, g) => of.apply("mul", g, a),
    ),
    linear: "each",
  },
  div: {
    rule: binary(
      (of, _, b, __, g) => of.apply("div", g, b),
      (of, _, b, y, g) => of.apply("neg", of.apply("div", of.apply("mul", g, y()), b)),
    ),
    linear: "first",
  },
  mod: {
    rule: binary(
      (_, __, ___, ____, g) => g,
      (of, a, b, _, g) => of.apply("neg", of.apply("mul", g, of.apply("floor", of.apply("div", a, b)))),
    ),
  },
  pow: {
    rule: binary(
      (of, a, b, _, g) => {
        const slope = of.apply("mul", b, of.apply("pow", a, of.apply("sub", b, of.constant(1))));
        return of.apply("mul", g, reject(of, of.apply("equal", b, of.constant(0)), slope));
      },
      (of, a, _, y, g) => {
        const slope = of.apply("mul", y(), of.apply("log", a));
        return of.apply("mul", g, reject(of, of.apply("equal", a, of.constant(0)), slope));
      },
    ),
  },
  maximum: {
    rule: binary(
      (of, a, b, _, g) => choose(of, of.apply("greater_equal", a, b), g),
      (of, a, b, _, g) => reject(of, of.apply("greater_equal", a, b), g),
    ),
  },
  minimum: {
    rule: binary(
      (of, a, b, _, g) => choose(of, of.apply("less_equal", a, b), g),
      (of, a, b, _, g) => reject(of, of.apply("less_equal", a, b), g),
    ),
  },
  bit_and: ZERO,
  bit_xor: ZERO,
  mulhi: ZERO,
  and: ZERO,
  or: ZERO,
  equal: ZERO,
  not_equal: ZERO,
  less: ZERO,
  less_equal: ZERO,
  greater: ZERO,
  greater_equal: ZERO,
  select: {
    rule: (of, [mask], _, g) =>
      mask === undefined ? [] : [undefined, () => choose(of, mask, g), () => reject(of, mask, g)],
    linear: "jointly",
  },
};

export function derivativeOf(fn: string): Derivative {
  const derivative = derivatives[fn];
  if (!derivative) throw new Error(`the derivative of \`${fn}\` is not defined`);
  return derivative;
}

// ---- linearity ---------------------------------------------------------------------------------------------

const isZeroOr = (kind: Dependence): boolean => kind !== "fixed";

/** Linear in all operands together: each is, or is zero. */
export const isJointlyLinear = (_: unknown, operands: readonly Dependence[]): boolean => operands.every(isZeroOr);
/** Linear in each operand while the others are fixed. */
export const isLinearInOne = (_: unknown, operands: readonly Dependence[]): boolean =>
  operands.filter((kind) => kind === "linear").length === 1;
/** Linear in the first operand while the others are fixed; a mask or an index is a fixed one. */
export const isLinearInFirst = (_: unknown, [, ...others]: readonly Dependence[]): boolean =>
  !others.includes("linear");

/** Whether a scalar function is linear in the operands that are. */
export function isLinearFunction(fn: string, operands: readonly Dependence[]): boolean {
  // The mask chooses; what it chooses from has to be linear.
  const values = fn === "select" ? operands.slice(1) : operands;
  if (fn === "select" && operands[0] === "linear") return false;
  switch (derivatives[fn]?.linear) {
    case "jointly":
      return isJointlyLinear(undefined, values);
    case "each":
      return isLinearInOne(undefined, values);
    case "first":
      return isLinearInFirst(undefined, values);
    default:
      return false;
  }
}
