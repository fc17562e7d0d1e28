/** The back of the compiler as the commands use it: kernels of a checked graph. Apart, for `check` needs none of it. */
import type { Compiled, Program } from "../../runtime/index.ts";
import { type CompiledGraph, compileGraph, type Graph, passNames } from "../index.ts";
import { printGraph } from "../ir/print.ts";
import { printKernels } from "../passes/print-kernels.ts";
import { printDot, printKernelDot } from "../report/dot.ts";
import type { ModuleKernels } from "../targets/module.ts";

export const stages: readonly string[] = passNames;

/** What `--emit` prints of each graph. */
export const printedStages = ["graph", "kernels", "wat", "dot", "dot-kernels"] as const;
type PrintedStage = (typeof printedStages)[number];

/** A graph with its program and kernels. */
export interface Built {
  readonly graph: Graph;
  readonly program: Program;
  print(stage: PrintedStage): string;
  kernels(targets: readonly string[]): ModuleKernels;
  /** For a session in this process. */
  inProcess(device: "wasm" | "js"): Promise<Compiled>;
}

export async function buildGraph(
  graph: Graph,
  { targets, observe }: { targets: readonly string[]; observe(stage: string, text: () => string): void },
): Promise<Built> {
  const wanted = { wasm: targets.includes("wasm"), js: targets.includes("js") };
  const compiled = await compileGraph(graph, { targets: wanted, after: observe });
  const { program, code } = compiled;
  const { js, ts } = code;
  return {
    graph,
    program,
    print: (stage) => printStage(compiled, stage),
    kernels: (names) => ({
      ...(code.wasm && names.includes("wasm") ? { wasm: code.wasm } : {}),
      ...(js !== undefined && ts !== undefined && names.includes("js") ? { js: (isTyped) => (isTyped ? ts : js) } : {}),
    }),
    async inProcess(device) {
      if (device === "js") return { program, kernels: { js: await evaluate(js ?? "") } };
      const { wasm } = code;
      if (!wasm) throw new Error("the program was compiled without WebAssembly");
      const { packKernels } = await import("../targets/module.ts");
      return { program, kernels: { wasm: { code: await packKernels(wasm), split: wasm.fma.length } } };
    },
  };
}

function printStage({ planned, code }: CompiledGraph, stage: PrintedStage): string {
  if (stage === "graph") return printGraph(planned.graph);
  if (stage === "dot") return printDot(planned.graph);
  if (stage === "dot-kernels") return printKernelDot(planned.kernels);
  if (stage === "kernels") return printKernels(planned.kernels, planned.memory);
  return `;; graph ${planned.graph.name}: the profile with fused multiply-add\n${code.wat.fma}`;
}

/** The function that a JavaScript expression stands for. */
async function evaluate(expression: string): Promise<NonNullable<Compiled["kernels"]["js"]>> {
  const module: { default: NonNullable<Compiled["kernels"]["js"]> } = await import(
    `data:text/javascript,${encodeURIComponent(`export default ${expression}`)}`
  );
  return module.default;
}
