/** Primitives that put elements of several places into one tensor: concat, stack, pad, update_slice. */
import { addDims, type Dim, dimOf, formatDim, literalOf, ONE, scaleDim, ZERO } from "../ir/dims.ts";
import type { Value, ValueId } from "../ir/graph.ts";
import { argDim, argDims, argNumber, dimOfAttribute, dimsOf, numberOf } from "./attributes.ts";
import { failArgument, failMixed, failShapes, formatType } from "./complaints.ts";
import { isJointlyLinear } from "./derivatives.ts";
import { checkPosition, clampedPosition, positionFor } from "./part.ts";
import { elementsOf, forEachPoint, positionOf, stridesOf } from "./points.ts";
import type { Emitter, NdArray, NestBuilder, Operand, Primitive, PrimitiveCall } from "./primitive.ts";
import { checkRange, firstOf } from "./shape.ts";

/** Writes `from` into `into`, with its point [0, ..] at `offset`. */
function place(into: Float64Array, shape: readonly number[], from: NdArray, offset: readonly number[]): void {
  const strides = stridesOf(shape);
  const start = positionOf(offset, strides);
  forEachPoint(from.shape, (index, position) => {
    const target = start + positionOf(index, strides);
    into[target] = from.data[position] ?? Number.NaN;
  });
}

function sameDType(call: PrimitiveCall, operands: readonly Operand[]): Operand {
  const first = firstOf(operands);
  for (const other of operands) if (other.type.dtype !== first.type.dtype) failMixed(call, first, other);
  return first;
}

/** All dims but those of `axis` agree, and so do the ranks. */
function checkOthers(call: PrimitiveCall, first: Operand, other: Operand, axis: number | undefined): void {
  const a = first.type.shape;
  const b = other.type.shape;
  const agree = a.length === b.length && a.every((dim, i) => i === axis || call.facts.equal(dim, b[i] ?? ONE));
  if (!agree)
    failShapes(
      call,
      axis === undefined ? "all shapes must be equal" : `all dimensions but axis ${axis} must be equal`,
      [first, other],
    );
}

/** The slice at one position of an axis, without it. */
function layer(emit: Emitter, x: ValueId, axis: number, at: number): ValueId {
  const { shape } = emit.typeOf(x);
  return emit.apply("strided_slice", [x], {
    starts: shape.map((_, i) => (i === axis ? dimOf(at) : ZERO)),
    sizes: shape.map((size, i) => (i === axis ? ONE : size)),
    steps: shape.map(() => 1),
    drop: [axis],
    insert: [],
  });
}

// ---- concat, stack ----------------------------------------------------------------------------------------

export const concat: Primitive = {
  name: "concat",
  callee: "concat",
  doc: "`concat([x, ...], axis=)`: the operands one after another along an axis; their other dims are equal.",
  signature: [
    { name: "xs", kind: "tensors" },
    { name: "axis", kind: "axis" },
  ],
  class: "move",
  infer(call) {
    const first = sameDType(call, call.operands);
    const axis = argNumber(call, "axis");
    for (const other of call.operands) checkOthers(call, first, other, axis);
    const sizes = call.operands.map(({ type }) => type.shape[axis] ?? ONE);
    const shape = first.type.shape.map((dim, i) => (i === axis ? addDims(...sizes) : dim));
    return { type: { dtype: first.type.dtype, shape }, attributes: { axis } };
  },
  meaning(args, value, { shape }) {
    const axis = numberOf(value, "axis");
    const result = new Float64Array(elementsOf(shape));
    let at = 0;
    for (const arg of args) {
      place(
        result,
        shape,
        arg,
        shape.map((_, i) => (i === axis ? at : 0)),
      );
      at += arg.shape[axis] ?? 0;
    }
    return result;
  },
  nest(build, value, at) {
    const axis = numberOf(value, "axis");
    // Each operand is read where the index falls into it, else the ones before it are asked.
    let scalar: number | undefined;
    let offset: Dim = ZERO;
    for (const k of value.args.keys()) {
      const index = at.map((own, i) => (i === axis ? build.add(own, scaleDim(offset, -1)) : own));
      scalar = build.operand(
        k,
        index,
        value.args.length === 1 ? undefined : (scalar ?? build.constant(0, value.type.dtype)),
      );
      offset = addDims(offset, build.typeOf(k).shape[axis] ?? ONE);
    }
    return firstOf(scalar === undefined ? [] : [scalar]);
  },
  vjp({ emit, value, cotangent, wants }) {
    const axis = numberOf(value, "axis");
    let offset: Dim = ZERO;
    return value.args.map((x, k) => {
      const at = offset;
      const size = emit.typeOf(x).shape[axis] ?? ONE;
      offset = addDims(offset, size);
      return wants(k) ? emit.apply("slice", [cotangent], { axis, at, size }) : undefined;
    });
  },
  linear: isJointlyLinear,
};

export const stack: Primitive = {
  name: "stack",
  callee: "stack",
  doc: "`stack([x, ...], axis=0)`: operands of one shape along a new axis of the result.",
  signature: [
    { name: "xs", kind: "tensors" },
    { name: "axis", kind: "int", default: 0 },
  ],
  class: "move",
  infer(call) {
    const first = sameDType(call, call.operands);
    for (const other of call.operands) checkOthers(call, first, other, undefined);
    const given = argNumber(call, "axis");
    const rank = first.type.shape.length + 1;
    if (given < -rank || given >= rank)
      failArgument(call, "axis", `axis ${given} does not exist`, `the result has the axes 0 to ${rank - 1}`);
    const axis = given < 0 ? given + rank : given;
    const shape = [...first.type.shape];
    shape.splice(axis, 0, addDims(...call.operands.map(() => ONE)));
    return { type: { dtype: first.type.dtype, shape }, attributes: { axis } };
  },
  meaning(args, value, { shape }) {
    const axis = numberOf(value, "axis");
    const result = new Float64Array(elementsOf(shape));
    for (const [k, arg] of args.entries()) {
      const inside = [...arg.shape.slice(0, axis), 1, ...arg.shape.slice(axis)];
      place(
        result,
        shape,
        { ...arg, shape: inside },
        shape.map((_, i) => (i === axis ? k : 0)),
      );
    }
    return result;
  },
  nest(build, value, at) {
    const axis = numberOf(value, "axis");
    const others = at.filter((_, i) => i !== axis);
    const which = build.indexValue(at[axis] ?? build.literal(0));
    let scalar = build.operand(0, others);
    for (const k of [...value.args.keys()].slice(1)) {
      const isThis = build.apply("equal", "bool", which, build.constant(k, "i32"));
      scalar = build.apply("select", value.type.dtype, isThis, build.operand(k, others), scalar);
    }
    return scalar;
  },
  vjp({ emit, value, cotangent, wants }) {
    const axis = numberOf(value, "axis");
    return value.args.map((_, k) => (wants(k) ? layer(emit, cotangent, axis, k) : undefined));
  },
  linear: isJointlyLinear,
};

// ---- pad -------------------------------------------------------------------------------------------------

const befores = (value: Value): readonly Dim[] => dimsOf(value, "pads").filter((_, i) => i % 2 === 0);

export const pad: Primitive = {
  name: "pad",
  callee: "pad",
  doc: "`pad(x, [[before, after], ...], value=0)`: `x` with that many positions of `value` around it, one pair per axis.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "pads", kind: "dims" },
    { name: "value", kind: "number", default: 0 },
  ],
  class: "move",
  infer(call) {
    const x = firstOf(call.operands);
    const { shape, dtype } = x.type;
    const pads = argDims(call, "pads");
    if (pads.length !== 2 * shape.length)
      failArgument(
        call,
        "pads",
        `\`${call.spelling}\` needs one pair for each of the ${shape.length} axes`,
        `for ${formatType(x.type)} as \`[${shape.map((_, i) => (i === 0 ? "[0, 0]" : "[1, 1]")).join(", ")}]\``,
      );
    for (const size of pads)
      if (!call.facts.oblige(size, 0))
        failArgument(call, "pads", `a padding cannot be ${formatDim(size)}`, "paddings are at least 0");
    const padded = shape.map((dim, i) => addDims(dim, pads[2 * i] ?? ZERO, pads[2 * i + 1] ?? ZERO));
    const fill = argNumber(call, "value");
    if (dtype !== "f32" && dtype !== "f16" && !Number.isInteger(fill))
      failArgument(call, "value", `${fill} is no \`${dtype}\``, `the operand is ${formatType(x.type)}`);
    return { type: { dtype, shape: padded }, attributes: { pads, value: fill } };
  },
  meaning([x], value, { shape, size }) {
    const result = new Float64Array(elementsOf(shape)).fill(numberOf(value, "value"));
    place(result, shape, firstOf(x ? [x] : []), befores(value).map(size));
    return result;
  },
  nest(build, value, at) {
    const before = befores(value);
    const pads = dimsOf(value, "pads");
    const index = at.map((own, i) => build.add(own, scaleDim(before[i] ?? ZERO, -1)));
    const isPadded = pads.some((size) => literalOf(size) !== 0);
    return build.operand(0, index, isPadded ? build.constant(numberOf(value, "value"), value.type.dtype) : undefined);
  },
  vjp: ({ emit, value, cotangent }) =>
    value.args.map((x) => {
      const { shape } = emit.typeOf(x);
      const steps = shape.map(() => 1);
      return emit.apply("strided_slice", [cotangent], {
        starts: befores(value),
        sizes: shape,
        steps,
        drop: [],
        insert: [],
      });
    }),
  linear: (value) => numberOf(value, "value") === 0,
};

// ---- update_slice ------------------------------------------------------------------------------------------

/** Operands: x, v, and `at` if it is a scalar of the graph. */
function startIndex(build: NestBuilder, value: Value, axis: number) {
  return value.args.length > 2
    ? clampedPosition(build, 2, build.typeOf(0).shape[axis] ?? ONE, build.typeOf(1).shape[axis] ?? ONE)
    : build.literal(dimOfAttribute(value, "at"));
}

export const updateSlice: Primitive = {
  name: "update_slice",
  callee: "update_slice",
  doc: "`update_slice(x, v, axis=, at=)`: `x` with `v` written along `axis` from `at` on. A scalar of the graph as `at` is clamped so that `v` fits.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "v", kind: "tensor" },
    { name: "axis", kind: "axis" },
    { name: "at", kind: "position" },
  ],
  class: "move",
  infer(call) {
    const [x, v, at] = call.operands;
    if (!x || !v) throw new Error("`update_slice` has two operands");
    sameDType(call, [x, v]);
    const axis = argNumber(call, "axis");
    checkOthers(call, x, v, axis);
    const extent = x.type.shape[axis] ?? ONE;
    const size = v.type.shape[axis] ?? ONE;
    if (at) {
      checkPosition(call, at);
      checkRange(call, extent, ZERO, size, 1);
      return { type: x.type, attributes: { axis } };
    }
    const given = argDim(call, "at");
    const start = (literalOf(given) ?? 0) < 0 ? addDims(extent, given) : given;
    checkRange(call, extent, start, size, 1);
    return { type: x.type, attributes: { axis, at: start } };
  },
  meaning([x, v, at], value, { shape, size }) {
    if (!x || !v) throw new Error("`update_slice` has two operands");
    const axis = numberOf(value, "axis");
    const start = positionFor(value, at, size, (x.shape[axis] ?? 0) - (v.shape[axis] ?? 0));
    const result = x.data.slice();
    place(
      result,
      shape,
      v,
      shape.map((_, i) => (i === axis ? start : 0)),
    );
    return result;
  },
  nest(build, value, at) {
    const axis = numberOf(value, "axis");
    const start = startIndex(build, value, axis);
    const inside = at.map((own, i) => (i === axis ? build.add(own, build.scale(start, scaleDim(ONE, -1))) : own));
    return build.operand(1, inside, build.operand(0, at));
  },
  part(build, value, at) {
    const axis = numberOf(value, "axis");
    const start = startIndex(build, value, axis);
    return { at: at.map((own, i) => (i === axis ? build.add(own, start) : own)), value: build.operand(1, at) };
  },
  vjp({ emit, value, cotangent, wants }) {
    const [, v, ...position] = value.args;
    if (v === undefined) return [];
    const axis = numberOf(value, "axis");
    const at = position.length > 0 ? {} : { at: dimOfAttribute(value, "at") };
    const { shape } = emit.typeOf(v);
    const none = () => emit.zeros(shape);
    const size = shape[axis] ?? ONE;
    return [
      wants(0) ? emit.apply("update_slice", [cotangent, none(), ...position], { axis, ...at }) : undefined,
      wants(1) ? emit.apply("slice", [cotangent, ...position], { axis, size, ...at }) : undefined,
    ];
  },
  linear: (_, [x, v, at]) => x !== "fixed" && v !== "fixed" && at !== "linear",
};
