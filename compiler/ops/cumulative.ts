/** Running sums. */
import { isJointlyLinear } from "./derivatives.ts";
import { literalOf } from "../ir/dims.ts";
import type { Value } from "../ir/graph.ts";
import { convert, constant, type Expr, load, op, plus, times, use } from "../ir/stmt.ts";
import { isFloat } from "../ir/types.ts";
import { numberOf } from "./attributes.ts";
import { forEachPoint, stridesOf } from "./points.ts";
import type { Primitive, RoutineBuilder } from "./primitive.ts";
import { alongAxis, each, int, kindOf, rowsAlong } from "./routine.ts";
import { scalarFunction } from "./scalar.ts";
import { firstOf } from "./shape.ts";

/** Rows side by side whose sums are carried at once: a cache line of them. */
const COLUMNS = 16;
/** Elements of one row that are summed before the carry joins them, so that it is one addition for all. */
const BLOCK = 4;

/** Floats are summed in f64: the error does not grow with the length. */
function runningSum(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const { dtype, shape } = value.type;
  const rows = rowsAlong(shape, numberOf(value, "axis"));
  const [outer, extent, inner] = [rows.outer, rows.extent, rows.inner].map((dim) => build.size(dim)) as [
    Expr,
    Expr,
    Expr,
  ];
  const isWide = isFloat(dtype);
  const zero = constant(isWide ? "f64" : "i32", 0);
  const read = (at: Expr, offset: number): Expr => {
    const x = load(kindOf(dtype), at, offset * word);
    return isWide ? convert("promote", "f64", [x]) : x;
  };
  const write = (at: Expr, offset: number, sum: Expr): void =>
    code.store(at, offset * word, isWide ? convert("demote", "f32", [sum]) : sum);
  const size = code.let(times(times(extent, inner), int(word)), "row");

  if (literalOf(rows.inner) === 1) {
    const whole = code.let(op("and", size, int(~(BLOCK * word - 1))), "whole");
    each(build, "o", outer, (o) => {
      const start = code.let(times(o, size), "start");
      const x = code.let(plus(build.operand(0), start), "x");
      const y = code.let(plus(build.result(0), start), "y");
      const carry = code.variable("carry", zero);
      code.loop("i", int(0), whole, int(BLOCK * word), (i) => {
        const from = code.let(plus(x, i), "from");
        const to = code.let(plus(y, i), "to");
        const before = code.variable("before", use(carry));
        let inside: Expr | undefined;
        for (let k = 0; k < BLOCK; k++) {
          const next = read(from, k);
          inside = code.let(inside ? op("add", inside, next) : next, "inside");
          const sum = code.let(op("add", use(before), inside), "sum");
          write(to, k, sum);
          if (k === BLOCK - 1) code.set(carry, sum);
        }
      });
      code.loop("i", whole, size, int(word), (i) => {
        code.set(carry, op("add", use(carry), read(plus(x, i), 0)));
        write(plus(y, i), 0, use(carry));
      });
    });
    return;
  }

  const stride = code.let(times(inner, int(word)), "stride");
  /** Sums `count` columns from `j` on, as vectors of four or one by one. */
  const columns = (o: Expr, j: Expr, count: number): void => {
    const start = code.let(plus(times(o, size), times(j, int(word))), "start");
    const x = code.let(plus(build.operand(0), start), "x");
    const y = code.let(plus(build.result(0), start), "y");
    const steps = count === 1 ? [oneColumn(build, isWide)] : fourColumns(build, isWide, count);
    code.loop("i", int(0), size, stride, (i) => {
      const from = code.let(plus(x, i), "from");
      const to = code.let(plus(y, i), "to");
      for (const step of steps) step(from, to);
    });
  };
  each(build, "o", outer, (o) => {
    let from: Expr = int(0);
    for (const width of build.lanes === 4 ? [COLUMNS, 4] : []) {
      const whole = code.let(op("and", inner, int(~(width - 1))), "whole");
      const start = from;
      code.loop("j", start, whole, int(width), (j) => columns(o, j, width));
      from = whole;
    }
    code.loop("j", from, inner, int(1), (j) => columns(o, j, 1));
  });
}

type ColumnStep = (from: Expr, to: Expr) => void;

function oneColumn({ code }: RoutineBuilder, isWide: boolean): ColumnStep {
  const carry = code.variable("carry", constant(isWide ? "f64" : "i32", 0));
  return (from, to) => {
    const x = load(isWide ? "f32" : "i32", from, 0);
    code.set(carry, op("add", use(carry), isWide ? convert("promote", "f64", [x]) : x));
    code.store(to, 0, isWide ? convert("demote", "f32", [use(carry)]) : use(carry));
  };
}

/** `count` columns, four to a step. */
function fourColumns({ code, word }: RoutineBuilder, isWide: boolean, count: number): readonly ColumnStep[] {
  const kind = isWide ? "f64x2" : "i32x4";
  return Array.from({ length: count / 4 }, (_, k): ColumnStep => {
    const offset = 4 * k * word;
    const carries = (isWide ? (["promote_low", "promote_high"] as const) : [undefined]).map((half) => ({
      half,
      carry: code.variable("carry", code.constant(kind, 0)),
    }));
    return (from, to) => {
      const x = code.let(load(isWide ? "f32x4" : "i32x4", from, offset), "x");
      for (const { half, carry } of carries)
        code.set(carry, op("add", use(carry), half ? convert(half, "f64x2", [x]) : x));
      const sums = carries.map(({ carry }) => use(carry));
      code.store(to, offset, isWide ? convert("demote_pair", "f32x4", sums) : (sums[0] ?? x));
    };
  });
}

export const cumsum: Primitive = {
  name: "cumsum",
  callee: "cumsum",
  doc: "`cumsum(x, axis=-1)`: y[i] = x[0] + ... + x[i] along the axis; keeps the dtype, integers wrap.",
  ...alongAxis,
  class: "routine",
  meaning([x], value, { shape }) {
    const { data } = firstOf(x ? [x] : []);
    const { dtype } = value.type;
    const add = scalarFunction("add").meaning(dtype, dtype);
    const axis = numberOf(value, "axis");
    const stride = stridesOf(shape)[axis] ?? 1;
    const result = new Float64Array(data.length);
    forEachPoint(shape, (index, position) => {
      const before = (index[axis] ?? 0) > 0 ? (result[position - stride] ?? 0) : 0;
      result[position] = add(before, data[position] ?? Number.NaN, 0);
    });
    return result;
  },
  routine: runningSum,
  // The sum of what comes after, which is this from the other end.
  vjp({ emit, value, cotangent }) {
    const axis = numberOf(value, "axis");
    const backwards = emit.apply("reverse", [cotangent], { axis: [axis] });
    return [emit.apply("reverse", [emit.apply("cumsum", [backwards], { axis })], { axis: [axis] })];
  },
  linear: isJointlyLinear,
};
