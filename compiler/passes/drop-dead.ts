/** Drops what no output, update or assertion reads, inputs and variables included. An input that only says what a dim is stays. */
import { dimOf } from "../ir/dims.ts";
import type { Graph, Value, ValueId } from "../ir/graph.ts";
import { needsOf, rootsOf } from "../ir/needs.ts";
import { argsOfLoop, partsOfLoop } from "../ir/regions.ts";
import { rewriteGraph } from "./rewrite.ts";

export function dropDead(given: Graph): Graph {
  const graph = withoutUnreadStacks(given, liveValues(given, rootsOf(given)));
  const roots = rootsOf(graph);
  const needs = needsOf(graph, roots);
  const isUpdated = new Set(graph.updates.map((update) => update.variable));
  const isNeededLeaf = ({ op, attributes }: Value): boolean =>
    (op === "input" && needs.inputs.has(String(attributes.name))) ||
    (op === "variable" && (needs.variables.has(String(attributes.name)) || isUpdated.has(String(attributes.name))));
  const isLive = liveValues(graph, roots);
  const live = rewriteGraph(
    graph,
    (value) => ({ value }),
    (id) => {
      const value = graph.values[id];
      return (isLive[id] ?? false) || (value !== undefined && isNeededLeaf(value));
    },
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

/** Whether what is asked of the graph is computed from each value. */
function liveValues(graph: Graph, roots: Iterable<ValueId>): readonly boolean[] {
  const isLive = graph.values.map(() => false);
  for (const root of roots) isLive[root] = true;
  for (let id = graph.values.length - 1; id >= 0; id--)
    if (isLive[id]) for (const arg of graph.values[id]?.args ?? []) isLive[arg] = true;
  return isLive;
}

/**
 * Loops stack what somebody reads: those whose gradient is asked for keep their carries (`differentiate/loops.ts`),
 * which a run without it does not need.
 */
function withoutUnreadStacks(graph: Graph, isLive: readonly boolean[]): Graph {
  const isRead = new Map<ValueId, Set<number>>();
  for (const [id, { op, args, attributes }] of graph.values.entries())
    if (isLive[id] && op === "part") {
      const [of = -1] = args;
      isRead.set(of, (isRead.get(of) ?? new Set()).add(Number(attributes.index)));
    }
  /** By loop, the new place of each result that stays. */
  const places = new Map<ValueId, ReadonlyMap<number, number>>();
  const values = graph.values.map((value, id): Value => {
    if (value.op === "part") {
      const index = places.get(value.args[0] ?? -1)?.get(Number(value.attributes.index));
      return index === undefined ? value : { ...value, attributes: { ...value.attributes, index } };
    }
    // Without carries the first result is one that is stacked, and the value itself.
    if (value.op !== "loop" || !isLive[id]) return value;
    const parts = partsOfLoop(value);
    const carries = parts.carries.length;
    const kept = parts.stacked.flatMap((_, k) => (isRead.get(id)?.has(carries + k) ? [k] : []));
    if (carries === 0 || kept.length === parts.stacked.length) return value;
    const ofCarries = Array.from({ length: carries }, (_, i): [number, number] => [i, i]);
    places.set(id, new Map([...ofCarries, ...kept.map((k, i): [number, number] => [carries + k, carries + i])]));
    const { more = [], ...rest } = value;
    const others = [...more.slice(0, carries - 1), ...kept.flatMap((k) => more[carries - 1 + k] ?? [])];
    const { args, attributes } = argsOfLoop({ ...parts, stacked: kept.flatMap((k) => parts.stacked[k] ?? []) });
    return {
      ...rest,
      args,
      attributes: { ...value.attributes, ...attributes },
      ...(others.length > 0 ? { more: others } : {}),
    };
  });
  return places.size === 0 ? graph : { ...graph, values };
}
