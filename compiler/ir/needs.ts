/** What a fetch needs: the inputs and variables it is computed from, and inputs that bind the dims it mentions. */
import { type Dim, dimSymbols } from "./dims.ts";
import type { Attribute, Graph, Value, ValueId } from "./graph.ts";

export interface Needs {
  readonly inputs: ReadonlySet<string>;
  readonly variables: ReadonlySet<string>;
}

/** Names that can be fetched: outputs, then steps. */
export const fetchNames = (graph: Graph): readonly string[] => [
  ...graph.outputs.map((output) => output.name),
  ...graph.steps.map((step) => step.name),
];

/** Every value that something outside of the graph asks for. */
export const rootsOf = (graph: Graph): readonly ValueId[] => [
  ...graph.outputs.map((output) => output.value),
  ...graph.updates.map((update) => update.value),
  ...graph.assertions.map((assertion) => assertion.condition),
];

/** The values that a run of one fetch computes: its own, and those of the updates and assertions that go with it. */
export function rootsOfFetch(graph: Graph, name: string): readonly ValueId[] {
  const goes = ({ when }: { readonly when: readonly string[] }): boolean => when.includes(name);
  return [
    ...graph.outputs.filter((output) => output.name === name).map((output) => output.value),
    ...graph.updates.filter(goes).map((update) => update.value),
    ...graph.assertions.filter(goes).map((assertion) => assertion.condition),
  ];
}

/** What a run of one fetch needs. The variables that it updates have to be there too. */
export function needsOfFetch(graph: Graph, name: string): Needs {
  const { inputs, variables } = needsOf(graph, rootsOfFetch(graph, name));
  const updated = graph.updates.filter(({ when }) => when.includes(name)).map(({ variable }) => variable);
  return { inputs, variables: new Set([...variables, ...updated]) };
}

export function needsOf(graph: Graph, fetched: readonly ValueId[]): Needs {
  const inputs = new Set<string>();
  const variables = new Set<string>();
  const mentioned = new Set<string>();
  const seen = new Set<ValueId>();
  const stack = [...fetched];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const value = graph.values[id];
    if (!value || seen.has(id)) continue;
    seen.add(id);
    if (value.op === "input") inputs.add(String(value.attributes.name));
    if (value.op === "variable") variables.add(String(value.attributes.name));
    mentionedBy(value, mentioned);
    stack.push(...value.args);
  }
  // `zeros([N])` is computed from no input, but a feed has to say what N is.
  const bound = new Set<string>();
  const binds = (name: string): void => {
    for (const dim of graph.inputs.find((input) => input.name === name)?.type.shape ?? []) dimSymbols(dim, bound);
  };
  for (const name of inputs) binds(name);
  for (const symbol of mentioned) {
    if (bound.has(symbol)) continue;
    const binder = graph.inputs.find((input) => input.type.shape.some((dim) => dimSymbols(dim).has(symbol)));
    if (!binder) continue;
    inputs.add(binder.name);
    binds(binder.name);
  }
  return { inputs, variables };
}

/** Adds the run dims that a value mentions. */
export function mentionedBy({ type, attributes }: Value, into: Set<string>): void {
  for (const dim of type.shape) dimSymbols(dim, into);
  for (const attribute of Object.values(attributes)) mention(attribute, into);
}

function mention(attribute: Attribute, into: Set<string>): void {
  if (typeof attribute !== "object") return;
  if (Array.isArray(attribute)) for (const item of attribute) mention(item, into);
  else if ("terms" in attribute) dimSymbols(attribute as Dim, into);
  else if ("axes" in attribute) for (const axis of attribute.axes) dimSymbols(axis.extent, into);
}
