/** Makes equal computations one value. Random values are told apart by their stream, an attribute. */
import type { Attribute, Comprehension, Graph, Scalar, Value, ValueId } from "../ir/graph.ts";
import { scalarNumbers } from "../ops/scalars.ts";
import { attributeKey, rewriteGraph } from "./rewrite.ts";

/** Constants longer than this are not compared. */
const MAX_COMPARED = 4096;

export function share(graph: Graph): Graph {
  const known = new Map<string, ValueId>();
  const numberOf = scalarNumbers();
  return rewriteGraph(graph, (value, made) => {
    const key = valueKey(value, numberOf);
    const before = key === undefined ? undefined : known.get(key);
    if (before !== undefined) return { use: before };
    if (key !== undefined) known.set(key, made.length);
    return { value };
  });
}

function valueKey(value: Value, numberOf: (scalar: Scalar) => number): string | undefined {
  const data = value.attributes.data;
  if (typeof data === "object" && "data" in data && data.data.length > MAX_COMPARED) return undefined;
  const keyOf = (attribute: Attribute): string => {
    if (!isComprehension(attribute)) return attributeKey(attribute);
    const axes = attribute.axes.map(({ name, extent }) => `${name} in ${extent.key}`);
    return `${attribute.rank} (${axes.join()}: ${numberOf(attribute.body)})`;
  };
  const attributes = Object.entries(value.attributes).map(([name, attribute]) => `${name}=${keyOf(attribute)}`);
  return `${value.op} ${value.args.join()} ${value.type.dtype}[${value.type.shape.map((d) => d.key).join()}] ${attributes.sort().join(" ")}`;
}

const isComprehension = (attribute: Attribute): attribute is Comprehension =>
  typeof attribute === "object" && "body" in attribute;
