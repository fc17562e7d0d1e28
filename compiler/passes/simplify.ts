/**
 * Rewrites that hold exactly, floats included: identities of the scalar functions' laws, views that do nothing, a
 * cast to the dtype it has. What would change a NaN, an infinity or the sign of a zero is left alone.
 */
import { equalShapes, literalOf } from "../ir/dims.ts";
import type { ConstantData, Graph, Value, ValueId } from "../ir/graph.ts";
import { scalarFunctions } from "../ops/scalar.ts";
import { primitives } from "../ops/table.ts";
import { rewriteGraph } from "./rewrite.ts";

export function simplify(graph: Graph): Graph {
  return rewriteGraph(graph, (value, made) => {
    const use = sameAs(value, made);
    return use === undefined ? { value } : { use };
  });
}

/** The operand that the value equals, if it equals one. */
function sameAs(value: Value, made: readonly Value[]): ValueId | undefined {
  const [left, right] = value.args;
  const a = left === undefined ? undefined : made[left];
  const b = right === undefined ? undefined : made[right];
  if (left === undefined || !a) return undefined;
  const keepsType = a.type.dtype === value.type.dtype && equalShapes(a.type.shape, value.type.shape);
  if (keepsType && (value.op === "cast" || primitives[value.op]?.keepsOrder)) return left;
  const laws = scalarFunctions.get(value.op)?.laws;
  if (!laws) return undefined;
  if (laws.involution && a.op === value.op) return a.args[0];
  if (right === undefined || !b) return undefined;
  if (laws.idempotent && left === right) return left;
  // x + 0 turns -0 into 0: not exact for floats.
  const isExact = value.op !== "add" || value.type.dtype !== "f32";
  if (laws.identity === undefined || !isExact) return undefined;
  if (keepsType && scalarOf(b) === laws.identity) return left;
  const keepsRight = b.type.dtype === value.type.dtype && equalShapes(b.type.shape, value.type.shape);
  return laws.commutative && keepsRight && scalarOf(a) === laws.identity ? right : undefined;
}

/** The number, if the value is a constant of one element. */
function scalarOf(value: Value): number | undefined {
  if (value.op !== "constant" || value.type.shape.some((dim) => literalOf(dim) !== 1)) return undefined;
  return (value.attributes.data as ConstantData).data[0];
}
