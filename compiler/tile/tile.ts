/** Kernels as code: for each nest the template that the roles of its axes ask for, or the routine of a record. */
import type { Kernel, Nest } from "../ir/nest.ts";
import { CodeBuilder, type FunctionCode } from "../ir/stmt.ts";
import { compact } from "./compact.ts";
import { contractionOf, emitContraction, splitEpilogue } from "./contract.ts";
import { type KernelFrame, openKernel } from "./emit.ts";
import { emitLoops } from "./loops.ts";
import { emitRoutine } from "./routine.ts";
import type { Target } from "./target.ts";

/** Parameters: a pointer for each operand, then the run dims, all i32. */
export function tile(kernel: Kernel, target: Target): FunctionCode {
  const code = new CodeBuilder();
  const frame = openKernel(kernel, code, target);
  if (kernel.routine) emitRoutine(frame, kernel.routine);
  for (const nest of kernel.nests) emitNest(frame, nest);
  return compact(code.finish(kernel.name, kernel.spans));
}

function emitNest(frame: KernelFrame, nest: Nest): void {
  const contraction = contractionOf(frame.kernel, nest);
  if (!contraction) {
    emitLoops(frame, nest);
    return;
  }
  const [sums, epilogue] = (frame.target.lanes > 1 && splitEpilogue(nest, contraction)) || [nest];
  emitContraction(frame, sums, contraction);
  if (epilogue) emitLoops(frame, epilogue);
}
