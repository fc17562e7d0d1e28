/** The graph with other outputs: any node that has a name at graph level. What only the others need falls away. */
import { needsOf } from "../ir/needs.ts";
import type { Graph, Output, ValueId } from "../ir/graph.ts";

export class UnknownNode extends Error {
  readonly node: string;
  constructor(node: string) {
    super(`the graph has no node \`${node}\``);
    this.node = node;
  }
}

/** Names that can be fetched: outputs first, then the other nodes of the graph in order. */
export function nodeNames(graph: Graph): readonly string[] {
  const names = new Set(graph.outputs.map((output) => output.name));
  for (const value of graph.values) if (value.name !== undefined) names.add(value.name);
  return [...names];
}

export function selectOutputs(graph: Graph, names: readonly string[]): Graph {
  const outputs = [...new Set(names)].map((name): Output => {
    const output = graph.outputs.find((other) => other.name === name);
    if (output) return output;
    const value = graph.values.findIndex((other) => other.name === name);
    const found = graph.values[value];
    if (!found) throw new UnknownNode(name);
    return { name, value, doc: "", span: found.span };
  });
  const needs = needsOf(
    graph,
    outputs.map((output) => output.value),
  );
  return dropLeaves({
    ...graph,
    outputs,
    inputs: graph.inputs.filter((input) => needs.inputs.has(input.name)),
    variables: graph.variables.filter((variable) => needs.variables.has(variable.name)),
  });
}

/** Values that read an input or variable which is no more are turned away by renaming what is left. */
function dropLeaves(graph: Graph): Graph {
  const has = new Set([
    ...graph.inputs.map((i) => `input ${i.name}`),
    ...graph.variables.map((v) => `variable ${v.name}`),
  ]);
  const to: (ValueId | undefined)[] = [];
  const values: Graph["values"][number][] = [];
  graph.values.forEach((value, id) => {
    const isGone =
      (value.op === "input" || value.op === "variable") && !has.has(`${value.op} ${value.attributes.name}`);
    const args = value.args.map((arg) => to[arg]);
    if (isGone || args.includes(undefined)) return;
    to[id] = values.push({ ...value, args: args.filter((arg) => arg !== undefined) }) - 1;
  });
  const kept = (ids: readonly ValueId[]): ValueId[] => ids.flatMap((id) => to[id] ?? []);
  return {
    ...graph,
    values,
    calls: graph.calls.map((call) => ({ ...call, args: kept(call.args), results: kept(call.results) })),
    outputs: graph.outputs.map((output) => ({ ...output, value: to[output.value] ?? -1 })),
  };
}
