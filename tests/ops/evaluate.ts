/** Evaluates a primitive's nest directly, scalar by scalar: what `meaning` is checked against. */
import { addAffine, affineOf, axisIndex, scalarIndex, scaleAffine } from "../../compiler/ir/affine.ts";
import { type Dim, evaluateDim } from "../../compiler/ir/dims.ts";
import type { Value } from "../../compiler/ir/graph.ts";
import type { Affine, ScalarId } from "../../compiler/ir/nest.ts";
import type { DType, TensorType } from "../../compiler/ir/types.ts";
import { elementsOf, forEachPoint, positionOf, stridesOf } from "../../compiler/ops/points.ts";
import type { NdArray, NestBuilder, Primitive } from "../../compiler/ops/primitive.ts";
import { scalarFunction } from "../../compiler/ops/scalar.ts";

interface Made {
  readonly dtype: DType;
  evaluate(): number;
}

/** `splits` says whether reshapes may be expressed by `regroup`; false sends them through integer division. */
export function evaluateNest(
  record: Primitive,
  value: Value,
  args: readonly NdArray[],
  types: readonly TensorType[],
  valueOf: (name: string) => number,
  result = 0,
): Float64Array {
  const size = (dim: Dim) => evaluateDim(dim, valueOf);
  const shape = value.type.shape.map(size);
  const axes: number[] = [];
  const extents: number[] = [];
  const scalars: Made[] = [];
  const made = (id: ScalarId): Made => scalars[id] ?? fail(`no scalar ${id}`);
  const push = (dtype: DType, evaluate: () => number): ScalarId => scalars.push({ dtype, evaluate }) - 1;
  const indexOf = (at: Affine): number =>
    size(at.plus) +
    at.terms.reduce((sum, { axis, times }) => sum + (axes[axis] ?? fail("an axis is not open")) * size(times), 0) +
    at.scalars.reduce((sum, { scalar, times }) => sum + made(scalar).evaluate() * size(times), 0);
  const open = (extent: Dim) => extents.push(size(extent)) - 1;
  const build: NestBuilder = {
    operand(k, at, outside) {
      const array = args[k] ?? fail(`no operand ${k}`);
      const strides = stridesOf(array.shape);
      if (at.length !== array.shape.length) fail(`operand ${k} has ${array.shape.length} dims, read with ${at.length}`);
      return push(array.dtype, () => {
        const index = at.map(indexOf);
        const isInside = index.every((i, axis) => i >= 0 && i < (array.shape[axis] ?? 0));
        if (!isInside)
          return outside === undefined ? fail(`a read at [${index}] of [${array.shape}]`) : made(outside).evaluate();
        return array.data[positionOf(index, strides)] ?? fail("no such element");
      });
    },
    typeOf: (k) => types[k] ?? fail(`no operand ${k}`),
    reduceAxis: (_, extent) => open(extent),
    index: axisIndex,
    reduce(combine, over, scalar, dtype) {
      return push(dtype, () => {
        const values: number[] = [];
        forEachPoint(
          over.map((axis) => extents[axis] ?? 0),
          (index) => {
            for (const [i, axis] of over.entries()) axes[axis] = index[i] ?? 0;
            values.push(made(scalar).evaluate());
          },
        );
        return combined(combine, dtype, values);
      });
    },
    apply(fn, dtype, ...parts) {
      const operand = made(parts[parts.length - 1] ?? 0).dtype;
      const meaning = scalarFunction(fn).meaning(operand, dtype);
      return push(dtype, () => {
        const [a = 0, b = 0, c = 0] = parts.map((part) => made(part).evaluate());
        return meaning(a, b, c);
      });
    },
    constant: (x, dtype) => push(dtype, () => x),
    dim: (dim, dtype) => push(dtype, () => size(dim)),
    indexValue: (at) => push("i32", () => indexOf(at)),
    position: scalarIndex,
    add: (a, b) => addAffine(a, "scalars" in b ? b : affineOf(b)),
    scale: scaleAffine,
    literal: affineOf,
    regroup: () => undefined,
  };
  const at = value.type.shape.map((extent) => axisIndex(open(extent)));
  const root = record.nest?.(build, value, at, result) ?? fail("no nest");
  if (made(root).dtype !== value.type.dtype)
    fail(`the nest gives ${made(root).dtype}, the type rule ${value.type.dtype}`);
  const data = new Float64Array(elementsOf(shape));
  forEachPoint(shape, (index, position) => {
    for (const [axis, i] of index.entries()) axes[axis] = i;
    data[position] = made(root).evaluate();
  });
  return data;
}

function fail(message: string): never {
  throw new Error(message);
}

function combined(combine: string, dtype: DType, values: readonly number[]): number {
  const wrap =
    dtype === "i32" ? (x: bigint) => Number(BigInt.asIntN(32, x)) : (x: bigint) => Number(BigInt.asUintN(32, x));
  const isInt = dtype === "i32" || dtype === "u32";
  switch (combine) {
    case "sum":
      return isInt ? wrap(values.reduce((a, x) => a + BigInt(x), 0n)) : values.reduce((a, x) => a + x, 0);
    case "prod":
      return isInt ? wrap(values.reduce((a, x) => a * BigInt(x), 1n)) : values.reduce((a, x) => a * x, 1);
    case "max":
      return Math.max(...values);
    case "min":
      return Math.min(...values);
    case "any":
      return values.includes(1) ? 1 : 0;
    case "all":
      return values.includes(0) ? 0 : 1;
    case "argmax":
      return firstOf(values, Math.max(...values));
    case "argmin":
      return firstOf(values, Math.min(...values));
    default:
      return fail(`no combine ${combine}`);
  }
}

const firstOf = (values: readonly number[], wanted: number): number =>
  values.findIndex((x) => x === wanted || (Number.isNaN(x) && Number.isNaN(wanted)));
