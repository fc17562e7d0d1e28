/** Proofs that reads stay inside of their arrays, against every index that a comprehension can have. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { factsOf } from "../compiler/check/facts.ts";
import { type Assumption, placeOf } from "../compiler/check/inside.ts";
import { type Dim, dimOf, dimSymbol, evaluateDim, floorDivDims, subDims } from "../compiler/ir/dims.ts";
import type { Scalar } from "../compiler/ir/graph.ts";
import { scalarFunction } from "../compiler/ops/scalar.ts";
import { sourceFile } from "../grammar/source.ts";
import { randomNumbers } from "./ops/cases.ts";

const test = suite("reads inside");

const span = { file: sourceFile("p.tfg", ""), start: 0, end: 0 };
const N = dimSymbol("N");
const axis = (number: number): Scalar => ({ kind: "axis", axis: number, dtype: "i32", span });
const number = (value: number): Scalar => ({ kind: "constant", value, dtype: "i32", span });
const size = (dim: Dim): Scalar => ({ kind: "dim", dim, dtype: "i32", span });
const data: Scalar = { kind: "read", operand: 1, at: [axis(0)], dtype: "i32", span };
const bytes: Scalar = { kind: "read", operand: 2, at: [axis(0)], dtype: "u8", span };
const apply = (fn: string, dtype: "i32" | "bool", ...args: Scalar[]): Scalar => ({
  kind: "apply",
  fn,
  args,
  dtype,
  span,
});

/** Indices 0 and 1 run over N and 3. */
const axes = [{ extent: N }, { extent: dimOf(3) }];

interface Point {
  readonly n: number;
  readonly at: readonly number[];
  readonly data: number;
  readonly byte: number;
}

function valueOf(scalar: Scalar, point: Point): number {
  switch (scalar.kind) {
    case "axis":
      return point.at[scalar.axis] ?? 0;
    case "constant":
      return scalar.value;
    case "dim":
      return evaluateDim(scalar.dim, () => point.n);
    case "read":
      return scalar.dtype === "u8" ? point.byte : point.data;
    case "apply": {
      const [a = 0, b = 0, c = 0] = scalar.args.map((arg) => valueOf(arg, point));
      return scalarFunction(scalar.fn).meaning(scalar.args.at(-1)?.dtype ?? "i32", scalar.dtype)(a, b, c);
    }
    default:
      throw new Error(scalar.kind);
  }
}

const EXTREMES = [-(2 ** 31), -1, 0, 1, 5, 255, 2 ** 31 - 1];

function* points(): Iterable<Point> {
  for (let n = 1; n <= 7; n++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < 3; j++)
        for (const value of EXTREMES) yield { n, at: [i, j], data: value, byte: Math.min(Math.max(value, 0), 255) };
}

/** The place that is proved, and that no index contradicts it. */
function checkPlace(index: Scalar, extent: Dim, assumed: readonly Assumption[]): string | undefined {
  const place = placeOf(index, extent, axes, factsOf([]), assumed);
  if (!place) return place;
  for (const point of points()) {
    const counts = assumed.every(({ condition, holds }) => (valueOf(condition, point) === 1) === holds);
    if (place === "guarded" && !counts) continue;
    const at = valueOf(index, point);
    const most = evaluateDim(extent, () => point.n);
    assert.ok(at >= 0 && at < most, `${at} of ${most} at ${JSON.stringify(point)}`);
  }
  return place;
}

test("what correct programs read is proved", () => {
  const [i, j] = [axis(0), axis(1)];
  const less = (a: Scalar, b: Scalar): Scalar => apply("less", "bool", a, b);
  const given = (condition: Scalar, holds = true): Assumption[] => [{ condition, holds }];
  const minusOne = apply("sub", "i32", i, number(1));
  const rows: readonly (readonly [Scalar, Dim, readonly Assumption[], string | undefined])[] = [
    [minusOne, N, [], undefined],
    [minusOne, N, given(less(number(0), i)), "guarded"],
    [minusOne, N, given(apply("equal", "bool", i, number(0)), false), undefined],
    [minusOne, N, given(apply("less_equal", "bool", i, number(0)), false), "guarded"],
    [apply("sub", "i32", i, j), N, given(apply("greater_equal", "bool", i, j)), "guarded"],
    [apply("abs", "i32", apply("sub", "i32", i, size(floorDivDims(N, dimOf(2))))), N, [], "inside"],
    [apply("mod", "i32", apply("add", "i32", i, j), size(N)), N, [], "inside"],
    [apply("div", "i32", i, number(2)), N, [], "inside"],
    [apply("select", "i32", less(number(0), i), minusOne, number(0)), N, [], "guarded"],
    [apply("maximum", "i32", minusOne, number(0)), N, [], "inside"],
    [apply("cast", "i32", bytes), dimOf(256), [], "inside"],
    [apply("cast", "i32", bytes), dimOf(255), [], undefined],
    [data, N, [], undefined],
    [
      data,
      N,
      given(apply("and", "bool", apply("less_equal", "bool", number(0), data), less(data, size(N)))),
      "guarded",
    ],
    [apply("mod", "i32", data, size(N)), N, [], "guarded"],
    [apply("add", "i32", i, number(1)), N, given(less(i, size(subDims(N, dimOf(1))))), "guarded"],
  ];
  for (const [k, [index, extent, assumed, place]] of rows.entries())
    assert.is(checkPlace(index, extent, assumed), place, `row ${k}`);
});

test("nothing is proved that an index contradicts", () => {
  const random = randomNumbers(23);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const leaf = (): Scalar =>
    pick([() => axis(0), () => axis(1), () => number(Math.floor(random() * 7) - 2), () => size(N), () => bytes])();
  const index = (depth: number): Scalar => {
    if (depth === 0 || random() < 0.2) {
      const one = leaf();
      return one.dtype === "u8" ? apply("cast", "i32", one) : one;
    }
    const fn = pick(["add", "sub", "mul", "div", "mod", "maximum", "minimum", "neg", "abs"]);
    const divisor = fn === "div" || fn === "mod";
    const second = divisor ? pick([number(1 + Math.floor(random() * 4)), size(N)]) : index(depth - 1);
    return fn === "neg" || fn === "abs"
      ? apply(fn, "i32", index(depth - 1))
      : apply(fn, "i32", index(depth - 1), second);
  };
  const condition = (): Scalar =>
    apply(pick(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]), "bool", index(1), index(1));
  let [always, guarded] = [0, 0];
  for (let round = 0; round < 400; round++) {
    const assumed = random() < 0.5 ? [] : [{ condition: condition(), holds: random() < 0.7 }];
    const place = checkPlace(index(2), pick([N, dimOf(3), dimOf(256)]), assumed);
    if (place === "inside") always++;
    if (place === "guarded") guarded++;
  }
  assert.ok(always > 25 && guarded > 2, `${always} proved, ${guarded} guarded`);
});

test.run();
