/**
 * Computes at compile time what depends on constants only, by the meaning that each primitive's record gives it,
 * rounded to its dtype. A result that is longer than what it is made from (a broadcast) stays a computation.
 */
import { literalOf } from "../ir/dims.ts";
import type { ConstantData, Graph, Value } from "../ir/graph.ts";
import type { DType } from "../ir/types.ts";
import type { NdArray } from "../ops/primitive.ts";
import { roundTo } from "../ops/scalar.ts";
import { primitives } from "../ops/table.ts";
import { rewriteGraph } from "./rewrite.ts";

/** Elements of a constant that the compiler computes, 256 KiB; beyond it the module would grow more than it gains. */
const MAX_ELEMENTS = 65536;
/** Multiply-adds spent on one value. */
const MAX_WORK = 2 ** 24;

export function foldConstants(graph: Graph): Graph {
  return rewriteGraph(graph, (value, made) => {
    const data = fold(
      value,
      value.args.map((arg) => made[arg]),
    );
    return { value: data ? { ...value, op: "constant", args: [], attributes: { data: { data } } } : value };
  });
}

function fold(value: Value, args: readonly (Value | undefined)[]): ConstantData["data"] | undefined {
  const primitive = primitives[value.op];
  const shape = literalShape(value);
  if (!primitive || primitive.class === "leaf" || !shape || value.more) return undefined;
  const operands: NdArray[] = [];
  for (const arg of args) {
    const dims = arg && literalShape(arg);
    if (arg?.op !== "constant" || !dims) return undefined;
    const { data } = arg.attributes.data as ConstantData;
    const { dtype } = arg.type;
    // A literal of the source is kept as it was written, and no target has more than its dtype's digits of it.
    operands.push({ dtype, shape: dims, data: Float64Array.from(data, (x) => roundTo(dtype, x)) });
  }
  const elements = shape.reduce((a, b) => a * b, 1);
  const longest = Math.max(0, ...operands.map((operand) => operand.data.length));
  if (elements > MAX_ELEMENTS || elements * Math.max(1, longest) > MAX_WORK) return undefined;
  if (primitive.class === "view" && elements > longest) return undefined;
  let isKnown = true;
  const result = primitive.meaning(operands, value, {
    shape,
    type: value.type,
    size: (dim) => {
      const size = literalOf(dim);
      if (size === undefined) isKnown = false;
      return size ?? 1;
    },
  });
  return isKnown && result instanceof Float64Array ? stored(value.type.dtype, result) : undefined;
}

function literalShape(value: Value): number[] | undefined {
  const shape = value.type.shape.map(literalOf);
  return shape.every((size) => size !== undefined) ? shape : undefined;
}

function stored(dtype: DType, data: Float64Array): ConstantData["data"] {
  const rounded = data.map((x) => roundTo(dtype, x));
  if (dtype === "f32" || dtype === "f16" || dtype === "bf16") return Float32Array.from(rounded);
  return dtype === "u32" ? Uint32Array.from(rounded) : Int32Array.from(rounded);
}
