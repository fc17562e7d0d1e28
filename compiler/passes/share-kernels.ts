/**
 * Steps of equal form become calls of one kernel. The form is the nests with everything that a call passes taken
 * out: base pointers and the values of run dims. GPT-2's twelve blocks are one set of kernels that way.
 */
import { affineKey } from "../ir/affine.ts";
import { type Dim, dimSymbols } from "../ir/dims.ts";
import { scalarKey } from "../ir/keys.ts";
import type { KernelCall, KernelProgram } from "../ir/loops.ts";
import type { Affine, Kernel, KernelOperand, Nest, Routine } from "../ir/nest.ts";
import type { AddressedStep } from "./choose-layout.ts";
import type { PackedProgram } from "./pack.ts";
import { dimsOfRoutine, routineKey } from "./routines.ts";

export function shareKernels(program: PackedProgram): KernelProgram {
  const kernels: Kernel[] = [];
  const known = new Map<string, number>();
  const names = new Map<string, number>();
  const sizes = [
    ...program.graph.dims.map((dim) => dim.name),
    ...program.regions.flatMap((region) => (region.kind === "loop" ? [region.counter] : [])),
  ];
  const call = (step: AddressedStep): KernelCall => {
    const operands = step.operands.map((id, i): KernelOperand => {
      const isWritten = step.routine
        ? i >= step.routine.reads.length
        : step.nests.some((nest) => nest.stores.some((store) => store.access.operand === i));
      return {
        dtype: program.buffers[id]?.dtype ?? "f32",
        access: isWritten ? "write" : "read",
        ...(program.packed.has(id) && !isWritten ? { packed: true } : {}),
      };
    });
    const { routine: called } = step;
    const routine: Routine | undefined = called && {
      value: called.value,
      operands: called.operands,
      scratch: called.scratch,
    };
    const form = routine ? routineKey(routine) : step.nests.map(nestKey).join("\n");
    const key = `${JSON.stringify(operands)} ${form}`;
    let kernel = known.get(key);
    if (kernel === undefined) {
      const count = names.get(step.name) ?? 0;
      names.set(step.name, count + 1);
      const symbols = new Set<string>();
      for (const nest of step.nests) for (const dim of dimsOf(nest)) dimSymbols(dim, symbols);
      for (const dim of routine ? dimsOfRoutine(routine) : []) dimSymbols(dim, symbols);
      kernel =
        kernels.push({
          name: count === 0 ? step.name : `${step.name}_${count}`,
          nests: step.nests,
          ...(routine ? { routine } : {}),
          operands,
          dims: sizes.filter((name) => symbols.has(name)),
          spans: step.spans,
        }) - 1;
      known.set(key, kernel);
    }
    return {
      kernel,
      operands: step.operands,
      values: step.values,
      ...(step.region === undefined ? {} : { region: step.region }),
    };
  };
  const derive = program.derive.map(call);
  const steps = program.steps.map(call);
  const { graph, buffers, regions, flows, outputs, updates } = program;
  return { graph, buffers, regions, flows, outputs, updates, packed: [...program.packed], kernels, derive, steps };
}

function dimsOf(nest: Nest): Dim[] {
  const dims = nest.axes.map((axis) => axis.extent);
  const addAffine = (at: Affine): void => {
    dims.push(at.plus, ...at.terms.map((t) => t.times), ...at.scalars.map((t) => t.times));
  };
  for (const scalar of nest.scalars) {
    if (scalar.op === "dim") dims.push(scalar.dim);
    else if (scalar.op === "index") addAffine(scalar.at);
    else if (scalar.op === "read") {
      addAffine(scalar.access.address);
      for (const guard of scalar.guards) {
        addAffine(guard.index);
        dims.push(guard.extent);
      }
    }
  }
  for (const store of nest.stores) addAffine(store.access.address);
  return dims;
}

function nestKey(nest: Nest): string {
  return [
    nest.axes.map((axis) => axis.extent.key).join(),
    ...nest.scalars.map(scalarKey),
    ...nest.reductions.map((r) => `${r.combine} ${r.over.join()} ${r.value}`),
    ...nest.stores.map((s) => `${s.access.operand} ${affineKey(s.access.address)} ${s.value} ${s.over.join()}`),
  ].join(";");
}
