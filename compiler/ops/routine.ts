/** What routines are written with: pointers by elements, rows along an axis, loops over contiguous words. */
import { type Dim, mulDims } from "../ir/dims.ts";
import { compare, constant, convert, type Expr, type Kind, load, op, plus, times, use } from "../ir/stmt.ts";
import { type DType, isFloat } from "../ir/types.ts";
import { argNumber } from "./attributes.ts";
import { failClass } from "./complaints.ts";
import type { Primitive, RoutineBuilder } from "./primitive.ts";
import { belongsTo } from "./scalar.ts";
import { firstOf } from "./shape.ts";

export const int = (value: number): Expr => constant("i32", value);
export const less = (a: Expr, b: Expr): Expr => compare("lt", a, b);
export const kindOf = (dtype: DType): Kind => (isFloat(dtype) ? "f32" : "i32");

/** The pointer to the element `index` behind `pointer`. */
export const elementAt = (build: RoutineBuilder, pointer: Expr, index: Expr): Expr =>
  plus(pointer, times(index, int(build.word)));

/** A shape as rows along one axis: `outer` times `inner` of them, with neighbours `inner` elements apart. */
export function rowsAlong(
  shape: readonly Dim[],
  axis: number,
): { readonly outer: Dim; readonly extent: Dim; readonly inner: Dim } {
  return {
    outer: mulDims(...shape.slice(0, axis)),
    extent: mulDims(...shape.slice(axis, axis + 1)),
    inner: mulDims(...shape.slice(axis + 1)),
  };
}

/** The call of what makes numbers of one type from those along an axis: `f(x, axis=-1)`. */
export const alongAxis: Pick<Primitive, "signature" | "infer"> = {
  signature: [
    { name: "x", kind: "tensor" },
    { name: "axis", kind: "axis", default: -1 },
  ],
  infer(call) {
    const x = firstOf(call.operands);
    if (!belongsTo(x.type.dtype, "num")) failClass(call, x, "num");
    return { type: x.type, attributes: { axis: argNumber(call, "axis") } };
  },
};

/** `body` for each of `count`. */
export function each(build: RoutineBuilder, name: string, count: Expr, body: (i: Expr) => void): void {
  build.code.loop(name, int(0), count, int(1), body);
}

/**
 * Runs over `count` contiguous words of kind `kind`: as vectors where the target has them, then one by one. `body` gets
 * the distance of a word from the first in address units.
 */
export function eachWord(
  build: RoutineBuilder,
  name: string,
  count: Expr,
  kind: "f32" | "i32",
  body: (distance: Expr, kind: Kind) => void,
): void {
  const { code, word, lanes } = build;
  const end = code.let(times(count, int(word)), "words");
  let from: Expr = int(0);
  if (lanes === 4) {
    const whole = code.let(op("and", end, int(~(4 * word - 1))), "whole");
    code.loop(name, from, whole, int(4 * word), (at) => body(at, kind === "f32" ? "f32x4" : "i32x4"));
    from = whole;
  }
  code.loop(name, from, end, int(word), (at) => body(at, kind));
}

/** Copies `count` words. */
export function copyWords(build: RoutineBuilder, to: Expr, from: Expr, count: Expr): void {
  eachWord(build, "w", count, "i32", (at, kind) => build.code.store(plus(to, at), 0, load(kind, plus(from, at), 0)));
}

/** A list of f32 in memory: `step` is the distance of neighbours in address units. */
export interface Run {
  readonly at: Expr;
  readonly step: Expr;
}

/** The sum of the products of `count` pairs of f32, in f64. */
export function dot(build: RoutineBuilder, a: Run, b: Run, count: Expr): Expr {
  const { code, word, lanes } = build;
  const isContiguous = [a, b].every(({ step }) => step.op === "const" && step.value === word);
  const sum = code.variable("sum", constant("f64", 0));
  const end = code.let(times(count, int(word)), "words");
  const wide = (pointer: Expr): Expr => convert("promote", "f64", [load("f32", pointer, 0)]);
  if (!isContiguous) {
    const [p, q] = [code.variable("p", a.at), code.variable("q", b.at)];
    each(build, "k", count, () => {
      code.set(sum, { kind: "f64", op: "madd", args: [wide(use(p)), wide(use(q)), use(sum)] });
      code.set(p, plus(use(p), a.step));
      code.set(q, plus(use(q), b.step));
    });
    return use(sum);
  }
  let from: Expr = int(0);
  if (lanes === 4) {
    // Two sums of two lanes each: four products at once.
    const halves = (["promote_low", "promote_high"] as const).map((half) => ({
      half,
      total: code.variable("pair", code.constant("f64x2", 0)),
    }));
    const whole = code.let(op("and", end, int(~(4 * word - 1))), "whole");
    code.loop("k", from, whole, int(4 * word), (at) => {
      const x = code.let(load("f32x4", plus(a.at, at), 0), "x");
      const y = code.let(load("f32x4", plus(b.at, at), 0), "y");
      for (const { half, total } of halves) {
        const product = op("mul", convert(half, "f64x2", [x]), convert(half, "f64x2", [y]));
        code.set(total, op("add", use(total), product));
      }
    });
    const [low, high] = halves.map(({ total }) => use(total));
    if (!low || !high) throw new Error("unreachable");
    const pair = code.let(op("add", low, high), "pair");
    code.set(sum, op("add", convert("extract", "f64", [pair], 0), convert("extract", "f64", [pair], 1)));
    from = whole;
  }
  code.loop("k", from, end, int(word), (at) => {
    const product = op("mul", wide(plus(a.at, at)), wide(plus(b.at, at)));
    code.set(sum, op("add", use(sum), product));
  });
  return use(sum);
}
