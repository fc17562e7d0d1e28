/**
 * Broadcasting, language.md 4.4: legal when one side is a scalar; when ranks are equal and each pair of dims is equal
 * or one is the literal 1; when ranks differ and the shorter shape equals the tail of the longer. A symbolic dim is
 * never stretched.
 */
import { type Dim, isLiteral, literalOf, ONE } from "../ir/dims.ts";
import type { Affine } from "../ir/nest.ts";
import { failBroadcast } from "./complaints.ts";
import { elementsOf, forEachPoint, positionOf, stridesOf } from "./points.ts";
import type { NdArray, NestBuilder, Operand, PrimitiveCall } from "./primitive.ts";

type Broadcast = { readonly shape: readonly Dim[] } | { readonly disagree: readonly [Dim, Dim] | undefined };

/** The common shape, or the first pair of dims (from the left) that stands against it. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[], equal: (a: Dim, b: Dim) => boolean): Broadcast {
  if (a.length === 0) return { shape: b };
  if (b.length === 0) return { shape: a };
  const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a];
  const lead = longer.length - shorter.length;
  const shape: Dim[] = longer.slice(0, lead);
  for (const [i, dim] of shorter.entries()) {
    const other = longer[lead + i] ?? ONE;
    if (equal(a === longer ? other : dim, a === longer ? dim : other)) shape.push(a === longer ? other : dim);
    else if (lead === 0 && isLiteral(dim, 1)) shape.push(other);
    else if (lead === 0 && isLiteral(other, 1)) shape.push(dim);
    else return { disagree: a === longer ? [other, dim] : [dim, other] };
  }
  return { shape };
}

/** The common shape of the operands; reports TFG0302 or TFG0311. */
export function broadcastOperands(call: PrimitiveCall, operands: readonly Operand[]): readonly Dim[] {
  const { equal } = call.facts;
  // In whatever order three operands stand: `select(m, a, b)` of bool[M], f32[1, 1], f32[N, M] is f32[N, M], since
  // those of one rank stretch each other before a shorter one is held against them.
  const ranks = [...new Set(operands.map(({ type }) => type.shape.length))];
  const ofRank = (rank: number): Broadcast =>
    broadcastAll(
      operands.flatMap(({ type }) => (type.shape.length === rank ? [type.shape] : [])),
      equal,
    );
  const groups = ranks.map(ofRank).flatMap((group) => ("shape" in group ? [group.shape] : []));
  const together = groups.length === ranks.length ? broadcastAll(groups, equal) : undefined;
  if (together && "shape" in together) return together.shape;

  let shape: readonly Dim[] = [];
  let widest: Operand | undefined;
  for (const operand of operands) {
    const result = broadcastShapes(shape, operand.type.shape, equal);
    if ("disagree" in result) failBroadcast(call, widest ?? operand, operand, result.disagree);
    if (!widest || result.shape.length > widest.type.shape.length) widest = operand;
    shape = result.shape;
  }
  return shape;
}

function broadcastAll(shapes: readonly (readonly Dim[])[], equal: (a: Dim, b: Dim) => boolean): Broadcast {
  return shapes.reduce<Broadcast>((all, shape) => ("shape" in all ? broadcastShapes(all.shape, shape, equal) : all), {
    shape: [],
  });
}

/** The operand's element that belongs to the result's element at `at`. */
export function broadcastIndex(build: NestBuilder, shape: readonly Dim[], at: readonly Affine[]): readonly Affine[] {
  const lead = at.length - shape.length;
  const own = at.slice(Math.max(lead, 0));
  // A dim of 1 has the single index 0, whatever runs over the result's dim.
  return shape.map((dim, i) => (literalOf(dim) === 1 ? build.literal(0) : (own[i] ?? build.literal(0))));
}

/** The meaning of an element-wise function: `fn` at the operands stretched to `shape`. */
export function mapPoints(
  args: readonly NdArray[],
  shape: readonly number[],
  fn: (a: number, b: number, c: number) => number,
): Float64Array {
  const result = new Float64Array(elementsOf(shape));
  const [a, b, c] = args.map((arg) => stretched(arg, shape));
  if (!a) throw new Error("an element-wise primitive has operands");
  for (let i = 0; i < result.length; i++) result[i] = fn(a[i] ?? 0, b?.[i] ?? 0, c?.[i] ?? 0);
  return result;
}

/** The data of `array` as an array of `shape`. */
export function stretched(array: NdArray, shape: readonly number[]): Float64Array {
  const count = elementsOf(shape);
  if (array.data.length === count) return array.data;
  const result = new Float64Array(count);
  const lead = shape.length - array.shape.length;
  const own = stridesOf(array.shape);
  const strides = shape.map((_, i) => (i < lead || array.shape[i - lead] === 1 ? 0 : (own[i - lead] ?? 0)));
  forEachPoint(shape, (index, position) => {
    result[position] = array.data[positionOf(index, strides)] ?? Number.NaN;
  });
  return result;
}
