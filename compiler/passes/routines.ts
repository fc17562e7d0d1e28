/** Routines among the values of a graph: primitives that are no nests, whose operands and results are all buffers. */
import type { Dim } from "../ir/dims.ts";
import type { Attribute, Graph, Value, ValueId } from "../ir/graph.ts";
import type { Buffer, BufferId, LoopStep } from "../ir/loops.ts";
import type { Routine } from "../ir/nest.ts";
import type { TensorType } from "../ir/types.ts";
import { primitiveOf, primitives } from "../ops/table.ts";
import { attributeKey } from "./rewrite.ts";

const isRoutine = (value: Value | undefined): boolean =>
  value !== undefined && primitives[value.op]?.class === "routine";

/** The value whose routine computes this one: itself, or what it is a `part` of. */
export function routineOf(graph: Graph, id: ValueId): ValueId | undefined {
  const value = graph.values[id];
  const source = value?.op === "part" ? (value.args[0] ?? -1) : id;
  return isRoutine(graph.values[source]) ? source : undefined;
}

/** The values that routines read: each needs a buffer. */
export function operandsOfRoutines(graph: Graph): ReadonlySet<ValueId> {
  return new Set(graph.values.flatMap((value) => (isRoutine(value) ? value.args : [])));
}

/** Results of one routine are made at once: where one of them is derived, they all are. */
export function withSiblings(graph: Graph, derived: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const sources = new Set([...derived].flatMap((id) => routineOf(graph, id) ?? []));
  const siblings = graph.values.flatMap((_, id) => (sources.has(routineOf(graph, id) ?? -1) ? [id] : []));
  return new Set([...derived, ...siblings]);
}

/** The step of a routine. `addBuffer` makes the buffers that no value of the graph stands for. */
export function routineStep(
  graph: Graph,
  source: ValueId,
  name: string,
  bufferOf: (value: ValueId) => BufferId | undefined,
  addBuffer: (buffer: Omit<Buffer, "place">) => BufferId,
): LoopStep {
  const value = graph.values[source];
  if (!value) throw new Error(`the graph has no value ${source}`);
  const operands = value.args.map((arg): TensorType => {
    const operand = graph.values[arg];
    if (!operand) throw new Error(`the graph has no value ${arg}`);
    return operand.type;
  });
  const reads = value.args.map((arg): BufferId => {
    const buffer = bufferOf(arg);
    if (buffer === undefined) throw new Error(`value ${arg}, which \`${value.op}\` reads, has no buffer`);
    return buffer;
  });
  const types = [value.type, ...(value.more ?? [])];
  const results = types.map(({ dtype, shape }, part): BufferId => {
    // A result that is not read has no value, but is written all the same.
    const id =
      part === 0
        ? source
        : graph.values.findIndex(
            (other) => other.op === "part" && other.args[0] === source && other.attributes.index === part,
          );
    return bufferOf(id) ?? addBuffer({ name: `${name}_unread`, dtype, dims: shape });
  });
  const scratch = primitiveOf(value.op).scratch?.(value, operands) ?? [];
  const words = scratch.map((size) => addBuffer({ name: `${name}_scratch`, dtype: "i32", dims: [size] }));
  const routine = { value, operands, scratch, reads, writes: [...results, ...words] };
  return { name, nests: [], routine, spans: [value.span], values: [source] };
}

/** Equal keys, equal code. */
export function routineKey({ value, operands, scratch }: Routine): string {
  const attributes = Object.entries(value.attributes).map(([name, attribute]) => `${name}=${attributeKey(attribute)}`);
  const types = [...operands, value.type, ...(value.more ?? [])];
  const shapes = types.map(({ dtype, shape }) => `${dtype}[${shape.map((dim) => dim.key).join()}]`);
  return [value.op, ...attributes.sort(), ...shapes, ...scratch.map((dim) => dim.key)].join(" ");
}

/** The sizes that a routine's code may name. */
export function dimsOfRoutine({ value, operands, scratch }: Routine): readonly Dim[] {
  const types = [...operands, value.type, ...(value.more ?? [])];
  return [...types.flatMap(({ shape }) => shape), ...scratch, ...Object.values(value.attributes).flatMap(dimsIn)];
}

function dimsIn(attribute: Attribute): readonly Dim[] {
  if (typeof attribute !== "object") return [];
  if (Array.isArray(attribute)) return attribute.flatMap(dimsIn);
  return "terms" in attribute ? [attribute] : [];
}
