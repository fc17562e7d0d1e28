/**
 * New values of variables, and of what loops carry, are written straight into the memory of the old ones where nothing
 * can tell: every reader of the old value has run, and the kernel itself reads it, if at all, at the element it writes.
 * Everything else is computed elsewhere and copied when the iteration or the run ends.
 */
import { affineKey } from "../ir/affine.ts";
import { type Graph, type ValueId, valueOf } from "../ir/graph.ts";
import { type Buffer, type BufferId, dependsOn, isWithin, type LoopProgram, type LoopStep } from "../ir/loops.ts";
import { fetchNames, rootsOfFetch } from "../ir/needs.ts";
import { stepsFor, type Touched } from "../ir/step-tree.ts";
import { lowerPart } from "./lower.ts";

/** A step that copies a new value over the old one. */
export interface Commit {
  /** The buffer of the old value. */
  readonly target: BufferId;
  /** The new value in the memory of the old one. */
  readonly fresh: BufferId;
  /** Position of the step. */
  readonly step: number;
  /** What is copied, if it is a value of the graph. */
  readonly value: ValueId | undefined;
}

export interface FormedProgram {
  readonly program: LoopProgram;
  readonly commits: readonly Commit[];
  readonly bufferOf: ReadonlyMap<ValueId, BufferId>;
}

export function commitInPlace({ program, commits, bufferOf }: FormedProgram): LoopProgram {
  const buffers: Buffer[] = [...program.buffers];
  const steps: (LoopStep | undefined)[] = [...program.steps];
  const replaced = new Map<BufferId, BufferId>();
  for (const { target, fresh, step, value } of commits) {
    const source = value === undefined ? undefined : bufferOf.get(value);
    if (value === undefined || source === undefined) continue;
    const made = inPlace(program, buffers, steps, { target, step, source, value, bufferOf });
    if (!made) continue;
    buffers[source] = { ...(buffers[source] as Buffer), inPlaceOf: target, isMutable: true };
    steps[made.writer] = made.kernel;
    steps[step] = undefined;
    replaced.set(fresh, source);
  }
  const now = (id: BufferId): BufferId => replaced.get(id) ?? id;
  return dropUnneeded({
    ...program,
    buffers,
    steps: steps.filter((step) => step !== undefined),
    flows: program.flows.map(({ from, to }) => ({ from: now(from), to })),
    updates: program.updates.map(now),
  });
}

/** Without the steps of carries that a loop takes along for nothing. */
function dropUnneeded(program: LoopProgram): LoopProgram {
  const touched = program.steps.map(
    ({ nests, routine, region }): Touched => ({
      reads: [
        ...nests.flatMap(({ scalars }) => scalars.flatMap((scalar) => (scalar.op === "load" ? [scalar.buffer] : []))),
        ...(routine?.reads ?? []),
      ],
      writes: [...nests.flatMap(({ stores }) => stores.map((store) => store.buffer)), ...(routine?.writes ?? [])],
      ...(region === undefined ? {} : { region }),
    }),
  );
  const needed = stepsFor([...program.outputs, ...program.updates], touched, program);
  return { ...program, steps: program.steps.filter((_, i) => needed.has(i)) };
}

interface Candidate {
  readonly target: BufferId;
  readonly step: number;
  readonly source: BufferId;
  readonly value: ValueId;
  readonly bufferOf: ReadonlyMap<ValueId, BufferId>;
}

/** The kernel that writes `source`, fit to write it over `target`; undefined if it may not. */
function inPlace(
  program: LoopProgram,
  buffers: readonly Buffer[],
  steps: readonly (LoopStep | undefined)[],
  { target, step, source, value, bufferOf }: Candidate,
): { readonly writer: number; readonly kernel: LoopStep } | undefined {
  const own = buffers[source];
  if (own?.place !== "arena" || own.alias !== undefined || own.isMutable) return undefined;
  if (program.outputs.includes(source)) return undefined;
  const region = steps[step]?.region;
  const memoryOf = (id: BufferId): BufferId => {
    const buffer = buffers[id];
    const under = buffer?.alias ?? buffer?.inPlaceOf;
    return under === undefined ? id : memoryOf(under);
  };
  const writers = steps.flatMap((other, i) =>
    other?.nests.some((nest) => nest.stores.some((store) => store.buffer === source)) ? [i] : [],
  );
  const [writer] = writers;
  if (writer === undefined || writers.length !== 1) return undefined;
  const kernel = steps[writer];
  const [nest] = kernel?.nests ?? [];
  if (!kernel || !nest || kernel.nests.length !== 1 || nest.stores.length !== 1 || kernel.region !== region)
    return undefined;
  if (
    region === undefined &&
    !isOnlyFor(
      program.graph,
      value,
      program.graph.updates.filter((u) => u.value === value),
    )
  )
    return undefined;
  const reads = (other: LoopStep | undefined): boolean =>
    other?.routine?.reads.some((id) => memoryOf(id) === memoryOf(target)) ||
    other?.nests.some((one) =>
      one.scalars.some((scalar) => scalar.op === "load" && memoryOf(scalar.buffer) === memoryOf(target)),
    ) ||
    false;
  // What has its new value in this memory already reads that one, and does so after it was written.
  const readsOld = (other: LoopStep | undefined): boolean =>
    other?.nests.some((one) =>
      one.scalars.some(
        (scalar) => scalar.op === "load" && (scalar.buffer === target || buffers[scalar.buffer]?.alias === target),
      ),
    ) ?? false;
  const isLate = steps.some(
    (other, i) => i > writer && i !== step && isWithin(program.regions, other?.region, region) && reads(other),
  );
  if (isLate) return undefined;
  if (!readsOld(kernel)) return { writer, kernel };
  const part = lowerPart(program.graph, value, (id) => bufferOf.get(id));
  if (part && valueOf(program.graph, value).args[0] === program.buffers[target]?.value) {
    const only: LoopStep = { ...kernel, nests: [part.nest] };
    return readsOld(only) ? undefined : { writer, kernel: only };
  }
  // A reduction for each element may be stored before it is read again, by a template that finishes a tile later; one
  // for the whole nest is known before the first store.
  const [store] = nest.stores;
  const isOwnElement = nest.scalars.every(
    (scalar) =>
      scalar.op !== "load" ||
      memoryOf(scalar.buffer) !== memoryOf(target) ||
      (scalar.buffer === target && scalar.at.map(affineKey).join() === store?.at.map(affineKey).join()),
  );
  const isForAll = nest.scalars.every((scalar, id) => scalar.op !== "reduced" || dependsOn(nest, id).size === 0);
  const readsInReduction = nest.reductions.some(({ over }) =>
    nest.scalars.some(
      (scalar) =>
        scalar.op === "load" &&
        memoryOf(scalar.buffer) === memoryOf(target) &&
        scalar.at.some((at) => at.terms.some((term) => over.includes(term.axis))),
    ),
  );
  return isOwnElement && isForAll && !readsInReduction ? { writer, kernel } : undefined;
}

/** Whether a value is computed in those runs only that its updates belong to. */
function isOnlyFor(graph: Graph, value: ValueId, updates: Graph["updates"]): boolean {
  if (updates.length !== 1) return false;
  const [{ when } = { when: [] as readonly string[] }] = updates;
  return fetchNames(graph).every((name) => {
    if (when.includes(name)) return true;
    const seen = new Set<ValueId>();
    const pending = [...rootsOfFetch(graph, name)];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (id === value) return false;
      if (seen.has(id)) continue;
      seen.add(id);
      pending.push(...valueOf(graph, id).args);
    }
    return true;
  });
}
