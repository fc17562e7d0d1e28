/** Reductions over axes of one operand: sum, prod, max, min, any, all, mean, argmax, argmin. */
import { type Dim, ONE, productOf } from "../ir/dims.ts";
import type { Monoid, Value } from "../ir/graph.ts";
import type { Affine, Combine } from "../ir/nest.ts";
import type { DType } from "../ir/types.ts";
import { argBoolean, argNumber, argNumbers, booleanOf, numberOf, numbersOf } from "./attributes.ts";
import { castText, failClass, typeLabel } from "./complaints.ts";
import { vjpOf } from "./comprehension-vjp.ts";
import { isJointlyLinear } from "./derivatives.ts";
import { elementsOf, forEachPoint, positionOf, stridesOf } from "./points.ts";
import type { Inferred, NdArray, NestBuilder, Primitive, PrimitiveCall, Vjp } from "./primitive.ts";
import { belongsTo, type DTypeClass, integerRange, scalarFunction } from "./scalar.ts";

// ---- monoids: shared with comprehensions ----------------------------------------------------------------

/** What a reduction takes, and what it gives: its operand's dtype, or i32 positions. */
export const MONOIDS: Readonly<Record<Monoid, { readonly takes: DTypeClass; readonly gives: "same" | "i32" }>> = {
  sum: { takes: "num", gives: "same" },
  prod: { takes: "num", gives: "same" },
  max: { takes: "num", gives: "same" },
  min: { takes: "num", gives: "same" },
  mean: { takes: "float", gives: "same" },
  any: { takes: "bool", gives: "same" },
  all: { takes: "bool", gives: "same" },
  argmax: { takes: "num", gives: "i32" },
  argmin: { takes: "num", gives: "i32" },
};

/** The dtype of a reduction of elements of `dtype`, or undefined where it takes none such. */
export function reducedDType(monoid: Monoid, dtype: DType): DType | undefined {
  const { takes, gives } = MONOIDS[monoid];
  return belongsTo(dtype, takes) ? (gives === "i32" ? "i32" : dtype) : undefined;
}

/** A fold in progress. */
export interface Accumulator {
  /** Starts over. */
  reset(): void;
  /** The next element, in row-major order of the reduced axes. */
  put(x: number): void;
  result(): number;
}

/** Folds in float64; integers wrap. `argmax` and `argmin` give the position of the first element that `max` or `min` gives. */
export function accumulator(monoid: Monoid, dtype: DType): Accumulator {
  let total = 0;
  let count = 0;
  let best = 0;
  const folding = (start: number, fold: (a: number, x: number) => number, finish = (a: number) => a): Accumulator => ({
    reset: () => {
      total = start;
      count = 0;
    },
    put: (x) => {
      total = fold(total, x);
      count++;
    },
    result: () => finish(total),
  });
  const choosing = (start: number, better: (x: number, than: number) => boolean): Accumulator => ({
    reset: () => {
      total = start;
      count = 0;
      best = 0;
    },
    put: (x) => {
      if (better(x, total)) {
        total = x;
        best = count;
      }
      count++;
    },
    result: () => best,
  });
  const [least, most] = belongsTo(dtype, "int") ? integerRange(dtype) : [-Infinity, Infinity];
  const arithmetic = (name: string) => {
    const fn = scalarFunction(name).meaning(dtype, dtype);
    return (a: number, x: number) => fn(a, x, 0);
  };
  switch (monoid) {
    case "sum":
      return folding(0, arithmetic("add"));
    case "prod":
      return folding(1, arithmetic("mul"));
    case "mean":
      return folding(0, arithmetic("add"), (sum) => sum / count);
    case "max":
      return folding(least, (a, x) => Math.max(a, x));
    case "min":
      return folding(most, (a, x) => Math.min(a, x));
    case "any":
      return folding(0, (a, x) => a | x);
    case "all":
      return folding(1, (a, x) => a & x);
    case "argmax":
      return choosing(least, (x, than) => x > than || (Number.isNaN(x) && !Number.isNaN(than)));
    case "argmin":
      return choosing(most, (x, than) => x < than || (Number.isNaN(x) && !Number.isNaN(than)));
  }
}

// ---- the records ------------------------------------------------------------------------------------------

/** The result's shape: the axes dropped, or kept with extent 1. */
function reducedShape(shape: readonly Dim[], axes: readonly number[], keep: boolean): readonly Dim[] {
  return keep ? shape.map((dim, i) => (axes.includes(i) ? ONE : dim)) : shape.filter((_, i) => !axes.includes(i));
}

/** Folds `x` over `axes`, in row-major order of them. */
function fold(x: NdArray, axes: readonly number[], monoid: Monoid): Float64Array {
  const strides = stridesOf(x.shape);
  const pick = <T>(list: readonly T[], reduced: boolean) => list.filter((_, i) => axes.includes(i) === reduced);
  const outer = pick(x.shape, false);
  const inner = pick(x.shape, true);
  const outerStrides = pick(strides, false);
  const innerStrides = pick(strides, true);
  const offsets: number[] = [];
  forEachPoint(inner, (index) => offsets.push(positionOf(index, innerStrides)));
  const acc = accumulator(monoid, x.dtype);
  const result = new Float64Array(elementsOf(outer));
  forEachPoint(outer, (index, position) => {
    const base = positionOf(index, outerStrides);
    acc.reset();
    for (const offset of offsets) acc.put(x.data[base + offset] ?? Number.NaN);
    result[position] = acc.result();
  });
  return result;
}

/** Index of the operand at the result's `at`, with fresh axes where it is reduced. */
function openAxes(build: NestBuilder, axes: readonly number[], keep: boolean, at: readonly Affine[]) {
  const { shape } = build.typeOf(0);
  const over: number[] = [];
  let next = 0;
  const index = shape.map((extent, i) => {
    if (axes.includes(i)) {
      if (keep) next++;
      const axis = build.reduceAxis(`r${i}`, extent);
      over.push(axis);
      return build.index(axis);
    }
    return at[next++] ?? build.literal(0);
  });
  return { index, over };
}

export function lowerReduction(
  build: NestBuilder,
  monoid: Monoid,
  over: readonly number[],
  extents: readonly Dim[],
  x: number,
  dtype: DType,
): number {
  if (over.length === 0 && monoid !== "argmax" && monoid !== "argmin") return x;
  const combine: Combine = monoid === "mean" ? "sum" : monoid;
  const folded = build.reduce(combine, over, x, dtype);
  return monoid === "mean" ? build.apply("div", dtype, folded, build.dim(productOf(extents), dtype)) : folded;
}

const DOCS: Readonly<Record<Monoid, string>> = {
  sum: "The sum of the elements over `axes`; integers keep their dtype and wrap.",
  prod: "The product of the elements over `axes`; integers keep their dtype and wrap.",
  mean: "The sum of the elements over `axes` divided by their number; floats only.",
  max: "The greatest element over `axes`; NaN if there is one.",
  min: "The least element over `axes`; NaN if there is one.",
  any: "Whether an element over `axes` is true.",
  all: "Whether every element over `axes` is true.",
  argmax:
    "The index of the greatest element along `axis` as i32, the first at ties; the first NaN if there is one, as `max` gives it.",
  argmin:
    "The index of the least element along `axis` as i32, the first at ties; the first NaN if there is one, as `min` gives it.",
};

/** Sums of bools count, and means of integers have fractions: both need a cast that the message names. */
function checkTakes(call: PrimitiveCall, monoid: Monoid): DType {
  const [x] = call.operands;
  if (!x) throw new Error(`\`${call.spelling}\` has no operand`);
  const dtype = reducedDType(monoid, x.type.dtype);
  if (dtype !== undefined) return dtype;
  if ((monoid === "sum" || monoid === "prod") && x.type.dtype === "bool") {
    const fixed = castText(x, "i32");
    return call.fail({
      code: "TFG0304",
      message: `\`${call.spelling}\` of \`bool\` needs a number type`,
      primary: typeLabel(x),
      helps: [{ text: `to count, write \`${call.spelling}(${fixed})\``, edits: [{ span: x.span, text: fixed }] }],
    });
  }
  return failClass(call, x, MONOIDS[monoid].takes);
}

function reduction(name: string, monoid: Monoid): Primitive {
  return {
    name,
    callee: monoid,
    doc: `${DOCS[monoid]} All axes if none is given; with \`keep\` they stay with extent 1.`,
    signature: [
      { name: "x", kind: "tensor" },
      { name: "axis", kind: "axes" },
      { name: "keep", kind: "bool", default: false },
    ],
    class: "reduce",
    infer(call): Inferred {
      const dtype = checkTakes(call, monoid);
      const axes = argNumbers(call, "axis");
      const keep = argBoolean(call, "keep");
      return {
        type: { dtype, shape: reducedShape(call.operands[0]?.type.shape ?? [], axes, keep) },
        attributes: { axes, keep },
      };
    },
    meaning([x], value) {
      if (!x) throw new Error(`\`${name}\` has no operand`);
      return fold(x, numbersOf(value, "axes"), monoid);
    },
    nest(build, value, at) {
      const axes = numbersOf(value, "axes");
      const { index, over } = openAxes(build, axes, booleanOf(value, "keep"), at);
      const extents = build.typeOf(0).shape.filter((_, i) => axes.includes(i));
      return lowerReduction(build, monoid, over, extents, build.operand(0, index), value.type.dtype);
    },
    vjp: reductionVjp(monoid),
    linear: monoid === "sum" || monoid === "mean" ? isJointlyLinear : () => false,
  };
}

/** Sums and means hand the same to every element; what the others hand to which is a matter of the elements. */
function reductionVjp(monoid: Monoid): Vjp | "zero" {
  switch (monoid) {
    case "sum":
    case "mean":
      return ({ emit, value, cotangent }) =>
        value.args.map((x) => {
          const { shape } = emit.typeOf(x);
          const axes = numbersOf(value, "axes");
          const kept = emit.apply("reshape", [cotangent], { shape: reducedShape(shape, axes, true) });
          const count = () => emit.dim(productOf(shape.filter((_, i) => axes.includes(i))), "f32");
          const share = monoid === "mean" ? emit.apply("div", [kept, count()]) : kept;
          return emit.apply("broadcast", [share], { shape });
        });
    case "max":
    case "min":
    case "prod": {
      const vjp = vjpOf((value, at, writer) => {
        const axes = numbersOf(value, "axes");
        const over: number[] = [];
        let next = 0;
        const index = writer.shapeOf(0).map((extent, i) => {
          if (!axes.includes(i)) return at[next++] ?? writer.constant(0, "i32");
          if (booleanOf(value, "keep")) next++;
          over.push(writer.newAxis(`r${i}`, extent));
          return writer.axis(over[over.length - 1] ?? 0);
        });
        return writer.reduce(monoid, over, writer.element(0, index));
      });
      return (pullback) => (numbersOf(pullback.value, "axes").length === 0 ? [pullback.cotangent] : vjp(pullback));
    }
    default:
      return "zero";
  }
}

function position(monoid: "argmax" | "argmin"): Primitive {
  const axesOf = (value: Value) => [numberOf(value, "axis")];
  return {
    name: monoid,
    callee: monoid,
    doc: DOCS[monoid],
    signature: [
      { name: "x", kind: "tensor" },
      { name: "axis", kind: "axis", default: -1 },
    ],
    class: "reduce",
    infer(call): Inferred {
      const dtype = checkTakes(call, monoid);
      const axis = argNumber(call, "axis");
      return {
        type: { dtype, shape: reducedShape(call.operands[0]?.type.shape ?? [], [axis], false) },
        attributes: { axis },
      };
    },
    meaning([x], value) {
      if (!x) throw new Error(`\`${monoid}\` has no operand`);
      return fold(x, axesOf(value), monoid);
    },
    nest(build, value, at) {
      const { index, over } = openAxes(build, axesOf(value), false, at);
      return build.reduce(monoid, over, build.operand(0, index), "i32");
    },
    vjp: "zero",
  };
}

export const reductions: readonly Primitive[] = [
  reduction("reduce_sum", "sum"),
  reduction("reduce_prod", "prod"),
  reduction("reduce_max", "max"),
  reduction("reduce_min", "min"),
  reduction("reduce_any", "any"),
  reduction("reduce_all", "all"),
  reduction("reduce_mean", "mean"),
  position("argmax"),
  position("argmin"),
];
