/** Where an index of a comprehension can lie: proofs that a read stays inside of its array. */
import { addDims, type Dim, dimOf, literalOf, mulDims, ONE, scaleDim, subDims, ZERO } from "../ir/dims.ts";
import type { Scalar } from "../ir/graph.ts";
import type { Facts } from "./facts.ts";
import { folding } from "../ops/scalars.ts";
import { extremeDim, floorDiv } from "./numbers.ts";

export interface AxisRange {
  readonly extent: Dim;
}

/** `plus + sum of times · axis` */
export interface AffineIndex {
  readonly times: ReadonlyMap<number, Dim>;
  readonly plus: Dim;
}

/** The index as an affine function of the axes, where it is one. */
export const affineIndex = (scalar: Scalar): AffineIndex | undefined => affine(scalar) || undefined;

const affine = folding<AffineIndex | false>((scalar, within) => {
  switch (scalar.kind) {
    case "axis":
      return { times: new Map([[scalar.axis, ONE]]), plus: ZERO };
    case "constant":
      return Number.isInteger(scalar.value) ? { times: new Map(), plus: dimOf(scalar.value) } : false;
    case "dim":
      return { times: new Map(), plus: scalar.dim };
    case "apply": {
      const [a, b] = scalar.args.map(within);
      if (!a) return false;
      if (scalar.fn === "neg") return combine(a, dimOf(-1), { times: new Map(), plus: ZERO }, ONE);
      if (!b) return false;
      if (scalar.fn === "add") return combine(a, ONE, b, ONE);
      if (scalar.fn === "sub") return combine(a, ONE, b, dimOf(-1));
      if (scalar.fn !== "mul") return false;
      const nothing = { times: new Map(), plus: ZERO };
      if (b.times.size === 0) return combine(a, b.plus, nothing, ONE);
      return a.times.size === 0 ? combine(b, a.plus, nothing, ONE) : false;
    }
    default:
      return false;
  }
});

function combine(a: AffineIndex, p: Dim, b: AffineIndex, q: Dim): AffineIndex {
  const times = new Map<number, Dim>();
  for (const [from, by] of [
    [a, p],
    [b, q],
  ] as const)
    for (const [axis, coefficient] of from.times)
      times.set(axis, addDims(times.get(axis) ?? ZERO, mulDims(coefficient, by)));
  for (const [axis, coefficient] of times) if (literalOf(coefficient) === 0) times.delete(axis);
  return { times, plus: addDims(mulDims(a.plus, p), mulDims(b.plus, q)) };
}

/** Inclusive bounds, each as far as it is known. */
export interface IndexRange {
  readonly low?: Dim;
  readonly high?: Dim;
}

/** A bound that takes more letters to write is none: choices between products of choices grow with every step. */
const LONGEST = 400;
const isShort = (bound: Dim): boolean => bound.key.length <= LONGEST;

const range = (low: Dim | undefined, high: Dim | undefined): IndexRange => ({
  ...(low && isShort(low) ? { low } : {}),
  ...(high && isShort(high) ? { high } : {}),
});

/** Of two bounds on one side, both of which hold: the closer one, or the simpler one where that is a long choice. */
function closer(x: Dim, y: Dim, choose: (x: Dim, y: Dim) => Dim): Dim {
  const closest = choose(x, y);
  if (closest.key.length <= 2 * Math.min(x.key.length, y.key.length) + LONGEST / 8) return closest;
  return x.key.length < y.key.length ? x : y;
}

/** All values that an index takes lie in this range. */
export const indexRange = (scalar: Scalar, axes: readonly AxisRange[], facts: Facts): IndexRange =>
  folding<IndexRange>((part, within) => rangeOf(part, within, axes, facts))(scalar);

function rangeOf(
  scalar: Scalar,
  within: (part: Scalar) => IndexRange,
  axes: readonly AxisRange[],
  facts: Facts,
): IndexRange {
  const sum = affineIndex(scalar);
  if (sum) return affineRange(sum, axes, facts);
  if (scalar.kind !== "apply") return scalar.dtype === "u32" ? { low: ZERO } : {};
  const parts = scalar.args.map(within);
  const [a, b, c] = parts;
  if (!a) return {};
  const both = (x: Dim | undefined, y: Dim | undefined, join: (x: Dim, y: Dim) => Dim): Dim | undefined =>
    x && y ? join(x, y) : undefined;
  const greater = (x: Dim, y: Dim): Dim => extremeDim("max", x, y, facts);
  const lesser = (x: Dim, y: Dim): Dim => extremeDim("min", x, y, facts);
  switch (scalar.fn) {
    case "neg":
      return range(a.high && scaleDim(a.high, -1), a.low && scaleDim(a.low, -1));
    case "add":
      return range(
        both(a.low, b?.low, (x, y) => addDims(x, y)),
        both(a.high, b?.high, (x, y) => addDims(x, y)),
      );
    case "sub":
      return range(both(a.low, b?.high, subDims), both(a.high, b?.low, subDims));
    case "mul": {
      const isPositive = a.low && b?.low && facts.atLeast(a.low, 0) && facts.atLeast(b.low, 0);
      return isPositive
        ? range(
            both(a.low, b?.low, (x, y) => mulDims(x, y)),
            both(a.high, b?.high, (x, y) => mulDims(x, y)),
          )
        : {};
    }
    case "maximum":
      // max(a, b) is at least whichever bound is known.
      return range(a.low && b?.low ? closer(a.low, b.low, greater) : (a.low ?? b?.low), both(a.high, b?.high, greater));
    case "minimum":
      return range(
        both(a.low, b?.low, lesser),
        a.high && b?.high ? closer(a.high, b.high, lesser) : (a.high ?? b?.high),
      );
    case "select":
      return range(both(b?.low, c?.low, lesser), both(b?.high, c?.high, greater));
    case "div": {
      const by = b?.low && b.high && b.low.key === b.high.key ? b.low : undefined;
      if (!by || !facts.atLeast(by, 1)) return {};
      return range(a.low && floorDiv(a.low, by, facts), a.high && floorDiv(a.high, by, facts));
    }
    case "mod": {
      const by = b?.low && b.high && b.low.key === b.high.key ? b.low : undefined;
      return by && facts.atLeast(by, 1) ? { low: ZERO, high: subDims(by, ONE) } : {};
    }
    case "abs":
      // The least i32 stays itself, so something must be known below.
      return a.low ? range(ZERO, a.high && greater(a.high, scaleDim(a.low, -1))) : {};
    case "cast":
      return scalar.args[0]?.dtype === "i32" || scalar.args[0]?.dtype === "u32"
        ? a
        : scalar.args[0]?.dtype === "bool"
          ? { low: ZERO, high: ONE }
          : {};
    default:
      return {};
  }
}

/** An affine function is least and greatest at corners of its domain. */
export function affineRange(affine: AffineIndex, axes: readonly AxisRange[], facts: Facts): IndexRange {
  let low: Dim | undefined = affine.plus;
  let high: Dim | undefined = affine.plus;
  for (const [axis, times] of affine.times) {
    const last = mulDims(times, subDims(axes[axis]?.extent ?? ONE, ONE));
    if (facts.atLeast(times, 0)) high = high && addDims(high, last);
    else if (facts.atLeast(scaleDim(times, -1), 0)) low = low && addDims(low, last);
    else return {};
  }
  return range(low, high);
}
