/**
 * What a kernel does, counted from its nests.
 *
 * FLOPs: every function of an element counts 1, whatever it costs, and a reduction counts 1 for each element that it
 * takes in; a product that is summed counts 2. A scalar is computed once for every point of the axes that it varies
 * with: the mean of a row once a row. Index arithmetic and moving count nothing.
 *
 * Bytes: of each buffer the elements that are read or written, once however often they are: accesses, where there
 * are fewer of them than elements, else the whole buffer. That is the traffic of a cache that holds everything.
 */
import { isNonNegative } from "../ir/affine.ts";
import { addDims, type Dim, minDims, mulDims, ONE, scaleDim, subDims, ZERO } from "../ir/dims.ts";
import type { Affine, AxisId, Kernel, Nest, ScalarId } from "../ir/nest.ts";
import { WORD } from "../passes/plan-memory.ts";
import { axesOfScalars } from "../tile/roles.ts";

export interface Work {
  readonly flops: Dim;
  readonly read: Dim;
  readonly written: Dim;
}

/** `operands` by position; those of one buffer are counted as one. */
export function workOf(kernel: Kernel, operands: readonly { readonly buffer: number; readonly elements: Dim }[]): Work {
  const flops = kernel.nests.map(flopsOf);
  const touched = { read: new Map<number, Dim>(), written: new Map<number, Dim>() };
  const touch = (side: "read" | "written", operand: number, points: Dim): void => {
    const buffer = operands[operand]?.buffer ?? -1;
    touched[side].set(buffer, addDims(touched[side].get(buffer) ?? ZERO, points));
  };
  for (const nest of kernel.nests) {
    const axes = axesOfScalars(nest);
    for (const scalar of nest.scalars)
      if (scalar.op === "read")
        touch("read", scalar.access.operand, pointsOf(nest, axesOfAffine(scalar.access.address, axes)));
    for (const store of nest.stores) touch("written", store.access.operand, pointsOf(nest, store.over));
  }
  // A routine reads its operands and writes its results, each once as far as anyone can tell from outside.
  if (kernel.routine)
    kernel.operands.forEach((operand, i) => {
      touch(operand.access === "read" ? "read" : "written", i, operands[i]?.elements ?? ZERO);
    });
  const bytes = (side: "read" | "written"): Dim =>
    addDims(
      ...Array.from(touched[side], ([buffer, points]) => {
        const elements = operands.find((operand) => operand.buffer === buffer)?.elements ?? ZERO;
        return scaleDim(smallerDim(points, elements), WORD);
      }),
    );
  return { flops: addDims(...flops), read: bytes("read"), written: bytes("written") };
}

function flopsOf(nest: Nest): Dim {
  const axes = axesOfScalars(nest);
  const { scalars, reductions } = computed(nest);
  const applied = Array.from(scalars, (id) =>
    nest.scalars[id]?.op === "apply" ? pointsOf(nest, axes[id] ?? []) : ZERO,
  );
  const reduced = Array.from(reductions, (position) => {
    const reduction = nest.reductions[position];
    return reduction ? pointsOf(nest, new Set([...reduction.over, ...(axes[reduction.value] ?? [])])) : ZERO;
  });
  return addDims(...applied, ...reduced);
}

/** What the stored values are computed from, but for what only says where to read. */
function computed(nest: Nest): { scalars: ReadonlySet<ScalarId>; reductions: ReadonlySet<number> } {
  const scalars = new Set<ScalarId>();
  const reductions = new Set<number>();
  const visit = (id: ScalarId): void => {
    if (scalars.has(id)) return;
    scalars.add(id);
    const scalar = nest.scalars[id];
    if (scalar?.op === "apply") scalar.args.forEach(visit);
    else if (scalar?.op === "read" && scalar.outside !== undefined) visit(scalar.outside);
    else if (scalar?.op === "reduced") {
      reductions.add(scalar.reduction);
      visit(nest.reductions[scalar.reduction]?.value ?? -1);
    }
  };
  for (const store of nest.stores) visit(store.value);
  return { scalars, reductions };
}

/** The points of a domain. */
const pointsOf = (nest: Nest, axes: Iterable<AxisId>): Dim =>
  mulDims(...Array.from(axes, (axis) => nest.axes[axis]?.extent ?? ONE));

function axesOfAffine(at: Affine, axesOf: readonly ReadonlySet<AxisId>[]): ReadonlySet<AxisId> {
  const axes = new Set(at.terms.map((term) => term.axis));
  for (const { scalar } of at.scalars) for (const axis of axesOf[scalar] ?? []) axes.add(axis);
  return axes;
}

/** min(a, b), as one of the two where it can be proved which. */
function smallerDim(a: Dim, b: Dim): Dim {
  if (isNonNegative(subDims(b, a))) return a;
  return isNonNegative(subDims(a, b)) ? b : minDims(a, b);
}
