/**
 * The syntax tree as text, for `--emit=syntax`: a line for each node, indented under its parent, with the role it has
 * there, its kind, its words and numbers, and where it stands (lines and columns from 1, the end exclusive).
 *
 *     output 3:3-3:19 name=y
 *       value: binary 3:14-3:19 operator="*"
 *         left: number 3:14-3:15 value=2 isFloat=false
 *         right: name 3:18-3:19 name="x"
 */
import type { Name, SyntaxFile } from "./syntax.ts";
import { positionAt, type Span } from "./source.ts";

export function printSyntax(tree: SyntaxFile): string {
  const lines: string[] = [];
  print(tree, undefined, 0, lines);
  return `${lines.join("\n")}\n`;
}

function print(node: object, role: string | undefined, depth: number, lines: string[]): void {
  const words: string[] = [];
  const children: { readonly role: string; readonly node: object }[] = [];
  let kind = "";
  let place = "";
  for (const [key, value] of Object.entries(node)) {
    if (key === "kind") kind = ` ${String(value)}`;
    else if (key === "span" && isSpan(value)) place = ` ${placeOf(value)}`;
    else if (isName(value)) words.push(` ${key}=${value.text}`);
    else if (Array.isArray(value)) {
      if (key !== "parts" && value.length > 0 && value.every(isName))
        words.push(` ${key}=${value.map(({ text }) => text).join(",")}`);
      else for (const item of value) if (isObject(item)) children.push({ role: key, node: item });
    } else if (isObject(value)) {
      if (!isSpan(value)) children.push({ role: key, node: value });
    } else if (value !== undefined && !(key === "doc" && value === "")) words.push(` ${key}=${JSON.stringify(value)}`);
  }
  // Declarations and statements are lists whose role says nothing more than their kind.
  const isItem = role === undefined || role === "declarations" || role === "items" || role === "statements";
  const head = isItem ? kind.trim() : `${role}:${kind}`;
  lines.push(`${"  ".repeat(depth)}${head}${place}${words.join("")}`);
  for (const child of children) print(child.node, child.role, depth + 1, lines);
}

function placeOf({ file, start, end }: Span): string {
  const [from, to] = [positionAt(file, start), positionAt(file, end)];
  return `${from.line}:${from.column}-${to.line}:${to.column}`;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isSpan(value: unknown): value is Span {
  return isObject(value) && "file" in value && "start" in value && "end" in value;
}

function isName(value: unknown): value is Name {
  return isObject(value) && "text" in value && "span" in value && !("kind" in value) && Object.keys(value).length === 2;
}
