/** The later stages as text: addressed steps, and the kernels with the plan of memory and steps. */
import { addDims, type Dim, formatDim } from "../ir/dims.ts";
import type { BufferId, KernelCall, KernelProgram } from "../ir/loops.ts";
import { printBuffers, printKernel } from "../ir/print.ts";
import { type AddressedProgram, elementsOf } from "./choose-layout.ts";
import { type StepNode, stepTree } from "../ir/step-tree.ts";
import type { MemoryPlan } from "./plan-memory.ts";

export function printSteps(program: AddressedProgram): string {
  const lines = [...printBuffers(program.buffers), ""];
  for (const step of [...program.derive, ...program.steps]) {
    const operands = step.operands.map((id) => ({
      dtype: program.buffers[id]?.dtype ?? "f32",
      access: "read" as const,
    }));
    const routine = step.routine ? { routine: step.routine } : {};
    lines.push(printKernel({ name: step.name, nests: step.nests, ...routine, operands, dims: [], spans: step.spans }));
    lines.push(`  with ${step.operands.map((id) => program.buffers[id]?.name).join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}

export function printKernels(program: KernelProgram, memory?: MemoryPlan): string {
  const name = (id: BufferId): string => program.buffers[id]?.name ?? `b${id}`;
  const call = (of: KernelCall): string => `${program.kernels[of.kernel]?.name}(${of.operands.map(name).join(", ")})`;
  const lines = [`graph ${program.graph.name}`, ...program.kernels.map(printKernel)];
  if (program.derive.length > 0)
    lines.push("derive, when a variable changed:", ...program.derive.map((c) => `  ${call(c)}`));
  const tree = (nodes: readonly StepNode[], indent: string): string[] =>
    nodes.flatMap((node) => {
      if (node.do === "call") return [`${indent}${call(node.call)}`];
      const inner = tree(node.body, `${indent}  `);
      if (node.do === "branch")
        return [`${indent}if ${node.region.isTaken ? "" : "not "}${name(node.region.condition)}:`, ...inner];
      const { counter, times, condition } = node.region;
      const test = condition === undefined ? [] : [`${indent}  while ${name(condition)}:`];
      return [`${indent}for ${counter} < ${formatDim(times)}:`, ...tree(node.test, `${indent}  `), ...test, ...inner];
    });
  lines.push("steps:", ...tree(stepTree(program), "  "));
  if (memory) lines.push(...printMemory(program, memory));
  return `${lines.join("\n")}\n`;
}

function printMemory(program: KernelProgram, memory: MemoryPlan): string[] {
  const bytes = (dim: Dim): string => `${formatDim(dim)} bytes`;
  const lines = [`memory: weights and tables ${memory.arenaAt} bytes, then the arena`];
  program.buffers.forEach((buffer, id) => {
    const place = memory.places.get(id);
    if (place && "address" in place)
      lines.push(`  at ${place.address} ${buffer.place} ${buffer.name}: ${formatDim(elementsOf(buffer))} elements`);
  });
  memory.slots.forEach((slot, i) => {
    const held = slot.buffers.map((id) => {
      const life = memory.lives.get(id);
      return `${program.buffers[id]?.name} (steps ${life?.from} to ${life?.to})`;
    });
    lines.push(`  slot ${i}: ${bytes(slot.size)}: ${held.join(", ")}`);
  });
  const total = addDims(...memory.slots.map((slot) => slot.size));
  lines.push(`  arena: ${bytes(total)}`);
  return lines;
}
