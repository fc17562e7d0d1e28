/** Kernels as code: for each nest the template that the roles of its axes ask for. */
import type { Kernel } from "../ir/nest.ts";
import { CodeBuilder, type FunctionCode } from "../ir/stmt.ts";
import { openKernel } from "./emit.ts";
import { emitLoops } from "./loops.ts";
import type { Target } from "./target.ts";

/** Parameters: a pointer for each operand, then the run dims, all i32. */
export function tile(kernel: Kernel, target: Target): FunctionCode {
  const code = new CodeBuilder();
  const frame = openKernel(kernel, code, target);
  for (const nest of kernel.nests) emitLoops(frame, nest);
  return code.finish(kernel.name, kernel.spans);
}
