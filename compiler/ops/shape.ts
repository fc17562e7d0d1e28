/** Views: the elements of one operand at other indices. Nothing is computed, and often nothing is moved. */
import { spanText } from "../../grammar/source.ts";
import {
  addDims,
  ceilDivDims,
  type Dim,
  dimOf,
  divideExactly,
  formatDim,
  formatShape,
  isLiteral,
  literalOf,
  ONE,
  productOf,
  scaleDim,
  subDims,
  ZERO,
} from "../ir/dims.ts";
import type { Value } from "../ir/graph.ts";
import type { Affine } from "../ir/nest.ts";
import type { TensorType } from "../ir/types.ts";
import { argDims, argNumbers, dimsOf, numbersOf } from "./attributes.ts";
import { broadcastIndex, broadcastShapes, stretched } from "./broadcast.ts";
import { failArgument, failBroadcast, failRange, failRank, formatType, nameOf } from "./complaints.ts";
import { isLinearInFirst } from "./derivatives.ts";
import { gathered } from "./points.ts";
import type { NestBuilder, Operand, Primitive, PrimitiveCall } from "./primitive.ts";

export function firstOf<T>(list: readonly T[], what = "operand"): T {
  const [first] = list;
  if (first === undefined) throw new Error(`there is no ${what}`);
  return first;
}

// ---- reshape ---------------------------------------------------------------------------------------------

/** The shape with its one -1 replaced by what is left; TFG0210 for two of them, TFG0305 where nothing fits. */
function completed(call: PrimitiveCall, x: Operand, shape: readonly Dim[]): readonly Dim[] {
  const open = shape.flatMap((dim, i) => (isLiteral(dim, -1) ? [i] : []));
  if (open.length === 0) return shape;
  if (open.length > 1)
    failArgument(call, "shape", "only one dimension of a shape can be -1", "the compiler can work out one");
  const rest = productOf(shape.filter((_, i) => i !== open[0]));
  const left = quotient(productOf(x.type.shape), rest);
  if (!left) return failElements(call, x, shape);
  return shape.map((dim, i) => (i === open[0] ? left : dim));
}

/** a / b, if it is a size: exact as polynomials, dividing by one term after another where `b` is a product. */
function quotient(a: Dim, b: Dim): Dim | undefined {
  return isLiteral(b, 0) ? undefined : divideExactly(a, b);
}

function failElements(call: PrimitiveCall, x: Operand, shape: readonly Dim[]): never {
  const has = productOf(x.type.shape);
  const wants = productOf(shape.filter((dim) => !isLiteral(dim, -1)));
  const isOpen = shape.some((dim) => isLiteral(dim, -1));
  const difference = literalOf(subDims(has, wants));
  const gains =
    difference !== undefined
      ? difference < 0
      : wants.terms.length === 1 &&
        has.terms.length === 1 &&
        (wants.terms[0]?.coefficient ?? 0) > (has.terms[0]?.coefficient ?? 0);
  const verb = isOpen
    ? "cannot divide the elements evenly"
    : gains
      ? "would need more elements"
      : "would lose elements";
  const [first, ...others] = x.type.shape;
  const helps =
    first && others.length > 1
      ? [
          {
            text: `\`flatten(${nameOf(x).replaceAll("`", "")})\` is ${x.type.dtype}${formatShape([first, productOf(others)])}`,
          },
        ]
      : [];
  return call.fail({
    code: "TFG0305",
    message: `\`${call.spelling}\` ${verb}`,
    primary: {
      span: call.spans?.shape ?? call.span,
      text: `${isOpen ? "a multiple of " : ""}${formatDim(wants)} elements, but ${nameOf(x)} has ${formatDim(has)}`,
    },
    related:
      x.origin.start === x.span.start && x.origin.file === x.span.file
        ? []
        : [{ span: x.origin, text: formatType(x.type) }],
    helps,
  });
}

/** Reads `x` at the element of the same row-major position; through integer division where no axis can be split. */
function regrouped(
  build: NestBuilder,
  at: readonly Affine[],
  from: readonly Dim[],
  to: readonly Dim[],
): readonly Affine[] {
  const affine = build.regroup(at, from, to);
  if (affine) return affine;
  let linear = build.literal(0);
  for (const [i, index] of at.entries()) linear = build.add(build.scale(linear, from[i] ?? ONE), index);
  let rest = build.indexValue(linear);
  const result: Affine[] = [];
  for (const [i, dim] of [...to.entries()].reverse()) {
    const size = build.dim(dim, "i32");
    result.unshift(build.position(i === 0 ? rest : build.apply("mod", "i32", rest, size)));
    if (i > 0) rest = build.apply("div", "i32", rest, size);
  }
  return result;
}

export const reshape: Primitive = {
  name: "reshape",
  callee: "reshape",
  doc: "`reshape(x, [shape])`: the elements of `x` in row-major order under another shape of as many elements. One dim may be -1.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "shape", kind: "dims" },
  ],
  class: "view",
  keepsOrder: true,
  infer(call) {
    const x = firstOf(call.operands);
    const asked = argDims(call, "shape");
    const negative = asked.find((dim) => (literalOf(dim) ?? 1) < 1 && !isLiteral(dim, -1));
    if (negative) failArgument(call, "shape", `a dimension cannot be ${formatDim(negative)}`, "sizes are at least 1");
    const shape = completed(call, x, asked);
    if (!call.facts.equal(productOf(shape), productOf(x.type.shape))) failElements(call, x, shape);
    return { type: { dtype: x.type.dtype, shape } };
  },
  meaning([x]) {
    return firstOf(x ? [x] : []).data;
  },
  nest(build, value, at) {
    return build.operand(0, regrouped(build, at, value.type.shape, build.typeOf(0).shape));
  },
  vjp: ({ emit, value, cotangent }) =>
    value.args.map((x) => emit.apply("reshape", [cotangent], { shape: emit.typeOf(x).shape })),
  linear: isLinearInFirst,
};

// ---- transpose, broadcast, reverse --------------------------------------------------------------------------

export const transpose: Primitive = {
  name: "transpose",
  callee: "transpose",
  doc: "`transpose(x, [perm])`: axis i of the result is axis perm[i] of `x`. Without `perm` a matrix is flipped.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "perm", kind: "ints", default: [1, 0] },
  ],
  class: "view",
  infer(call) {
    const x = firstOf(call.operands);
    const { shape, dtype } = x.type;
    const given = argNumbers(call, "perm");
    if (given.join() === "1,0" && shape.length !== 2)
      failRank(
        call,
        x,
        `two dimensions, or an order of the axes as \`[${shape.map((_, i) => (i < 2 && shape.length > 1 ? 1 - i : i)).join(", ")}]\``,
      );
    const perm = given.map((axis) => (axis < 0 ? axis + shape.length : axis));
    const isPermutation = perm.length === shape.length && shape.every((_, i) => perm.includes(i));
    if (!isPermutation)
      failArgument(
        call,
        "perm",
        `[${given.join(", ")}] is no order of the axes of ${nameOf(x)}`,
        `${formatType(x.type)} has the axes ${shape.map((_, i) => i).join(", ")}, each to be named once`,
      );
    return { type: { dtype, shape: perm.map((axis) => shape[axis] ?? ONE) }, attributes: { perm } };
  },
  meaning([x], value, { shape }) {
    const perm = numbersOf(value, "perm");
    return gathered(firstOf(x ? [x] : []), shape, (index) => perm.map((_, axis) => index[perm.indexOf(axis)] ?? 0));
  },
  nest(build, value, at) {
    const perm = numbersOf(value, "perm");
    return build.operand(
      0,
      perm.map((_, axis) => at[perm.indexOf(axis)] ?? build.literal(0)),
    );
  },
  vjp({ emit, value, cotangent }) {
    const perm = numbersOf(value, "perm");
    return [emit.apply("transpose", [cotangent], { perm: perm.map((_, axis) => perm.indexOf(axis)) })];
  },
  linear: isLinearInFirst,
};

export const broadcast: Primitive = {
  name: "broadcast",
  callee: "broadcast",
  doc: "`broadcast(x, [shape])`: `x` repeated to `shape`, aligned from the right; dims of `x` are equal to those of `shape` or the literal 1.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "shape", kind: "dims" },
  ],
  class: "view",
  infer(call) {
    const x = firstOf(call.operands);
    const shape = argDims(call, "shape");
    for (const dim of shape)
      if (!call.facts.oblige(dim, 0))
        failArgument(call, "shape", "a dimension cannot be negative", `this would be ${formatDim(dim)}`);
    const type: TensorType = { dtype: x.type.dtype, shape };
    const result = broadcastShapes(shape, x.type.shape, call.facts.equal);
    const holds =
      "shape" in result &&
      result.shape.length === shape.length &&
      result.shape.every((dim, i) => call.facts.equal(dim, shape[i] ?? ONE));
    if (!holds) {
      const span = call.spans?.shape ?? call.span;
      failBroadcast(
        call,
        x,
        { type, span, origin: span },
        "disagree" in result && result.disagree ? [result.disagree[1], result.disagree[0]] : undefined,
      );
    }
    return { type };
  },
  meaning([x], _, { shape }) {
    return stretched(firstOf(x ? [x] : []), shape).slice();
  },
  nest(build, _, at) {
    return build.operand(0, broadcastIndex(build, build.typeOf(0).shape, at));
  },
  // What was repeated is summed up by `differentiate`, as for every broadcast operand.
  vjp: ({ cotangent }) => [cotangent],
  linear: isLinearInFirst,
};

export const reverse: Primitive = {
  name: "reverse",
  callee: "reverse",
  doc: "`reverse(x, axis=)`: `x` read backwards along the axis or axes.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "axis", kind: "axes" },
  ],
  class: "view",
  infer(call) {
    const x = firstOf(call.operands);
    return { type: x.type, attributes: { axes: argNumbers(call, "axis") } };
  },
  meaning([x], value, { shape }) {
    const axes = numbersOf(value, "axes");
    return gathered(firstOf(x ? [x] : []), shape, (index) =>
      index.map((i, axis) => (axes.includes(axis) ? (shape[axis] ?? 0) - 1 - i : i)),
    );
  },
  nest(build, value, at) {
    const axes = numbersOf(value, "axes");
    return build.operand(
      0,
      at.map((index, axis) =>
        axes.includes(axis)
          ? build.add(build.scale(index, dimOf(-1)), subDims(value.type.shape[axis] ?? ONE, ONE))
          : index,
      ),
    );
  },
  vjp: ({ emit, value, cotangent }) => [emit.apply("reverse", [cotangent], { axis: numbersOf(value, "axes") })],
  linear: isLinearInFirst,
};

// ---- indexing with literal or dim positions --------------------------------------------------------------------

/** Index of the operand for that of the result: drops the new axes, puts back the selected ones, then scales. */
function stridedIndex<T>(value: Value, at: readonly T[], zero: T, place: (index: T, axis: number) => T): T[] {
  const drop = numbersOf(value, "drop");
  const insert = numbersOf(value, "insert");
  const kept = at.filter((_, i) => !insert.includes(i));
  let next = 0;
  return numbersOf(value, "steps").map((_, axis) => place(drop.includes(axis) ? zero : (kept[next++] ?? zero), axis));
}

/** All positions start, start + step, ... must lie in the axis, and there must be one. */
export function checkRange(call: PrimitiveCall, extent: Dim, start: Dim, size: Dim, step: number): void {
  const last = addDims(start, scaleDim(subDims(size, ONE), step));
  const [low, high] = step > 0 ? [start, last] : [last, start];
  const { facts } = call;
  const what = `\`${spanText(call.span)}\``;
  const verbs = isLiteral(size, 1) ? ["is", "is"] : ["begins at", "ends at"];
  if (!facts.oblige(size, 1)) failRange(call, what, `would have ${formatDim(size)} positions`);
  if (!facts.oblige(low, 0)) failRange(call, what, `${verbs[0]} ${formatDim(low)}`);
  if (!facts.oblige(subDims(extent, high), 1))
    failRange(call, what, `${verbs[1]} ${formatDim(high)}, but the axis has ${formatDim(extent)} positions`);
}

export const stridedSlice: Primitive = {
  name: "strided_slice",
  doc:
    "`x[a:b:s, i, new, ...]`: along each axis of `x` the positions start, start + step, ...; `size` of them. An index `i` " +
    "drops its axis, `new` inserts one of extent 1. `indexRange` gives starts and sizes for what a range means.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "starts", kind: "dims" },
    { name: "sizes", kind: "dims" },
    { name: "steps", kind: "ints" },
    { name: "drop", kind: "ints", default: [] },
    { name: "insert", kind: "ints", default: [] },
  ],
  class: "view",
  infer(call) {
    const x = firstOf(call.operands);
    const sizes = argDims(call, "sizes");
    const drop = argNumbers(call, "drop");
    const insert = argNumbers(call, "insert");
    const starts = argDims(call, "starts");
    const steps = argNumbers(call, "steps");
    for (const [axis, extent] of x.type.shape.entries())
      checkRange(call, extent, starts[axis] ?? ZERO, sizes[axis] ?? extent, steps[axis] ?? 1);
    const shape: Dim[] = sizes.filter((_, axis) => !drop.includes(axis));
    for (const place of [...insert].sort((a, b) => a - b)) shape.splice(place, 0, ONE);
    return {
      type: { dtype: x.type.dtype, shape },
      attributes: { starts, steps, drop, insert },
    };
  },
  meaning([x], value, { shape, size }) {
    const starts = dimsOf(value, "starts").map(size);
    const steps = numbersOf(value, "steps");
    return gathered(firstOf(x ? [x] : []), shape, (index) =>
      stridedIndex(value, index, 0, (i, axis) => (starts[axis] ?? 0) + i * (steps[axis] ?? 1)),
    );
  },
  nest(build, value, at) {
    const starts = dimsOf(value, "starts");
    const steps = numbersOf(value, "steps");
    return build.operand(
      0,
      stridedIndex(value, at, build.literal(0), (index, axis) =>
        build.add(build.scale(index, dimOf(steps[axis] ?? 1)), starts[axis] ?? ZERO),
      ),
    );
  },
  // Zeros go between, in front of and behind the positions that were taken.
  vjp: ({ emit, value, cotangent }) =>
    value.args.map((x) => {
      const { shape } = emit.typeOf(x);
      const drop = numbersOf(value, "drop");
      const insert = numbersOf(value, "insert");
      const kept = value.type.shape.filter((_, i) => !insert.includes(i));
      const sizes = shape.map((_, axis) => (drop.includes(axis) ? ONE : (kept.shift() ?? ONE)));
      const steps = numbersOf(value, "steps");
      let spread = emit.apply("reshape", [cotangent], { shape: sizes });
      const backwards = steps.flatMap((step, axis) => (step < 0 ? [axis] : []));
      if (backwards.length > 0) spread = emit.apply("reverse", [spread], { axis: backwards });
      const spans = sizes.map((size, axis) => addDims(scaleDim(subDims(size, ONE), Math.abs(steps[axis] ?? 1)), ONE));
      for (const [axis, step] of steps.entries()) {
        const times = Math.abs(step);
        if (times === 1 || isLiteral(sizes[axis] ?? ONE, 1)) continue;
        const at = (list: readonly Dim[], dim: Dim): readonly Dim[] => list.map((own, i) => (i === axis ? dim : own));
        const now = emit.typeOf(spread).shape;
        const apart = [...now.slice(0, axis + 1), ONE, ...now.slice(axis + 1)];
        const single = emit.apply("reshape", [spread], { shape: apart });
        const pads = apart.flatMap((_, i) => [ZERO, i === axis + 1 ? dimOf(times - 1) : ZERO]);
        const padded = emit.apply("pad", [single], { pads, value: 0 });
        const joined = emit.apply("reshape", [padded], { shape: at(now, scaleDim(now[axis] ?? ONE, times)) });
        spread = emit.apply("slice", [joined], { axis, at: ZERO, size: spans[axis] ?? ONE });
      }
      const starts = dimsOf(value, "starts");
      const pads = shape.flatMap((extent, axis) => {
        const span = spans[axis] ?? ONE;
        const start = starts[axis] ?? ZERO;
        const first = (steps[axis] ?? 1) < 0 ? subDims(start, subDims(span, ONE)) : start;
        return [first, subDims(extent, addDims(first, span))];
      });
      return emit.apply("pad", [spread], { pads, value: 0 });
    }),
  linear: isLinearInFirst,
};

/**
 * What the range `from:to:step` of an axis of `extent` means: its first position and the number of positions. Bounds
 * that are negative literals count from the end; absent ones are the ends of the axis in the direction of the step.
 */
export function indexRange(extent: Dim, from?: Dim, to?: Dim, step = 1): { readonly start: Dim; readonly size: Dim } {
  const bound = (dim: Dim) => ((literalOf(dim) ?? 0) < 0 ? addDims(extent, dim) : dim);
  if (step > 0) {
    const start = from ? bound(from) : ZERO;
    return { start, size: ceilDivDims(subDims(to ? bound(to) : extent, start), dimOf(step)) };
  }
  const start = from ? bound(from) : subDims(extent, ONE);
  return { start, size: ceilDivDims(subDims(start, to ? bound(to) : dimOf(-1)), dimOf(-step)) };
}
