/** Whether a value is a linear function of another one: what can be transposed. */
import type { Span } from "../../grammar/source.ts";
import type { Value, ValueId } from "../ir/graph.ts";
import { constantDataOf } from "../ops/attributes.ts";
import type { Dependence } from "../ops/primitive.ts";
import { primitives } from "../ops/table.ts";

/** The first operation that is not linear: a value, and the place in it. */
export interface Nonlinear {
  readonly value: Value;
  readonly span: Span;
}

/** How `result` depends on `argument`, if it is linear where it does. */
export function dependenceOn(
  valueAt: (id: ValueId) => Value,
  argument: ValueId,
  result: ValueId,
): Dependence | Nonlinear {
  const known = new Map<ValueId, Dependence>([[argument, "linear"]]);
  for (const id of ancestors(valueAt, [result])) {
    if (known.has(id)) continue;
    const found = ofValue(valueAt(id), (arg) => known.get(arg) ?? "fixed");
    if (typeof found === "object") return found;
    known.set(id, found);
  }
  return known.get(result) ?? "fixed";
}

function ofValue(value: Value, of: (arg: ValueId) => Dependence): Dependence | Nonlinear {
  if (value.op === "constant") return constantDataOf(value).data.every((x: number) => x === 0) ? "zero" : "fixed";
  const kinds = value.args.map(of);
  if (value.op === "part") return kinds[0] ?? "fixed";
  if (kinds.every((kind) => kind === "fixed")) return "fixed";
  const record = primitives[value.op];
  if (kinds.includes("linear")) {
    const answer = record?.linear?.(value, kinds) ?? false;
    return answer === true ? "linear" : { value, span: answer === false ? value.span : answer };
  }
  // A linear function is 0 at 0.
  const asLinear = kinds.map((kind): Dependence => (kind === "zero" ? "linear" : kind));
  return record?.linear?.(value, asLinear) === true ? "zero" : "fixed";
}

/** What values are computed from, and they, in order. */
export function ancestors(valueAt: (id: ValueId) => Value, results: readonly ValueId[]): readonly ValueId[] {
  const found = new Set<ValueId>();
  const pending = [...results];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    pending.push(...valueAt(id).args);
  }
  return [...found].sort((a, b) => a - b);
}

/** Whether a value is computed from another one. */
export const isComputedFrom = (valueAt: (id: ValueId) => Value, result: ValueId, argument: ValueId): boolean =>
  ancestors(valueAt, [result]).includes(argument);
