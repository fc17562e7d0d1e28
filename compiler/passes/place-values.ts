/** The buffers of values: of feeds, variables, constants, and of whatever is computed rather than inlined. */
import { type Graph, type Value, type ValueId, valueOf } from "../ir/graph.ts";
import type { Buffer, BufferId } from "../ir/loops.ts";
import { loopOfLeaf, type Loops } from "../ir/regions.ts";
import { primitives } from "../ops/table.ts";
import { operandsOfRoutines } from "./routines.ts";

/** Buffers as they come to be, and the values that lie in them. */
export interface Placement {
  readonly buffers: Buffer[];
  readonly bufferOf: Map<ValueId, BufferId>;
  /** A further buffer, under a name that no other has. */
  readonly add: (buffer: Buffer) => BufferId;
}

/** The results of a loop lie where its carries and stacks do: nothing computes them. */
export const isLoopResult = (graph: Graph, value: Value): boolean =>
  value.op === "loop" || (value.op === "part" && valueOf(graph, value.args[0] ?? -1).op === "loop");

export function placeValues(
  graph: Graph,
  { loops }: Loops,
  roots: ReadonlySet<ValueId>,
  isDerived: ReadonlySet<ValueId>,
): Placement {
  const buffers: Buffer[] = [];
  const bufferOf = new Map<ValueId, BufferId>();
  const names = new Set<string>();
  /** The number that a name was tried with last: those before it are taken. */
  const tried = new Map<string, number>();
  const unique = (wanted: string): string => {
    let name = wanted;
    let n = tried.get(wanted) ?? 0;
    while (names.has(name)) name = `${wanted}_${++n}`;
    tried.set(wanted, n);
    names.add(name);
    return name;
  };
  const add = (buffer: Buffer): BufferId => buffers.push({ ...buffer, name: unique(buffer.name) }) - 1;
  const isOutput = new Set(graph.outputs.map((output) => output.value));
  const inRoutines = operandsOfRoutines(graph);
  const isUpdated = new Set(graph.updates.map((update) => update.variable));
  graph.values.forEach((value, id) => {
    const { dtype, shape: dims } = value.type;
    const place = (buffer: Buffer): void => void bufferOf.set(id, add(buffer));
    const name = String(value.attributes.name ?? value.attributes.path ?? value.name ?? value.op);
    const common = { dtype, dims, value: id };
    const isResult = value.op === "part" && graph.values[value.args[0] ?? -1]?.op === "loop";
    if (value.op === "input" || value.op === "random_key") place({ ...common, name, place: "feed" });
    else if (value.op === "variable")
      place({ ...common, name, place: "variable", ...(isUpdated.has(name) ? { isMutable: true } : {}) });
    else if (value.op === "carry") place({ ...common, name, place: "arena", isMutable: true });
    else if (value.op === "loop" || isResult) {
      const loop = loops.get(loopOfLeaf(graph.values[value.op === "loop" ? id : (value.args[0] ?? -1)] ?? value));
      const index = isResult ? Number(value.attributes.index) : 0;
      const carry = bufferOf.get(loop?.carries[index] ?? -1);
      if (carry !== undefined) bufferOf.set(id, carry);
      else place({ ...common, name: value.name ?? "stack", place: "arena" });
    } else if (value.op === "constant" && (dims.length > 0 || isOutput.has(id) || inRoutines.has(id))) {
      const data = value.attributes.data as NonNullable<Buffer["data"]>;
      place({ ...common, name: value.name ?? "constant", place: "constant", data });
    } else if (roots.has(id)) {
      const source = primitives[value.op]?.keepsOrder ? bufferOf.get(value.args[0] ?? -1) : undefined;
      place({
        ...common,
        name: value.name ?? kernelName(graph, id, new Set([id])),
        place: source === undefined ? (isDerived.has(id) ? "derived" : "arena") : (buffers[source]?.place ?? "arena"),
        ...(source === undefined ? {} : { alias: buffers[source]?.alias ?? source }),
        ...(source !== undefined && buffers[source]?.isMutable ? { isMutable: true } : {}),
      });
    }
  });
  return { buffers, bufferOf, add };
}

/** From the outermost library calls it holds, `conv2d_relu`, or from the primitives at graph level, `add`. */
export function kernelName(graph: Graph, root: ValueId, inlined: ReadonlySet<ValueId>): string {
  const parts: string[] = [];
  for (const id of [...inlined].sort((a, b) => a - b)) {
    const value = valueOf(graph, id);
    const path: string[] = [];
    for (let call = value.call; call !== undefined; call = graph.calls[call]?.parent)
      path.unshift(graph.calls[call]?.name ?? "");
    const part = path[0] ?? value.op;
    if (!parts.includes(part) && (primitives[value.op]?.class !== "view" || inlined.size === 1)) parts.push(part);
  }
  const name = parts.slice(0, 4).join("_") || valueOf(graph, root).op;
  return name.replace(/[^A-Za-z0-9_]/g, "_");
}
