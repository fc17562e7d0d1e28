/** The front of the compiler as the commands use it: a path in, graphs out, messages on stderr. */
import { existsSync } from "node:fs";
import picocolors from "picocolors";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { printSyntax as printTree } from "../../grammar/print.ts";
import { parse } from "../../grammar/read.ts";
import { TfgError } from "../../runtime/errors.ts";
import { checkProgram } from "../check/index.ts";
import type { TestGraph } from "../check/tests.ts";
import { render as renderText } from "../diagnostics/render.ts";
import type { Graph } from "../ir/graph.ts";
import { nodeNames, selectOutputs, UnknownNode } from "../passes/select-outputs.ts";
import { library } from "../std/sources.ts";
import { readImported, readSource } from "./files.ts";
import { resolvePackage } from "./imports.ts";
import type { Terminal } from "./terminal.ts";
import { didYouMean, UsageError } from "./usage.ts";

export const render = (diagnostic: Diagnostic): string =>
  renderText(diagnostic, { color: process.stderr.isTTY === true && picocolors.isColorSupported });

export interface Checked {
  readonly graphs: readonly Graph[];
  readonly tests: readonly TestGraph[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface CheckSettings {
  /** `--set NAME=VALUE`. */
  readonly set: ReadonlyMap<string, string>;
  /** Nodes at graph level that are to be fetched though they are no outputs. */
  readonly nodes?: readonly string[];
  /** The text of the file, if it is not the one that is stored. */
  readonly text?: string;
  /** Whether to warn of run dims without an upper bound. */
  readonly bounds?: boolean;
  /** Whether the `test` blocks are elaborated too. */
  readonly tests?: boolean;
}

/** Everything there is to say about a program: a file, or a module of the library such as `std/nn.tfg`. */
export async function diagnose(path: string, settings: CheckSettings): Promise<Checked> {
  const { set, nodes = [], text, bounds = false, tests = false } = settings;
  const ofLibrary = library.get(path.replace(/\.tfg$/, ""));
  const isOfLibrary = ofLibrary !== undefined && !existsSync(path);
  if (text === undefined && !isOfLibrary) {
    const source = await readSource(path);
    if ("problem" in source) return { graphs: [], tests: [], diagnostics: [source.problem] };
  }
  const given = text ?? (isOfLibrary ? ofLibrary : undefined);
  const read = (other: string): string | undefined => (other === path ? given : undefined) ?? readImported(other);
  return checkProgram({ path, read, resolve: resolvePackage, library, set, nodes: new Set(nodes), bounds, tests });
}

/** More messages than anyone mends before the next run. */
const mostShown = 20;

/** The messages, at most `mostShown` of each file. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  const byFile = new Map<string, Diagnostic[]>();
  for (const diagnostic of diagnostics) {
    const { path } = diagnostic.primary.span.file;
    const known = byFile.get(path);
    if (known) known.push(diagnostic);
    else byFile.set(path, [diagnostic]);
  }
  for (const [path, all] of byFile) {
    for (const diagnostic of all.slice(0, mostShown)) terminal.error(`${render(diagnostic)}\n`);
    const rest = all.slice(mostShown);
    if (rest.length === 0) continue;
    const what = rest.some(({ severity }) => severity === "error") ? "error" : "warning";
    terminal.error(`${path}: ${rest.length} more ${what}${rest.length === 1 ? "" : "s"}\n`);
  }
}

/** The graphs of a program whose messages are printed; undefined if there are errors. */
export async function checkSource(
  path: string,
  settings: CheckSettings,
  terminal: Terminal,
): Promise<readonly Graph[] | undefined> {
  const { graphs, diagnostics } = await diagnose(path, settings);
  printDiagnostics(diagnostics, terminal);
  return diagnostics.some(({ severity }) => severity === "error") ? undefined : graphs;
}

export async function printSyntax(path: string, terminal: Terminal): Promise<string | undefined> {
  const source = await readSource(path);
  const { tree, diagnostics } =
    "file" in source ? parse(source.file) : { tree: undefined, diagnostics: [source.problem] };
  printDiagnostics(diagnostics, terminal);
  return tree && printTree(tree);
}

/** The graph with `names` as its outputs. Throws TFG0809 for a name that no node at graph level has. */
export function fetching(graph: Graph, names: readonly string[]): Graph {
  try {
    return selectOutputs(graph, names);
  } catch (error) {
    if (!(error instanceof UnknownNode)) throw error;
    const known = nodeNames(graph);
    const hint = didYouMean(error.node, known) || `; there are ${known.join(", ")}`;
    throw new TfgError("TFG0809", `unknown fetch "${error.node}"${hint}`, { graph: graph.name, fetch: error.node });
  }
}

/** The graph called `name`; without a name the only one. */
export function chooseGraph(graphs: readonly Graph[], name: string | undefined): Graph {
  const names = graphs.map((graph) => graph.name);
  const [first] = graphs;
  if (name === undefined) {
    if (graphs.length > 1) throw new UsageError(`several graphs; say which with --graph: ${names.join(", ")}`);
    if (first === undefined) throw new UsageError("the file has no graph");
    return first;
  }
  const found = graphs.find((graph) => graph.name === name);
  if (found === undefined)
    throw new UsageError(
      `there is no graph ${name}${didYouMean(name, names) || `; the graphs are ${names.join(", ")}`}`,
    );
  return found;
}

export const namesOf = (graph: Graph): readonly string[] => nodeNames(graph);
