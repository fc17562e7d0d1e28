/** Running sums. */
import { literalOf } from "../ir/dims.ts";
import type { Value } from "../ir/graph.ts";
import { convert, constant, type Expr, load, type Local, op, plus, times, use } from "../ir/stmt.ts";
import { isFloat } from "../ir/types.ts";
import { argNumber, numberOf } from "./attributes.ts";
import { failClass } from "./complaints.ts";
import { forEachPoint, stridesOf } from "./points.ts";
import type { Primitive, RoutineBuilder } from "./primitive.ts";
import { each, int, kindOf, less, rowsAlong } from "./routine.ts";
import { belongsTo, scalarFunction } from "./scalar.ts";
import { firstOf } from "./shape.ts";

/** Rows side by side whose sums are carried at once: half a cache line of them. */
const COLUMNS = 8;
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
  const columns = (o: Expr, j: Expr, count: number): void => {
    const start = code.let(plus(times(o, size), times(j, int(word))), "start");
    const x = code.let(plus(build.operand(0), start), "x");
    const y = code.let(plus(build.result(0), start), "y");
    const carries = Array.from({ length: count }, (): Local => code.variable("carry", zero));
    code.loop("i", int(0), size, stride, (i) => {
      const from = code.let(plus(x, i), "from");
      const to = code.let(plus(y, i), "to");
      for (const [k, carry] of carries.entries()) {
        code.set(carry, op("add", use(carry), read(from, k)));
        write(to, k, use(carry));
      }
    });
  };
  const whole = code.let(op("and", inner, int(~(COLUMNS - 1))), "whole");
  each(build, "o", outer, (o) => {
    code.loop("j", int(0), whole, int(COLUMNS), (j) => columns(o, j, COLUMNS));
    code.when(less(whole, inner), () => code.loop("j", whole, inner, int(1), (j) => columns(o, j, 1)));
  });
}

export const cumsum: Primitive = {
  name: "cumsum",
  callee: "cumsum",
  doc: "`cumsum(x, axis=-1)`: y[i] = x[0] + ... + x[i] along the axis; keeps the dtype, integers wrap.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "axis", kind: "axis", default: -1 },
  ],
  class: "routine",
  infer(call) {
    const x = firstOf(call.operands);
    if (!belongsTo(x.type.dtype, "num")) failClass(call, x, "num");
    return { type: x.type, attributes: { axis: argNumber(call, "axis") } };
  },
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
};
