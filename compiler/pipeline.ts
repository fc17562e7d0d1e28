/**
 * THE LIST: what happens to a graph, in order. `--emit`, `--print-after` and the verifiers come from it.
 *
 *     source --parse--> syntax tree --check--> graph --the passes below--> kernels and plan --targets--> module
 */
import type { Graph } from "./ir/graph.ts";
import type { KernelProgram, LoopProgram } from "./ir/loops.ts";
import { printGraph, printLoops } from "./ir/print.ts";
import { verifyGraph, verifyKernels, verifyLoops, verifySteps } from "./ir/verify.ts";
import { canonicalise } from "./passes/canonicalise.ts";
import { type AddressedProgram, chooseLayout } from "./passes/choose-layout.ts";
import { dropDead } from "./passes/drop-dead.ts";
import { foldConstants } from "./passes/fold-constants.ts";
import { fuse } from "./passes/fuse.ts";
import { type PackedProgram, pack } from "./passes/pack.ts";
import { type MemoryPlan, planMemory, verifyMemory } from "./passes/plan-memory.ts";
import { printKernels, printSteps } from "./passes/print-kernels.ts";
import { share } from "./passes/share.ts";
import { shareKernels } from "./passes/share-kernels.ts";
import { simplify } from "./passes/simplify.ts";

/** What a pass makes, with how it is shown and what must hold of it. */
interface Stage<T> {
  print(stage: T): string;
  verify(stage: T): void;
}

const graphs: Stage<Graph> = { print: printGraph, verify: verifyGraph };
const loops: Stage<LoopProgram> = { print: printLoops, verify: verifyLoops };
const steps: Stage<AddressedProgram> = {
  print: printSteps,
  verify: (program) => verifySteps([...program.derive, ...program.steps]),
};
const packed: Stage<PackedProgram> = {
  print: printSteps,
  verify: (program) => verifySteps([...program.derive, ...program.steps]),
};
const kernels: Stage<KernelProgram> = { print: (program) => printKernels(program), verify: verifyKernels };

/** Told of every pass as it ends; `text` prints the stage when it is wanted. */
export type Observer = (pass: string, text: () => string) => void;

export interface Planned {
  readonly graph: Graph;
  readonly kernels: KernelProgram;
  readonly memory: MemoryPlan;
}

export function runPasses(graph: Graph, options: { readonly verify: boolean; readonly after?: Observer }): Planned {
  const pass = <From, To>(name: PassName, run: (from: From) => To, stage: Stage<To>, from: From): To => {
    const to = run(from);
    if (options.verify) stage.verify(to);
    options.after?.(name, () => stage.print(to));
    return to;
  };
  if (options.verify) verifyGraph(graph);
  options.after?.("check", () => printGraph(graph));

  const simplified = pass("simplify", simplify, graphs, graph);
  const folded = pass("fold-constants", foldConstants, graphs, simplified);
  const shared = pass("share", share, graphs, folded);
  const live = pass("drop-dead", dropDead, graphs, shared);
  const fused = pass("fuse", fuse, loops, live);
  const addressed = pass("choose-layout", chooseLayout, steps, fused);
  const canonical = pass("canonicalise", canonicalise, steps, addressed);
  const panels = pass("pack", pack, packed, canonical);
  const called = pass("share-kernels", shareKernels, kernels, panels);
  const memory = planMemory(called);
  if (options.verify) verifyMemory(memory);
  options.after?.("plan-memory", () => printKernels(called, memory));
  return { graph: live, kernels: called, memory };
}

export const passNames = [
  "check",
  "simplify",
  "fold-constants",
  "share",
  "drop-dead",
  "fuse",
  "choose-layout",
  "canonicalise",
  "pack",
  "share-kernels",
  "plan-memory",
] as const;
export type PassName = (typeof passNames)[number];
