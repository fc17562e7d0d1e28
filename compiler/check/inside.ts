/**
 * Proofs that an index stays inside of its axis, where its least and greatest values alone do not tell: as a size over
 * the indices of the comprehension, with what the conditions around the read say.
 */
import {
  addDims,
  type Dim,
  dimOf,
  dimSymbol,
  floorDivDims,
  maxDims,
  minDims,
  modDims,
  mulDims,
  ONE,
  scaleDim,
  subDims,
} from "../ir/dims.ts";
import type { Scalar } from "../ir/graph.ts";
import type { DType } from "../ir/types.ts";
import { integerRange } from "../ops/scalar.ts";
import type { AxisRange } from "./bounds.ts";
import type { Facts } from "./facts.ts";

/** A condition of the run that holds, or does not, where an expression counts. */
export interface Assumption {
  readonly condition: Scalar;
  readonly holds: boolean;
}

/**
 * Whether the index lies in `0 .. size - 1`: always; only where the assumptions hold, or but for sums of data that wrap,
 * so that the read needs a guard; or as far as can be proved, not.
 */
export function placeOf(
  index: Scalar,
  size: Dim,
  axes: readonly AxisRange[],
  facts: Facts,
  assumed: readonly Assumption[],
): "inside" | "guarded" | undefined {
  // Each branch of a choice has its condition.
  if (index.kind === "apply" && index.fn === "select") {
    const [condition, then, otherwise] = index.args;
    if (!condition || !then || !otherwise) return undefined;
    const places = [then, otherwise].map((branch, i) =>
      placeOf(branch, size, axes, facts, [...assumed, { condition, holds: i === 0 }]),
    );
    if (places.includes(undefined)) return undefined;
    return places.includes("guarded") ? "guarded" : "inside";
  }
  const sizes = new IndexSizes(axes, facts);
  const at = sizes.of(index);
  if (!at) return undefined;
  const isInside = (): boolean =>
    facts.follows(at, sizes.given) && facts.follows(subDims(subDims(size, at), ONE), sizes.given);
  if (isInside()) return sizes.hasData ? "guarded" : "inside";
  if (assumed.length === 0) return undefined;
  for (const { condition, holds } of assumed) sizes.assume(condition, holds);
  return isInside() ? "guarded" : undefined;
}

/** i32 scalars as sizes: symbols stand for the indices and for what only the run knows. */
class IndexSizes {
  readonly #axes: readonly AxisRange[];
  readonly #facts: Facts;
  readonly #known = new Set<string>();
  /** Not negative. */
  readonly given: Dim[] = [];
  /** Whether 32-bit numbers of the run take part, whose sums may wrap. */
  hasData = false;

  constructor(axes: readonly AxisRange[], facts: Facts) {
    this.#axes = axes;
    this.#facts = facts;
  }

  of(scalar: Scalar): Dim | undefined {
    switch (scalar.kind) {
      case "axis":
        return this.#between(`index ${scalar.axis}`, dimOf(0), subDims(this.#axes[scalar.axis]?.extent ?? ONE, ONE));
      case "constant":
        return Number.isInteger(scalar.value) ? dimOf(scalar.value) : undefined;
      case "dim":
        return scalar.dim;
      case "apply": {
        const known = scalar.dtype === "i32" ? this.#applied(scalar.fn, scalar.args) : undefined;
        return known ?? this.#data(scalar);
      }
      default:
        return this.#data(scalar);
    }
  }

  #applied(fn: string, args: readonly Scalar[]): Dim | undefined {
    if (fn === "cast") {
      const [x] = args;
      return x && (x.dtype === "i32" || x.dtype === "i8" || x.dtype === "u8") ? this.of(x) : undefined;
    }
    const [a, b] = args.map((arg) => this.of(arg));
    if (!a) return undefined;
    if (fn === "neg") return scaleDim(a, -1);
    if (fn === "abs") return maxDims(a, scaleDim(a, -1));
    if (!b) return undefined;
    switch (fn) {
      case "add":
        return addDims(a, b);
      case "sub":
        return subDims(a, b);
      case "mul":
        return mulDims(a, b);
      case "maximum":
        return maxDims(a, b);
      case "minimum":
        return minDims(a, b);
      case "div":
        return this.#facts.follows(subDims(b, ONE), this.given) ? floorDivDims(a, b) : undefined;
      case "mod":
        return this.#facts.follows(subDims(b, ONE), this.given) ? modDims(a, b) : undefined;
      default:
        return undefined;
    }
  }

  /** A value of the run, of which its type tells the range. Written twice it is the same. */
  #data(scalar: Scalar): Dim | undefined {
    const range: Partial<Record<DType, readonly [number, number]>> = { bool: [0, 1] };
    const { dtype } = scalar;
    if (dtype !== "bool" && dtype !== "i32" && dtype !== "u32" && dtype !== "i8" && dtype !== "u8") return undefined;
    if (dtype === "i32" || dtype === "u32") this.hasData = true;
    const [least, most] = range[dtype] ?? integerRange(dtype);
    return this.#between(keyOf(scalar), dimOf(least), dimOf(most));
  }

  /** A symbol is at least 1, so what it stands for is counted from there. */
  #between(name: string, least: Dim, most: Dim): Dim {
    const symbol = dimSymbol(`{${name}}`);
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.given.push(addDims(subDims(most, least), ONE, scaleDim(symbol, -1)));
    }
    return addDims(symbol, least, dimOf(-1));
  }

  /** What a condition says of sizes, as far as it says something. */
  assume(condition: Scalar, holds: boolean): void {
    if (condition.kind !== "apply") return;
    const [x, y] = condition.args;
    if (condition.fn === "not" && x) this.assume(x, !holds);
    if ((condition.fn === "and" && holds) || (condition.fn === "or" && !holds))
      for (const arg of condition.args) this.assume(arg, holds);
    if (!x || !y || !isInteger(x) || !isInteger(y)) return;
    const [a, b] = [this.of(x), this.of(y)];
    if (!a || !b) return;
    if (condition.fn === "equal" || condition.fn === "not_equal") {
      if ((condition.fn === "equal") === holds) this.given.push(subDims(a, b), subDims(b, a));
      return;
    }
    const order = ORDERS.get(condition.fn);
    if (!order) return;
    // Not a < b is b <= a.
    const [less, more] = order.isReversed === holds ? [b, a] : [a, b];
    this.given.push(addDims(subDims(more, less), dimOf(order.isStrict === holds ? -1 : 0)));
  }
}

/** Comparisons as `a < b` or `a <= b`, the operands changed where they are reversed. */
const ORDERS: ReadonlyMap<string, { readonly isStrict: boolean; readonly isReversed: boolean }> = new Map([
  ["less", { isStrict: true, isReversed: false }],
  ["less_equal", { isStrict: false, isReversed: false }],
  ["greater", { isStrict: true, isReversed: true }],
  ["greater_equal", { isStrict: false, isReversed: true }],
]);

const isInteger = ({ dtype }: Scalar): boolean =>
  dtype === "i32" || dtype === "u32" || dtype === "i8" || dtype === "u8";

/** Equal for scalars that have one value. */
function keyOf(scalar: Scalar): string {
  switch (scalar.kind) {
    case "axis":
      return `index ${scalar.axis}`;
    case "constant":
      return `${scalar.value}`;
    case "dim":
      return scalar.dim.key;
    case "read":
      return `read ${scalar.operand}[${scalar.at.map(keyOf).join(",")}]${scalar.outside ? `??${keyOf(scalar.outside)}` : ""}`;
    case "apply":
      return `${scalar.fn}:${scalar.dtype}(${scalar.args.map(keyOf).join(",")})`;
    case "reduce":
      return `${scalar.monoid} ${scalar.axes.join(",")}(${keyOf(scalar.body)})`;
  }
}
