/** What must hold of any text that is given to the compiler: a message in its place, or a program that compiles. */
import { checkProgram } from "../../compiler/check/index.ts";
import { fixText } from "../../compiler/cli/fix.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { compileGraph } from "../../compiler/index.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { runPasses } from "../../compiler/pipeline.ts";
import { library } from "../../compiler/std/sources.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { format } from "../../grammar/format.ts";
import { type SourceFile, type Span, sourceFile } from "../../grammar/source.ts";

export interface Depth {
  /** Whether what the messages offer is applied too. */
  readonly fixes: boolean;
  /** Whether a correct program is compiled to the end; else it goes through the passes. */
  readonly kernels: boolean;
}

export interface Verdict {
  readonly outcome: "refused" | "correct";
  readonly codes: readonly string[];
  /** A correct program that is too large to be compiled among thousands. */
  readonly isLarge: boolean;
}

/** More than this is not compiled: a number that was changed makes a graph of any size, and the time it takes is honest. */
const MOST_VALUES = 2000;

/** Throws where the compiler does not do what it must. */
export async function judge(path: string, text: string, depth: Depth): Promise<Verdict> {
  const read = (wanted: string): string | undefined => (wanted === path ? text : undefined);
  const options = { path, library, tests: true, bounds: true };
  const { graphs, tests, diagnostics, files } = checkProgram({ ...options, read });
  for (const diagnostic of diagnostics) checkMessage(diagnostic, files);
  const errors = diagnostics.filter(({ severity }) => severity === "error");

  if (depth.fixes && diagnostics.some(({ helps }) => helps.some(({ edits }) => edits))) {
    const check = async (changed: string): Promise<readonly Diagnostic[]> =>
      checkProgram({ ...options, read: (wanted) => (wanted === path ? changed : undefined) }).diagnostics;
    const fixed = await fixText(text, path, check);
    const left = fixed.diagnostics.filter(({ severity }) => severity === "error").length;
    if (left > errors.length) throw new Error(`fixes made ${left} errors of ${errors.length}`);
  }

  const once = format(sourceFile(path, text));
  if ("text" in once) {
    const twice = format(sourceFile(path, once.text));
    if (!("text" in twice)) throw new Error(`what was formatted is not read again:\n${once.text}`);
    if (twice.text !== once.text) throw new Error(`formatting again changes it:\n${once.text}\n----\n${twice.text}`);
  } else if (!errors.some(({ code }) => code.startsWith("TFG01") || code === "TFG0603"))
    throw new Error("a program without an error of syntax is not formatted");

  const codes = errors.map(({ code }) => code);
  if (errors.length > 0) return { outcome: "refused", codes, isLarge: false };
  const all = [...graphs, ...tests.map((test) => test.graph)];
  const size = (graph: Graph): number => graph.values.length;
  for (const graph of all) {
    if (size(graph) > MOST_VALUES) continue;
    if (depth.kernels) await compileGraph(graph, { targets: { wasm: true, js: true }, verify: true });
    else runPasses(graph, { verify: true });
  }
  return { outcome: "correct", codes, isLarge: all.some((graph) => size(graph) > MOST_VALUES) };
}

function checkMessage(diagnostic: Diagnostic, files: readonly SourceFile[]): void {
  const { code, message, primary, related, notes, helps } = diagnostic;
  const inside = ({ file, start, end }: Span, what: string): void => {
    if (!files.includes(file)) throw new Error(`${code}: ${what} is in ${file.path}, no file of the program`);
    if (!(0 <= start && start <= end && end <= file.text.length))
      throw new Error(`${code}: ${what} is ${start}-${end} of ${file.text.length}`);
  };
  inside(primary.span, "its place");
  for (const { span } of related) inside(span, "a label");
  for (const { edits } of helps) for (const { span } of edits ?? []) inside(span, "an edit");
  const said = [message, primary.text, ...related.map(({ text }) => text), ...notes, ...helps.map(({ text }) => text)];
  const strange = said.find(
    (part) => /\bundefined\b|\[object |\bNaN\b(?! )/.test(part) && !/`[^`]*(undefined|NaN)/.test(part),
  );
  if (strange !== undefined) throw new Error(`${code} says "${strange}"`);
  if (message === "" || /[.!]$/.test(message)) throw new Error(`${code} says "${message}"`);
  if (render(diagnostic) === "") throw new Error(`${code} is rendered as nothing`);
}
