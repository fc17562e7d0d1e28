/** Rebuilding a graph value by value: what the rewriting passes share. */
import type { Attribute, Graph, Value, ValueId } from "../ir/graph.ts";

/** Either a value of the new graph that takes this one's place, or the value to append. */
export type Replacement = { readonly use: ValueId } | { readonly value: Value };

/**
 * Visits the values in order. `replace` gets the value with its operands already renamed into the new graph, whose
 * values so far are `made`; those that are not kept have no reader. A value that loses its place hands its name on, so that messages keep it.
 */
export function rewriteGraph(
  graph: Graph,
  replace: (value: Value, made: readonly Value[]) => Replacement,
  isKept: (id: ValueId) => boolean = () => true,
): Graph {
  const made: Value[] = [];
  const to: (ValueId | undefined)[] = [];
  const renamed = (id: ValueId): ValueId => {
    const found = to[id];
    if (found === undefined) throw new Error(`value ${id} is read before it is made, or after it was dropped`);
    return found;
  };
  graph.values.forEach((old, id) => {
    if (!isKept(id)) return;
    const value = { ...old, args: old.args.map(renamed) };
    const replacement = replace(value, made);
    if ("value" in replacement) to[id] = made.push(replacement.value) - 1;
    else {
      to[id] = replacement.use;
      const target = made[replacement.use];
      if (target && old.name !== undefined && target.name === undefined)
        made[replacement.use] = { ...target, name: old.name };
    }
  });
  const kept = (ids: readonly ValueId[]): ValueId[] => ids.flatMap((id) => to[id] ?? []);
  return {
    ...graph,
    values: made,
    calls: graph.calls.map((call) => ({ ...call, args: kept(call.args), results: kept(call.results) })),
    outputs: graph.outputs.map((output) => ({ ...output, value: renamed(output.value) })),
    updates: graph.updates.map((update) => ({ ...update, value: renamed(update.value) })),
    assertions: graph.assertions.map((assertion) => ({ ...assertion, condition: renamed(assertion.condition) })),
  };
}

/** Equal keys, equal attributes. */
export function attributeKey(attribute: Attribute): string {
  return JSON.stringify(attribute, (key, value: unknown) => {
    if (key === "span") return undefined;
    if (typeof value === "number" && (Object.is(value, -0) || !Number.isFinite(value)))
      return `#${Object.is(value, -0) ? "-0" : value}`;
    return ArrayBuffer.isView(value) ? Array.from(value as Float64Array, String) : value;
  });
}
