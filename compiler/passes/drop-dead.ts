/** Drops what no output, update or assertion reads, inputs and variables included. An input that only says what a dim is stays. */
import { dimOf } from "../ir/dims.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { needsOf, rootsOf } from "../ir/needs.ts";
import { rewriteGraph } from "./rewrite.ts";

export function dropDead(graph: Graph): Graph {
  const roots = rootsOf(graph);
  const needs = needsOf(graph, roots);
  const isUpdated = new Set(graph.updates.map((update) => update.variable));
  const isNeededLeaf = ({ op, attributes }: Value): boolean =>
    (op === "input" && needs.inputs.has(String(attributes.name))) ||
    (op === "variable" && (needs.variables.has(String(attributes.name)) || isUpdated.has(String(attributes.name))));
  const isLive = graph.values.map(isNeededLeaf);
  for (const root of roots) isLive[root] = true;
  for (let id = graph.values.length - 1; id >= 0; id--)
    if (isLive[id]) for (const arg of graph.values[id]?.args ?? []) isLive[arg] = true;
  const live = rewriteGraph(
    graph,
    (value) => ({ value }),
    (id) => isLive[id] ?? false,
  );
  const inputs = graph.inputs.filter((input) => needs.inputs.has(input.name));
  const unread = inputs.filter(({ name }) => !live.values.some((v) => v.op === "input" && v.attributes.name === name));
  const variables = graph.variables.filter(({ name }) => needs.variables.has(name) || isUpdated.has(name));
  // A variable that is written and never read has a place all the same.
  const unreadVariables = variables.filter(
    ({ name }) => !live.values.some((v) => v.op === "variable" && v.attributes.name === name),
  );
  return {
    ...live,
    inputs,
    variables,
    values: [
      ...live.values,
      ...unread.map(({ name, type, span }): Value => ({ op: "input", args: [], attributes: { name }, type, span })),
      ...unreadVariables.map(
        ({ name, dtype, shape, span }): Value => ({
          op: "variable",
          args: [],
          attributes: { name },
          type: { dtype, shape: shape.map((size) => dimOf(size)) },
          span,
        }),
      ),
    ],
  };
}
