/** The rewriting passes in any order and number, before the rest of the pipeline. */
import type { Graph } from "../../compiler/ir/graph.ts";
import { verifyGraph, verifyKernels } from "../../compiler/ir/verify.ts";
import { canonicalise } from "../../compiler/passes/canonicalise.ts";
import { chooseLayout } from "../../compiler/passes/choose-layout.ts";
import { dropDead } from "../../compiler/passes/drop-dead.ts";
import { foldConstants } from "../../compiler/passes/fold-constants.ts";
import { fuse } from "../../compiler/passes/fuse.ts";
import { pack } from "../../compiler/passes/pack.ts";
import { planMemory, verifyMemory } from "../../compiler/passes/plan-memory.ts";
import { share } from "../../compiler/passes/share.ts";
import { shareKernels } from "../../compiler/passes/share-kernels.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import type { Planned } from "../../compiler/pipeline.ts";
import type { Random } from "./block.ts";

const REWRITES = { simplify, "fold-constants": foldConstants, share, "drop-dead": dropDead } as const;
export type Rewrite = keyof typeof REWRITES;

/**
 * Any sequence of rewrites: none, one many times, all of them twice. What nobody reads has to go before fusion, and equal parts of one value to
 * be one.
 */
export function randomOrder(random: Random): readonly Rewrite[] {
  const names = Object.keys(REWRITES) as Rewrite[];
  return [...Array.from({ length: random.below(7) }, () => random.of(names)), "share", "drop-dead"];
}

export function planIn(order: readonly Rewrite[], graph: Graph): Planned {
  const rewritten = order.reduce((current, name) => {
    const next = REWRITES[name](current);
    verifyGraph(next);
    return next;
  }, graph);
  const kernels = shareKernels(pack(canonicalise(chooseLayout(fuse(rewritten)))));
  verifyKernels(kernels);
  const memory = planMemory(kernels);
  verifyMemory(memory);
  return { graph: rewritten, kernels, memory };
}
