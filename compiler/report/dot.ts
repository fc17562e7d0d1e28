/**
 * Graphs as text for Graphviz (`tfgc FILE --emit=dot | dot -Tsvg`): values are nodes, library calls clusters. After
 * fusion (`--emit=dot-kernels`) the clusters are kernels, and a value stands in every kernel that computes it.
 */
import { formatDim } from "../ir/dims.ts";
import type { CallId, ConstantData, Graph, Value, ValueId } from "../ir/graph.ts";
import type { BufferId, KernelCall, KernelProgram } from "../ir/loops.ts";
import { formatType } from "../ir/print.ts";
import { partsOfLoop } from "../ir/regions.ts";

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;

const look = [
  '  node [shape=box, style="rounded,filled", fillcolor=white, color=gray40, fontname=Helvetica, fontsize=10]',
  "  edge [color=gray40, arrowsize=0.7]",
];
const clusterLook = (colour: string): string =>
  `style="rounded,filled"; fillcolor=${colour}; color=gray70; fontname=Helvetica; fontsize=11`;

/** Leaves have colours of their own; what is computed is white. */
const colours: Readonly<Record<string, string>> = {
  input: "lightblue",
  variable: "khaki",
  constant: "gray90",
  dim: "gray90",
};

/** The number of a constant that is written into its readers instead of being a node. */
function inlineNumber(graph: Graph, id: ValueId): string | undefined {
  const value = graph.values[id];
  if (value?.op !== "constant" || value.type.shape.length > 0 || value.name !== undefined) return undefined;
  if (graph.outputs.some((output) => output.value === id)) return undefined;
  return String((value.attributes.data as ConstantData).data[0]);
}

/** The values that a value has edges from. */
const drawnOperands = (graph: Graph, args: readonly ValueId[]): ValueId[] =>
  args.filter((arg) => inlineNumber(graph, arg) === undefined);

function nodeText(graph: Graph, id: ValueId, node: string): string {
  const value = graph.values[id];
  if (!value) throw new Error(`the graph has no value ${id}`);
  const isNamed = value.op === "input" || value.op === "variable";
  const name = value.name ?? (isNamed ? String(value.attributes.name) : undefined);
  const lines = [name, isNamed ? undefined : operation(graph, value), formatType(value.type)];
  const colour = colours[value.op];
  const label = quoted(lines.filter((line) => line !== undefined).join("\n"));
  return `${node} [label=${label}${colour === undefined ? "" : `, fillcolor=${colour}`}]`;
}

/** The primitive, with the numbers among its operands: `maximum(·, 0)`. */
function operation(graph: Graph, value: Value): string {
  const { dim } = value.attributes;
  if (value.op === "dim" && typeof dim === "object" && "terms" in dim) return formatDim(dim);
  const args = value.args.map((arg) => inlineNumber(graph, arg));
  return args.some((arg) => arg !== undefined) ? `${value.op}(${args.map((arg) => arg ?? "·").join(", ")})` : value.op;
}

function outputNodes(graph: Graph, from: (value: ValueId) => string): string[] {
  return graph.outputs.flatMap(({ name, value }, i) => [
    `  o${i} [label=${quoted(name)}, shape=oval, fillcolor=palegreen]`,
    `  ${from(value)} -> o${i}`,
  ]);
}

// ---- library calls ---------------------------------------------------------------------------------------------

export function printDot(graph: Graph): string {
  const within = new Map<CallId | undefined, ValueId[]>();
  graph.values.forEach((value, id) => {
    within.set(value.call, [...(within.get(value.call) ?? []), id]);
  });
  /** The calls that hold a value, by the call that holds them. */
  const inner = new Map<CallId | undefined, Set<CallId>>();
  for (const call of within.keys())
    for (let id = call; id !== undefined; id = graph.calls[id]?.parent) {
      const parent = graph.calls[id]?.parent;
      inner.set(parent, (inner.get(parent) ?? new Set()).add(id));
    }
  const lines = [`digraph ${quoted(graph.name)} {`, ...look];
  const print = (call: CallId | undefined, indent: string, depth: number): void => {
    for (const id of within.get(call) ?? [])
      if (inlineNumber(graph, id) === undefined) lines.push(`${indent}${nodeText(graph, id, `v${id}`)}`);
    for (const id of [...(inner.get(call) ?? [])].sort((a, b) => a - b)) {
      const { name = "", scope } = graph.calls[id] ?? {};
      const label = scope === undefined || scope === name ? name : `${name}: ${scope}`;
      lines.push(`${indent}subgraph cluster_${id} {`);
      lines.push(`${indent}  label=${quoted(label)}; ${clusterLook(depth % 2 === 0 ? "gray97" : "gray93")}`);
      print(id, `${indent}  `, depth + 1);
      lines.push(`${indent}}`);
    }
  };
  print(undefined, "  ", 0);
  graph.values.forEach((value, id) => {
    for (const arg of drawnOperands(graph, value.args)) lines.push(`  v${arg} -> v${id}`);
  });
  return `${[...lines, ...outputNodes(graph, (value) => `v${value}`), "}"].join("\n")}\n`;
}

/** What one result of a loop is made from: a carry from its own, what is stacked from what iterations hand over. */
function argsOfResult(loop: Value, index: number): readonly ValueId[] {
  const { carries, next, stacked, condition } = partsOfLoop(loop);
  const own = [carries[index], next[index], stacked[index - carries.length]?.value, condition];
  return own.flatMap((id) => id ?? []);
}

// ---- kernels ---------------------------------------------------------------------------------------------------

export function printKernelDot(program: KernelProgram): string {
  const { graph } = program;
  const calls = [...program.derive, ...program.steps];
  const clusters: string[] = [];
  /** Values outside of kernels: leaves, and buffers that are other buffers under another shape. */
  const outside = new Map<ValueId, string>();
  const edges: string[] = [];

  const valueHeld = (buffer: BufferId): ValueId | undefined => program.buffers[buffer]?.value;
  const side = (call: KernelCall, access: "read" | "write"): BufferId[] =>
    call.operands.filter((_, i) => program.kernels[call.kernel]?.operands[i]?.access === access);
  /** The call that stores a value first: that of a carry is stored before its loop. */
  const writer = new Map<ValueId, number>();
  const writerOf = new Map<BufferId, number>();
  calls.forEach((call, k) => {
    for (const buffer of side(call, "write")) {
      const value = valueHeld(buffer);
      if (value !== undefined && !writer.has(value)) writer.set(value, k);
      writerOf.set(buffer, k);
    }
  });
  /** What a call stores: the value, or a copy of one that it may compute on the way. */
  const endOf = (k: number, id?: ValueId): string => {
    const values = calls[k]?.values ?? [];
    const last = id !== undefined && values.includes(id) ? id : values.at(-1);
    return last === undefined ? `k${k}` : `k${k}_v${last}`;
  };
  const operandsOf = (id: ValueId): readonly ValueId[] => {
    const value = graph.values[id];
    // A part is computed from the operands of what it is a part of.
    const isPart = value?.op === "part";
    const whole = isPart ? graph.values[value.args[0] ?? -1] : value;
    const args = whole?.op === "loop" ? argsOfResult(whole, isPart ? Number(value.attributes.index) : 0) : whole?.args;
    return drawnOperands(graph, args ?? []);
  };
  const nodeOf = (id: ValueId): string => {
    const by = writer.get(id);
    if (by !== undefined) return endOf(by, id);
    if (!outside.has(id)) {
      outside.set(id, `  ${nodeText(graph, id, `v${id}`)}`);
      for (const operand of operandsOf(id)) edges.push(`  ${nodeOf(operand)} -> v${id}`);
    }
    return `v${id}`;
  };
  /** Where call `k` reads a value: it may be a copy, padded or in panels. */
  const sourceOf = (k: number, id: ValueId): string => {
    const reads = side(calls[k] ?? { kernel: -1, operands: [], values: [] }, "read");
    const copy = calls.findIndex(
      (call) =>
        call.values.length === 0 &&
        side(call, "write").some((buffer) => reads.includes(buffer)) &&
        side(call, "read").some((buffer) => valueHeld(buffer) === id),
    );
    return copy < 0 ? nodeOf(id) : `k${copy}`;
  };

  calls.forEach((call, k) => {
    const name = program.kernels[call.kernel]?.name ?? "";
    const isDerived = k < program.derive.length;
    if (call.values.length === 0) {
      const written = side(call, "write").map((buffer) => program.buffers[buffer]?.name ?? "");
      clusters.push(`  k${k} [label=${quoted([name, ...written].join("\n"))}, fillcolor=mistyrose]`);
      for (const buffer of side(call, "read")) {
        const value = valueHeld(buffer);
        if (value !== undefined) edges.push(`  ${nodeOf(value)} -> k${k}`);
      }
      return;
    }
    clusters.push(`  subgraph cluster_k${k} {`);
    clusters.push(
      `    label=${quoted(isDerived ? `${name}, when a variable changes` : name)}; ${clusterLook(isDerived ? "lavender" : "gray97")}`,
    );
    const mine = new Set(call.values);
    for (const id of call.values) {
      clusters.push(`    ${nodeText(graph, id, `k${k}_v${id}`)}`);
      for (const operand of operandsOf(id))
        edges.push(`  ${mine.has(operand) ? `k${k}_v${operand}` : sourceOf(k, operand)} -> k${k}_v${id}`);
    }
    clusters.push("  }");
  });
  for (const { from, to } of program.flows) {
    const [next, start] = [writerOf.get(from), calls.findIndex((call) => side(call, "write").includes(to))];
    if (next !== undefined && start >= 0)
      edges.push(`  ${endOf(next)} -> ${endOf(start)} [style=dashed, constraint=false, label="next turn"]`);
  }
  const outputs = outputNodes(graph, nodeOf);
  const leaves = [...outside].sort(([a], [b]) => a - b).map(([, text]) => text);
  return `${[`digraph ${quoted(graph.name)} {`, ...look, ...leaves, ...clusters, ...edges, ...outputs, "}"].join("\n")}\n`;
}
