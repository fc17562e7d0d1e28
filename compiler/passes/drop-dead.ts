/** Drops what no output reads. Inputs and variables stay: they are the interface of the graph. */
import type { Graph } from "../ir/graph.ts";
import { rewriteGraph } from "./rewrite.ts";

export function dropDead(graph: Graph): Graph {
  const isLive = graph.values.map((value) => value.op === "input" || value.op === "variable");
  for (const output of graph.outputs) isLive[output.value] = true;
  for (let id = graph.values.length - 1; id >= 0; id--)
    if (isLive[id]) for (const arg of graph.values[id]?.args ?? []) isLive[arg] = true;
  return rewriteGraph(
    graph,
    (value) => ({ value }),
    (id) => isLive[id] ?? false,
  );
}
