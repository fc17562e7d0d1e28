/** `--emit=syntax`: the syntax tree, one node a line with its place, its parts indented below it. */
import { positionAt, type Span } from "../../grammar/source.ts";
import type { SyntaxFile } from "../../grammar/syntax.ts";

/** Nodes are plain objects: what has a `span` is a node, what has a `text` is a name. */
export function printSyntaxTree(tree: SyntaxFile): string {
  const lines: string[] = [];
  node("", tree, "", lines);
  return `${lines.join("\n")}\n`;
}

const isSpan = (value: object): value is Span => "file" in value && "start" in value && "end" in value;
const isPlain = (value: unknown): value is string | number | boolean =>
  value !== null && typeof value !== "object" && value !== undefined;

function node(label: string, value: object, indent: string, lines: string[]): void {
  const entries = Object.entries(value).filter(
    ([key, part]) =>
      key !== "kind" && part !== undefined && !(typeof part === "object" && part !== null && isSpan(part)),
  );
  const kind = "kind" in value ? String(value.kind) : "";
  const plain = entries
    .filter(([key, part]) => isPlain(part) && !(key === "doc" && part === ""))
    .map(([key, part]) => `${key}=${JSON.stringify(part)}`);
  const place =
    "span" in value && typeof value.span === "object" && value.span !== null && isSpan(value.span)
      ? at(value.span)
      : "";
  lines.push(
    [indent + (label === "" ? kind : label + (kind === "" ? "" : `: ${kind}`)), ...plain, place]
      .filter((part) => part !== "")
      .join(" "),
  );
  for (const [key, part] of entries) {
    if (Array.isArray(part)) {
      if (part.length > 0) list(key, part, `${indent}  `, lines);
    } else if (typeof part === "object" && part !== null) node(key, part, `${indent}  `, lines);
  }
}

function list(label: string, items: readonly unknown[], indent: string, lines: string[]): void {
  lines.push(`${indent}${label}:`);
  for (const item of items) {
    if (Array.isArray(item)) list("-", item, `${indent}  `, lines);
    else if (typeof item === "object" && item !== null) node("", item, `${indent}  `, lines);
    else lines.push(`${indent}  ${JSON.stringify(item)}`);
  }
}

function at({ file, start, end }: Span): string {
  const from = positionAt(file, start);
  const to = positionAt(file, end);
  return `${from.line}:${from.column}-${to.line}:${to.column}`;
}
