/** Makes equal computations one value. Random values are told apart by their stream, an attribute. */
import type { Graph, Value, ValueId } from "../ir/graph.ts";
import { attributeKey, rewriteGraph } from "./rewrite.ts";

/** Constants longer than this are not compared. */
const MAX_COMPARED = 4096;

export function share(graph: Graph): Graph {
  const known = new Map<string, ValueId>();
  return rewriteGraph(graph, (value, made) => {
    const key = valueKey(value);
    const before = key === undefined ? undefined : known.get(key);
    if (before !== undefined) return { use: before };
    if (key !== undefined) known.set(key, made.length);
    return { value };
  });
}

function valueKey(value: Value): string | undefined {
  const data = value.attributes.data;
  if (typeof data === "object" && "data" in data && data.data.length > MAX_COMPARED) return undefined;
  const attributes = Object.entries(value.attributes).map(([name, attribute]) => `${name}=${attributeKey(attribute)}`);
  return `${value.op} ${value.args.join()} ${value.type.dtype}[${value.type.shape.map((d) => d.key).join()}] ${attributes.sort().join(" ")}`;
}
