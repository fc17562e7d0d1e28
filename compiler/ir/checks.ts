/** What is said, by the interpreter and by reports as by the runtime, of a run whose dims a check refuses. */
import { positionAt, type Span } from "../../grammar/source.ts";
import type { DimCheck, Graph } from "./graph.ts";

/** The text of TFG0802; `sizes` is like `N is 5, M is 3`. */
export function refusal(graph: Graph, { message, text, span }: DimCheck, sizes: string): string {
  const said = message === undefined ? "" : `${message}: `;
  return `${said}where ${text} (${placeOf(graph, span)}): ${sizes}`;
}

/** `line 2`, and `line 2 of nn.tfg` in another file than the graph's own. */
export function placeOf(graph: Graph, { file, start }: Span): string {
  const { line } = positionAt(file, start);
  return file === graph.span.file ? `line ${line}` : `line ${line} of ${file.path.replace(/^.*[\\/]/, "")}`;
}
