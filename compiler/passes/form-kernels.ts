/**
 * The kernels of the values that got a buffer, in the order in which they run: what a loop encloses stands together,
 * what one branch of an `if` needs runs when that branch is taken, and new values of variables are stored at the end.
 */
import { affineOf } from "../ir/affine.ts";
import { dimSymbol } from "../ir/dims.ts";
import { type Graph, type Value, type ValueId, valueOf } from "../ir/graph.ts";
import {
  type Buffer,
  type BufferId,
  dependsOn,
  type Flow,
  type LoopNest,
  type LoopStep,
  type Region,
  type RegionId,
} from "../ir/loops.ts";
import { guardsOf, type Loop, loopOfLeaf, type Loops } from "../ir/regions.ts";
import { primitives } from "../ops/table.ts";
import { copyNest } from "./choose-layout.ts";
import type { Commit, FormedProgram } from "./commit-in-place.ts";
import { counterName, lower, lowerCopy, type Lowered, NeedsBuffer } from "./lower.ts";
import { operandsOfRoutines, routineOf, routineStep, withSiblings } from "./routines.ts";
import { unifyRows } from "./unify-rows.ts";

/** The results of a loop lie where its carries and stacks do: nothing computes them. */
export const isLoopResult = (graph: Graph, value: Value): boolean =>
  value.op === "loop" || (value.op === "part" && valueOf(graph, value.args[0] ?? -1).op === "loop");

export function formKernels(
  graph: Graph,
  loops: Loops,
  roots: ReadonlySet<ValueId>,
  derived: ReadonlySet<ValueId>,
): FormedProgram {
  const isDerived = withSiblings(graph, withProducers(graph, roots, derived));
  const { buffers, bufferOf, add } = placeValues(graph, loops, roots, isDerived);
  const needed = new Set<ValueId>();
  /** The step of a kernel, or an empty one if something that it reads needs a buffer first: all that do are found. */
  const stepOf = (id: ValueId, lowered: () => Lowered, region?: RegionId): LoopStep => {
    try {
      return loweredStep(id, lowered(), region);
    } catch (problem) {
      if (!(problem instanceof NeedsBuffer)) throw problem;
      for (const value of problem.values) needed.add(value);
      return { name: "waiting", nests: [], spans: [], values: [] };
    }
  };
  const loweredStep = (id: ValueId, { nest, inlined, owners }: Lowered, region?: RegionId): LoopStep => {
    const unified = unifyRows(nest);
    requireHoisted(unified, owners, id);
    const values = [...inlined].sort((a, b) => a - b);
    return {
      name: kernelName(graph, id, inlined),
      nests: [unified],
      spans: values.map((value) => valueOf(graph, value).span),
      values,
      ...(region === undefined ? {} : { region }),
    };
  };
  const copy = (
    value: ValueId,
    target: BufferId,
    region: RegionId | undefined,
    place?: Parameters<typeof lowerCopy>[4],
  ): LoopStep => {
    const step = stepOf(value, () => lowerCopy(graph, value, (id) => bufferOf.get(id), target, place), region);
    return step.values.length === 0 ? { ...step, name: "copy", spans: [valueOf(graph, value).span] } : step;
  };
  const isKernel = (id: ValueId): boolean =>
    roots.has(id) && buffers[bufferOf.get(id) ?? -1]?.alias === undefined && bufferOf.has(id);
  const called = new Set<ValueId>();
  /** None for a further result of a routine, which writes them all at once. */
  const kernel = (id: ValueId, region?: RegionId): readonly LoopStep[] => {
    const routine = routineOf(graph, id);
    if (routine === undefined) return [stepOf(id, () => lower(graph, id, (value) => bufferOf.get(value)), region)];
    if (called.has(routine)) return [];
    called.add(routine);
    const name = kernelName(graph, routine, new Set([routine]));
    const place = isDerived.has(id) ? "derived" : "arena";
    const step = routineStep(
      graph,
      routine,
      name,
      (value) => bufferOf.get(value),
      (made) => add({ ...made, place }),
    );
    return [region === undefined ? step : { ...step, region }];
  };

  const derive = [...roots]
    .sort((a, b) => a - b)
    .filter((id) => isDerived.has(id) && isKernel(id))
    .flatMap((id) => kernel(id));
  const regions: Region[] = [];
  const flows: Flow[] = [];
  const commits: Commit[] = [];
  const steps: LoopStep[] = [];
  const guards = guardsOf(graph, loops);
  /** The region of a branch within one, made when it is needed first. */
  const branches = new Map<string, RegionId>();
  const guarded = (id: ValueId, within: RegionId | undefined): RegionId | undefined =>
    (guards[id] ?? []).reduce<RegionId | undefined>((parent, { node, isTaken }) => {
      const key = `${parent} ${node} ${isTaken}`;
      const condition = bufferOf.get(valueOf(graph, node).args[0] ?? -1);
      let region = branches.get(key);
      if (region === undefined && condition !== undefined) {
        region = regions.push({ kind: "branch", condition, isTaken, ...(parent === undefined ? {} : { parent }) }) - 1;
        branches.set(key, region);
      }
      return region ?? parent;
    }, within);

  const emit = (ids: readonly ValueId[], within: RegionId | undefined): void => {
    const waiting = new Set(ids);
    const emitOne = (id: ValueId): void => {
      if (!waiting.delete(id)) return;
      // What decides whether it runs is known before.
      for (const { node } of guards[routineOf(graph, id) ?? id] ?? [])
        for (const needed of [...neededFor(graph, valueOf(graph, node).args[0] ?? -1)].sort((a, b) => a - b))
          emitOne(needed);
      const value = valueOf(graph, id);
      const region = guarded(routineOf(graph, id) ?? id, within);
      const loop = value.op === "loop" ? loops.loops.get(loopOfLeaf(value)) : undefined;
      if (loop) emitLoop(loop, region);
      else if (isKernel(id) && !isDerived.has(id)) steps.push(...kernel(id, region));
    };
    for (const id of ids) emitOne(id);
  };

  const emitLoop = (loop: Loop, parent: RegionId | undefined): void => {
    const carried = loop.carries.map((leaf) => bufferOf.get(leaf) ?? -1);
    loop.carries.forEach((leaf, i) => {
      steps.push(copy(valueOf(graph, leaf).args[0] ?? -1, carried[i] ?? -1, parent));
    });
    const condition = loop.condition === undefined ? undefined : bufferOf.get(loop.condition);
    const around = parent === undefined ? {} : { parent };
    const body =
      regions.push({
        kind: "loop",
        times: loop.times,
        counter: counterName(loop.id),
        ...(condition === undefined ? {} : { condition }),
        ...around,
      }) - 1;
    const own = graph.values.flatMap((_, id) => (loops.loopOf[id] === loop.id || isInner(loop, id) ? [id] : []));
    const tested = loop.condition === undefined ? new Set<ValueId>() : neededFor(graph, loop.condition);
    if (loop.condition !== undefined)
      emit(
        own.filter((id) => tested.has(id)),
        regions.push({ kind: "test", parent: body }) - 1,
      );
    emit(
      own.filter((id) => !tested.has(id)),
      body,
    );
    loop.stacked.forEach(({ value, axis }, i) => {
      const result = stackOf(graph, loop, i);
      const target = result === undefined ? undefined : bufferOf.get(result);
      const now = affineOf(dimSymbol(counterName(loop.id)));
      if (target === undefined) return;
      buffers[target] = { ...(buffers[target] ?? raise("no such buffer")), stackedIn: body };
      steps.push(copy(value, target, body, (at) => [...at.slice(0, axis), now, ...at.slice(axis)]));
    });
    // A carry that becomes another carry: what that was is kept before any of them changes.
    const sources = loop.next.map((value, i): ValueId | BufferId[] => {
      const from = bufferOf.get(value);
      const source = from === undefined ? -1 : (buffers[from]?.alias ?? from);
      const isMoved = from === undefined ? readsAny(graph, value, bufferOf, carried) : carried.includes(source);
      if (!isMoved || source === carried[i]) return value;
      const { dtype, shape } = valueOf(graph, value).type;
      const kept = add({ name: "kept", dtype, dims: shape, place: "arena" });
      steps.push(copy(value, kept, body));
      return [kept];
    });
    sources.forEach((source, i) => {
      const target = carried[i] ?? -1;
      if (!Array.isArray(source)) {
        const from = bufferOf.get(source);
        if (from !== undefined && from === target) return;
      }
      const old = buffers[target];
      if (!old) return;
      const { halo: _halo, value: _value, ...plain } = old;
      const fresh = add({ ...plain, name: `${old.name}_next`, inPlaceOf: target });
      const value = loop.next[i] ?? -1;
      const step = Array.isArray(source)
        ? { ...copyStep(buffers, source[0] ?? -1, fresh), region: body }
        : copy(source, fresh, body);
      flows.push({ from: fresh, to: target });
      commits.push({ target, fresh, step: steps.push(step) - 1, value: Array.isArray(source) ? undefined : value });
    });
  };
  const isInner = (loop: Loop, id: ValueId): boolean => {
    const value = valueOf(graph, id);
    return value.op === "loop" && loops.loops.get(loopOfLeaf(value))?.parent === loop.id;
  };

  const isUpdated = new Set(graph.updates.map((update) => update.variable));
  const outputs = graph.outputs.map((output) => {
    const buffer = bufferOf.get(output.value);
    if (buffer === undefined) throw new Error(`output \`${output.name}\` has no buffer`);
    // A variable is fetched as it was before the run.
    const source = valueOf(graph, buffers[buffers[buffer]?.alias ?? buffer]?.value ?? -1);
    if (source.op !== "variable" || !isUpdated.has(String(source.attributes.name))) return buffer;
    const { dtype, dims, name } = buffers[buffer] ?? raise("no such buffer");
    const target = add({ name: `${name}_fetched`, dtype, dims, place: "arena" });
    steps.push(copy(output.value, target, undefined));
    return target;
  });
  // What only updates need comes last, so that they find nothing left that reads the old values.
  const fetched = new Set(graph.outputs.flatMap(({ value }) => [...neededFor(graph, value)]));
  const outermost = graph.values.flatMap((value, id) => {
    const loop = value.op === "loop" ? loops.loops.get(loopOfLeaf(value))?.parent : loops.loopOf[id];
    return loop === undefined ? [id] : [];
  });
  emit(
    outermost.filter((id) => fetched.has(id)),
    undefined,
  );
  emit(
    outermost.filter((id) => !fetched.has(id)),
    undefined,
  );
  const targets = graph.updates.map(({ variable }) =>
    buffers.findIndex(
      (buffer) =>
        buffer.place === "variable" && graph.values[buffer.value ?? -1]?.attributes.name === variable && !buffer.alias,
    ),
  );
  // As with carries: a variable that another one becomes is kept before any of them changes.
  const kept = graph.updates.map(({ value }, i): BufferId | undefined => {
    const from = bufferOf.get(value) ?? -1;
    const source = buffers[from]?.alias ?? from;
    if (source === targets[i] || !targets.includes(source)) return undefined;
    const { dtype, shape } = valueOf(graph, value).type;
    const buffer = add({ name: "kept", dtype, dims: shape, place: "arena" });
    steps.push(copy(value, buffer, undefined));
    return buffer;
  });
  const updates = graph.updates.map(({ variable, value }, i) => {
    const target = targets[i] ?? -1;
    const old = buffers[target];
    if (!old) throw new Error(`the variable ${variable} has no buffer`);
    const { value: _, ...plain } = old;
    const fresh = add({ ...plain, name: `${old.name}_next`, inPlaceOf: target });
    const source = kept[i];
    const step = source === undefined ? copy(value, fresh, undefined) : copyStep(buffers, source, fresh);
    commits.push({ target, fresh, step: steps.push(step) - 1, value: source === undefined ? value : undefined });
    return fresh;
  });
  if (needed.size > 0) throw new NeedsBuffer(...needed);
  return { program: { graph, buffers, derive, steps, regions, flows, outputs, updates }, commits, bufferOf };
}

const raise = (message: string): never => {
  throw new Error(message);
};

function copyStep(buffers: readonly Buffer[], from: BufferId, to: BufferId): LoopStep {
  const source = buffers[from] ?? raise("no such buffer");
  return { name: "copy", nests: [copyNest(source, from, to)], spans: [], values: [] };
}

/** Every value that these are computed from, themselves included. */
function neededFor(graph: Graph, ...targets: readonly ValueId[]): ReadonlySet<ValueId> {
  const needed = new Set<ValueId>();
  const pending = [...targets];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (needed.has(id)) continue;
    needed.add(id);
    pending.push(...valueOf(graph, id).args);
  }
  return needed;
}

/** Whether a value without a buffer (a view) shows one of these buffers. */
function readsAny(
  graph: Graph,
  value: ValueId,
  bufferOf: ReadonlyMap<ValueId, BufferId>,
  buffers: readonly BufferId[],
): boolean {
  const own = bufferOf.get(value);
  if (own !== undefined) return buffers.includes(own);
  return valueOf(graph, value).args.some((arg) => readsAny(graph, arg, bufferOf, buffers));
}

/** The value that is the `i`-th stack of a loop, if anything reads it. */
function stackOf(graph: Graph, loop: Loop, i: number): ValueId | undefined {
  const index = loop.carries.length + i;
  const found = graph.values.findIndex(
    (value) => value.op === "part" && value.args[0] === loop.node && value.attributes.index === index,
  );
  return found < 0 ? undefined : found;
}

/** Where every value lies that lies anywhere. */
function placeValues(graph: Graph, { loops }: Loops, roots: ReadonlySet<ValueId>, isDerived: ReadonlySet<ValueId>) {
  const buffers: Buffer[] = [];
  const bufferOf = new Map<ValueId, BufferId>();
  const names = new Set<string>();
  /** The number that a name was tried with last: those before it are taken. */
  const tried = new Map<string, number>();
  const unique = (wanted: string): string => {
    let name = wanted;
    let n = tried.get(wanted) ?? 0;
    while (names.has(name)) name = `${wanted}_${++n}`;
    tried.set(wanted, n);
    names.add(name);
    return name;
  };
  const add = (buffer: Buffer): BufferId => buffers.push({ ...buffer, name: unique(buffer.name) }) - 1;
  const isOutput = new Set(graph.outputs.map((output) => output.value));
  const inRoutines = operandsOfRoutines(graph);
  const isUpdated = new Set(graph.updates.map((update) => update.variable));
  graph.values.forEach((value, id) => {
    const { dtype, shape: dims } = value.type;
    const place = (buffer: Buffer): void => void bufferOf.set(id, add(buffer));
    const name = String(value.attributes.name ?? value.attributes.path ?? value.name ?? value.op);
    const common = { dtype, dims, value: id };
    const isResult = value.op === "part" && graph.values[value.args[0] ?? -1]?.op === "loop";
    if (value.op === "input" || value.op === "random_key") place({ ...common, name, place: "feed" });
    else if (value.op === "variable")
      place({ ...common, name, place: "variable", ...(isUpdated.has(name) ? { isMutable: true } : {}) });
    else if (value.op === "carry") place({ ...common, name, place: "arena", isMutable: true });
    else if (value.op === "loop" || isResult) {
      const loop = loops.get(loopOfLeaf(graph.values[value.op === "loop" ? id : (value.args[0] ?? -1)] ?? value));
      const index = isResult ? Number(value.attributes.index) : 0;
      const carry = bufferOf.get(loop?.carries[index] ?? -1);
      if (carry !== undefined) bufferOf.set(id, carry);
      else place({ ...common, name: value.name ?? "stack", place: "arena" });
    } else if (value.op === "constant" && (dims.length > 0 || isOutput.has(id) || inRoutines.has(id))) {
      const data = value.attributes.data as NonNullable<Buffer["data"]>;
      place({ ...common, name: value.name ?? "constant", place: "constant", data });
    } else if (roots.has(id)) {
      const source = primitives[value.op]?.keepsOrder ? bufferOf.get(value.args[0] ?? -1) : undefined;
      place({
        ...common,
        name: value.name ?? kernelName(graph, id, new Set([id])),
        place: source === undefined ? (isDerived.has(id) ? "derived" : "arena") : (buffers[source]?.place ?? "arena"),
        ...(source === undefined ? {} : { alias: buffers[source]?.alias ?? source }),
        ...(source !== undefined && buffers[source]?.isMutable ? { isMutable: true } : {}),
      });
    }
  });
  return { buffers, bufferOf, add };
}

/** The derived values, and the roots that are computed for them alone. */
function withProducers(graph: Graph, roots: ReadonlySet<ValueId>, derived: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const all = new Set(derived);
  for (const id of neededFor(graph, ...derived)) if (roots.has(id)) all.add(id);
  return all;
}

/**
 * Reductions of one kernel run once per row: their results depend on the same axes, all of which the store runs
 * over. One that would be repeated inside a loop gets a kernel of its own, if it came from another value.
 */
function requireHoisted(nest: LoopNest, owners: readonly ValueId[], root: ValueId): void {
  if (nest.reductions.length < 2) return;
  const store = new Set(nest.stores.flatMap((s) => s.over));
  const keys = nest.scalars.flatMap((scalar, id) =>
    scalar.op === "reduced"
      ? [{ reduction: scalar.reduction, axes: [...dependsOn(nest, id)].sort((a, b) => a - b) }]
      : [],
  );
  const last = keys[keys.length - 1];
  for (const { reduction, axes } of keys) {
    const owner = owners[reduction];
    const isHoisted = axes.join() === last?.axes.join() && axes.every((axis) => store.has(axis));
    if (!isHoisted && owner !== undefined && owner !== root) throw new NeedsBuffer(owner);
  }
}

/** From the outermost library calls it holds, `conv2d_relu`, or from the primitives at graph level, `add`. */
function kernelName(graph: Graph, root: ValueId, inlined: ReadonlySet<ValueId>): string {
  const parts: string[] = [];
  for (const id of [...inlined].sort((a, b) => a - b)) {
    const value = valueOf(graph, id);
    const path: string[] = [];
    for (let call = value.call; call !== undefined; call = graph.calls[call]?.parent)
      path.unshift(graph.calls[call]?.name ?? "");
    const part = path[0] ?? value.op;
    if (!parts.includes(part) && (primitives[value.op]?.class !== "view" || inlined.size === 1)) parts.push(part);
  }
  const name = parts.slice(0, 4).join("_") || valueOf(graph, root).op;
  return name.replace(/[^A-Za-z0-9_]/g, "_");
}
