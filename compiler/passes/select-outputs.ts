/** The graph with other outputs: any node that has a name at graph level. What only the others need falls away. */
import { fetchNames, needsOfFetch } from "../ir/needs.ts";
import type { Graph, Output, ValueId } from "../ir/graph.ts";

export class UnknownNode extends Error {
  readonly node: string;
  constructor(node: string) {
    super(`the graph has no node \`${node}\``);
    this.node = node;
  }
}

/** Names that can be fetched: outputs and steps first, then the other nodes of the graph in order. */
export function nodeNames(graph: Graph): readonly string[] {
  const names = new Set(fetchNames(graph));
  for (const value of graph.values) if (value.name !== undefined) names.add(value.name);
  return [...names];
}

export function selectOutputs(graph: Graph, names: readonly string[]): Graph {
  const wanted = [...new Set(names)];
  const steps = graph.steps.filter((step) => wanted.includes(step.name));
  const outputs = wanted.flatMap((name): readonly Output[] => {
    if (steps.some((step) => step.name === name)) return [];
    const output = graph.outputs.find((other) => other.name === name);
    if (output) return [output];
    const value = graph.values.findIndex((other) => other.name === name);
    const found = graph.values[value];
    if (!found) throw new UnknownNode(name);
    return [{ name, value, doc: "", span: found.span }];
  });
  const goes = <T extends { readonly when: readonly string[] }>(list: readonly T[]): T[] =>
    list
      .map((entry) => ({ ...entry, when: entry.when.filter((name) => wanted.includes(name)) }))
      .filter(({ when }) => when.length > 0);
  const chosen = { ...graph, outputs, steps, updates: goes(graph.updates), assertions: goes(graph.assertions) };
  const needs = fetchNames(chosen).map((name) => needsOfFetch(chosen, name));
  return dropLeaves({
    ...chosen,
    inputs: graph.inputs.filter((input) => needs.some(({ inputs }) => inputs.has(input.name))),
    variables: graph.variables.filter((variable) => needs.some(({ variables }) => variables.has(variable.name))),
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
    updates: graph.updates.map((update) => ({ ...update, value: to[update.value] ?? -1 })),
    assertions: graph.assertions.map((assertion) => ({ ...assertion, condition: to[assertion.condition] ?? -1 })),
  };
}
