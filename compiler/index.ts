/**
 * The compiler as a library: text in, diagnostics and programs out. Pure but for the assembler, which is loaded on
 * first use; reading and writing files is for `cli.ts` and the plugins.
 */
import type { Diagnostic } from "../grammar/diagnostic.ts";
import type { Program } from "../runtime/abi.ts";
import { type CheckOptions, checkProgram } from "./check/index.ts";
import type { Graph } from "./ir/graph.ts";
import { writeProgram } from "./passes/write-program.ts";
import { type Observer, type Planned, runPasses } from "./pipeline.ts";
import { library } from "./std/sources.ts";
import { type GeneratedCode, generate, stepsOf } from "./targets/code.ts";

export type { Diagnostic } from "../grammar/diagnostic.ts";
export { render } from "./diagnostics/render.ts";
export type { Graph } from "./ir/graph.ts";
export { nodeNames, selectOutputs, UnknownNode } from "./passes/select-outputs.ts";
export { type Observer, passNames } from "./pipeline.ts";

export interface CompileOptions {
  /** What to make beside the text of the kernels. */
  readonly targets: { readonly wasm: boolean; readonly js: boolean };
  /** Told of each pass as it ends. */
  readonly after?: Observer;
  /** Checks what must hold after each pass; a violation throws. For tests, and cheap enough for always. */
  readonly verify?: boolean;
}

export interface CompiledGraph {
  /** After the passes that rewrite it: names and types are those of the source. */
  readonly graph: Graph;
  readonly planned: Planned;
  readonly program: Program;
  readonly code: GeneratedCode;
}

export interface Compilation {
  readonly diagnostics: readonly Diagnostic[];
  /** In the order of the source; empty if there are errors. */
  readonly graphs: readonly CompiledGraph[];
}

/** Checks a program and compiles its graphs. */
export async function compile(source: Omit<CheckOptions, "library">, options: CompileOptions): Promise<Compilation> {
  const { graphs, diagnostics } = checkProgram({ ...source, library });
  if (diagnostics.some(({ severity }) => severity === "error")) return { diagnostics, graphs: [] };
  const compiled: CompiledGraph[] = [];
  for (const graph of graphs) compiled.push(await compileGraph(graph, options));
  return { diagnostics, graphs: compiled };
}

/** Compiles one checked graph. */
export async function compileGraph(graph: Graph, options: CompileOptions): Promise<CompiledGraph> {
  const planned = runPasses(graph, {
    verify: options.verify ?? false,
    ...(options.after ? { after: options.after } : {}),
  });
  const { kernels, memory } = planned;
  const code = await generate(
    kernels.kernels,
    { derive: stepsOf({ ...kernels, steps: kernels.derive }), steps: stepsOf(kernels) },
    options.targets,
  );
  return { graph: planned.graph, planned, program: writeProgram(kernels, memory), code };
}
