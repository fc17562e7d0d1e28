/** Element-wise primitives: the scalar functions lifted to tensors, and the three with rules of their own. */
import type { ValueId } from "../ir/graph.ts";
import { type DType, isFloat } from "../ir/types.ts";
import { numberOf, textOf, argNumber, argText } from "./attributes.ts";
import { broadcastIndex, broadcastOperands, mapPoints } from "./broadcast.ts";
import { type Algebra, derivativeOf, isLinearFunction } from "./derivatives.ts";
import { failArgument, failClass, failMixed, typeLabel } from "./complaints.ts";
import type { Emitter, Inferred, Operand, Parameter, Primitive, PrimitiveCall, Vjp } from "./primitive.ts";
import { belongsTo, canCast, castNumber, type ScalarFunction, scalarFunction, scalarFunctions } from "./scalar.ts";

const NAMES = ["a", "b", "c"];

/** One dtype for all; TFG0304 where they differ or the function does not take it. */
function commonDType(call: PrimitiveCall, operands: readonly Operand[], takes: ScalarFunction["takes"]): DType {
  const [first, ...others] = operands;
  if (!first) throw new Error(`\`${call.spelling}\` has no operands`);
  for (const other of others) if (other.type.dtype !== first.type.dtype) failMixed(call, first, other);
  for (const operand of operands) if (!belongsTo(operand.type.dtype, takes)) failClass(call, operand, takes, operands);
  return first.type.dtype;
}

/** Derivatives of scalar functions on values of the graph. */
const algebraOf = (emit: Emitter): Algebra<ValueId> => ({
  apply: (fn, ...args) => emit.apply(fn, args),
  constant: (value) => emit.constant(value, "f32"),
});

/** The gradient of an element-wise primitive from the derivative of its scalar function. */
function scalarVjp(fn: string): Vjp | "zero" {
  const { rule } = derivativeOf(fn);
  if (rule === "zero") return "zero";
  return ({ emit, value, id, cotangent, wants }) =>
    rule(algebraOf(emit), value.args, () => id, cotangent).map((made, k) => (wants(k) ? made?.() : undefined));
}

/** The lift of a scalar function of one or two operands: element by element, broadcast by language.md 4.4. */
function lifted(fn: ScalarFunction, callee?: string): Primitive {
  const signature: Parameter[] =
    fn.arity === 1
      ? [{ name: "x", kind: "tensor" }]
      : NAMES.slice(0, fn.arity).map((name) => ({ name, kind: "tensor" }));
  return {
    name: fn.name,
    ...(callee === undefined ? {} : { callee }),
    doc: fn.arity === 1 ? `${fn.doc} Element by element.` : `${fn.doc} Element by element; shapes broadcast.`,
    signature,
    class: "map",
    infer(call): Inferred {
      const dtype = commonDType(call, call.operands, fn.takes);
      return { type: { dtype: fn.result === "bool" ? "bool" : dtype, shape: broadcastOperands(call, call.operands) } };
    },
    meaning(args, value, { shape }) {
      return mapPoints(args, shape, fn.meaning(args[0]?.dtype ?? value.type.dtype, value.type.dtype));
    },
    nest(build, value, at) {
      const operands = value.args.map((_, k) => build.operand(k, broadcastIndex(build, build.typeOf(k).shape, at)));
      return build.apply(fn.name, value.type.dtype, ...operands);
    },
    vjp: scalarVjp(fn.name),
    linear: (_, operands) => isLinearFunction(fn.name, operands),
  };
}

/** Function names by which `.tfg` calls a lifted function; the others are operators, or for other records to use. */
const CALLEES: Readonly<Record<string, string>> = { maximum: "max", minimum: "min" };
const OPERATORS = new Set([
  "neg",
  "not",
  "add",
  "sub",
  "mul",
  "div",
  "mod",
  "pow",
  "and",
  "or",
  "bit_and",
  "bit_xor",
  "mulhi",
  "round_f32",
]);

const liftable = [...scalarFunctions.values()].filter(({ name }) => name !== "select" && name !== "cast");

export const elementwise: readonly Primitive[] = liftable.map((fn) =>
  lifted(fn, fn.result === "bool" || OPERATORS.has(fn.name) ? undefined : (CALLEES[fn.name] ?? fn.name)),
);

/** `x ** n` for a literal n: multiplied out, so exact for integers and defined for negative x. */
export const integerPower: Primitive = {
  name: "integer_power",
  doc: "`x ** n` for an integer literal `n`: repeated multiplication, 1 for `n = 0`; for floats `1 / x ** -n` if `n` is negative.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "exponent", kind: "int" },
  ],
  class: "map",
  infer(call) {
    const dtype = commonDType(call, call.operands, "num");
    const exponent = argNumber(call, "exponent");
    const [x] = call.operands;
    if (exponent < 0 && x && belongsTo(dtype, "int"))
      failArgument(call, "exponent", `a negative power of \`${dtype}\` is no integer`, `write \`1 / ...\` with floats`);
    return { type: { dtype, shape: x?.type.shape ?? [] }, attributes: { exponent } };
  },
  meaning(args, value, { shape }) {
    const multiply = scalarFunction("mul").meaning(value.type.dtype, value.type.dtype);
    const exponent = numberOf(value, "exponent");
    return mapPoints(args, shape, (x) => {
      let power = 1;
      for (let i = 0; i < Math.abs(exponent); i++) power = multiply(power, x, 0);
      return exponent < 0 ? 1 / power : power;
    });
  },
  nest(build, value, at) {
    const { dtype } = value.type;
    const exponent = numberOf(value, "exponent");
    let square = build.operand(0, at);
    let power: number | undefined;
    // Powers by squaring: the bits of the exponent, least first.
    for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) power = power === undefined ? square : build.apply("mul", dtype, power, square);
      if (rest > 1) square = build.apply("mul", dtype, square, square);
    }
    const one = () => build.constant(1, dtype);
    if (power === undefined) return one();
    return exponent < 0 ? build.apply("div", dtype, one(), power) : power;
  },
  vjp({ emit, value, cotangent }) {
    const exponent = numberOf(value, "exponent");
    if (exponent === 0) return [undefined];
    if (exponent === 1) return [cotangent];
    const [x] = value.args;
    const lower =
      exponent === 2 && x !== undefined ? x : emit.apply("integer_power", value.args, { exponent: exponent - 1 });
    return [emit.apply("mul", [emit.apply("mul", [emit.constant(exponent, "f32"), cotangent]), lower])];
  },
  linear: (value) => numberOf(value, "exponent") === 1,
};

export const select: Primitive = {
  name: "select",
  callee: "select",
  doc: "`select(mask, a, b)`: `a` where the mask holds, else `b`. All three broadcast as operators do.",
  signature: [
    { name: "mask", kind: "tensor" },
    { name: "a", kind: "tensor" },
    { name: "b", kind: "tensor" },
  ],
  class: "map",
  infer(call) {
    const [mask, ...branches] = call.operands;
    if (mask && mask.type.dtype !== "bool") failClass(call, mask, "bool");
    const dtype = commonDType(call, branches, "any");
    return { type: { dtype, shape: broadcastOperands(call, call.operands) } };
  },
  meaning(args, _, { shape }) {
    return mapPoints(args, shape, (mask, a, b) => (mask !== 0 ? a : b));
  },
  nest(build, value, at) {
    const operands = value.args.map((_, k) => build.operand(k, broadcastIndex(build, build.typeOf(k).shape, at)));
    return build.apply("select", value.type.dtype, ...operands);
  },
  vjp: scalarVjp("select"),
  linear: (_, operands) => isLinearFunction("select", operands),
};

/** `if c then a else b` on a scalar condition of the run: one of two values of one type. */
export const branch: Primitive = {
  name: "if",
  doc: "`if c then a else b`: `a` where the scalar `c` holds, else `b`; both of one type. The other one need not be computed.",
  signature: [
    { name: "condition", kind: "tensor" },
    { name: "then", kind: "tensor" },
    { name: "else", kind: "tensor" },
  ],
  class: "branch",
  infer(call) {
    const [condition, ...branches] = call.operands;
    if (!condition || condition.type.shape.length > 0) throw new Error("a condition is a scalar");
    if (condition.type.dtype !== "bool") failClass(call, condition, "bool");
    const dtype = commonDType(call, branches, "any");
    return { type: { dtype, shape: branches[0]?.type.shape ?? [] } };
  },
  meaning([condition, then, otherwise]) {
    const taken = condition?.data[0] ? then : otherwise;
    return Float64Array.from(taken?.data ?? []);
  },
  nest(build, value, at) {
    return build.apply("select", value.type.dtype, build.operand(0, []), build.operand(1, at), build.operand(2, at));
  },
  vjp({ emit, value, cotangent, wants }) {
    const [condition] = value.args;
    if (condition === undefined) return [];
    const none = emit.zeros(value.type.shape);
    return [
      undefined,
      wants(1) ? emit.apply("if", [condition, cotangent, none]) : undefined,
      wants(2) ? emit.apply("if", [condition, none, cotangent]) : undefined,
    ];
  },
  linear: (_, operands) => isLinearFunction("select", operands),
};

export const clamp: Primitive = {
  name: "clamp",
  callee: "clamp",
  doc: "`clamp(x, lo, hi) = min(max(x, lo), hi)`; NaN stays NaN. All three broadcast as operators do.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "lo", kind: "tensor" },
    { name: "hi", kind: "tensor" },
  ],
  class: "map",
  infer(call) {
    const dtype = commonDType(call, call.operands, "num");
    return { type: { dtype, shape: broadcastOperands(call, call.operands) } };
  },
  meaning(args, _, { shape }) {
    return mapPoints(args, shape, (x, lo, hi) => Math.min(Math.max(x, lo), hi));
  },
  nest(build, value, at) {
    const { dtype } = value.type;
    const operand = (k: number) => build.operand(k, broadcastIndex(build, build.typeOf(k).shape, at));
    return build.apply("minimum", dtype, build.apply("maximum", dtype, operand(0), operand(1)), operand(2));
  },
  vjp({ emit, value, cotangent, wants }) {
    const [x, low, high] = value.args;
    if (x === undefined || low === undefined || high === undefined) return [];
    const zero = emit.constant(0, "f32");
    const raised = emit.apply("maximum", [x, low]);
    const isKept = emit.apply("less_equal", [raised, high]);
    const inner = emit.apply("select", [isKept, cotangent, zero]);
    const isRaised = emit.apply("less", [x, low]);
    return [
      wants(0) ? emit.apply("select", [isRaised, zero, inner]) : undefined,
      wants(1) ? emit.apply("select", [isRaised, inner, zero]) : undefined,
      wants(2) ? emit.apply("select", [isKept, zero, cotangent]) : undefined,
    ];
  },
};

const DTYPES: Readonly<Record<string, DType>> = {
  f32: "f32",
  i32: "i32",
  u32: "u32",
  bool: "bool",
  f16: "f16",
  bf16: "bf16",
  i8: "i8",
  u8: "u8",
};

export const cast: Primitive = {
  name: "cast",
  doc: "`x as T`: float to integer rounds half to even and saturates, NaN gives 0; bool gives 0 or 1; a number to bool is an error.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "to", kind: "dtype" },
  ],
  class: "map",
  infer(call) {
    const [x] = call.operands;
    const to = DTYPES[argText(call, "to")];
    if (!x || !to) throw new Error("a cast has an operand and an element type");
    if (!canCast(x.type.dtype, to))
      call.fail({
        code: "TFG0304",
        message: `a number is not converted to \`bool\` by \`as\``,
        primary: typeLabel(x),
        helps: [{ text: "compare it: `!= 0`" }],
      });
    return { type: { dtype: to, shape: x.type.shape }, attributes: { to } };
  },
  meaning(args, value, { shape }) {
    const to = DTYPES[textOf(value, "to")] ?? value.type.dtype;
    return mapPoints(args, shape, (x) => castNumber(to, x));
  },
  nest(build, value, at) {
    const from = build.typeOf(0).dtype;
    const x = build.operand(0, at);
    return from === value.type.dtype ? x : build.apply("cast", value.type.dtype, x);
  },
  // Between floats it is the identity, but for rounding.
  vjp: ({ cotangent }) => [cotangent],
  linear: (value) => isFloat(value.type.dtype),
};
