/**
 * The kernels of the values that got a buffer, in the order in which they run: what a loop encloses stands together,
 * what one branch of an `if` needs runs when that branch is taken, and new values of variables are stored at the end.
 */
import { affineOf, axisIndex } from "../ir/affine.ts";
import { dimSymbol } from "../ir/dims.ts";
import { type Graph, type ValueId, valueOf } from "../ir/graph.ts";
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
import { type Branch, guardsOf, type Loop, loopOfLeaf, type Loops } from "../ir/regions.ts";
import { copyNest } from "./choose-layout.ts";
import type { Commit, FormedProgram } from "./commit-in-place.ts";
import { counterName, lower, lowerCopy, type Lowered, NeedsBuffer } from "./lower.ts";
import { kernelName, type Placement, placeValues } from "./place-values.ts";
import { routineOf, routineStep, withSiblings } from "./routines.ts";
import { unifyRows } from "./unify-rows.ts";

export function formKernels(
  graph: Graph,
  loops: Loops,
  roots: ReadonlySet<ValueId>,
  derived: ReadonlySet<ValueId>,
): FormedProgram {
  const isDerived = withSiblings(graph, withProducers(graph, roots, derived));
  const former = new KernelFormer(graph, loops, roots, isDerived, placeValues(graph, loops, roots, isDerived));
  const derive = [...roots].sort((a, b) => a - b).flatMap((id) => (isDerived.has(id) ? former.kernel(id) : []));
  const outputs = former.outputs();
  // What only updates need comes last, so that they find nothing left that reads the old values.
  const fetched = neededFor(graph, ...graph.outputs.map(({ value }) => value));
  const outermost = loops.loopOf.flatMap((loop, id) => (loop === undefined ? [id] : []));
  former.emit(outermost.filter((id) => fetched.has(id)));
  former.emit(outermost.filter((id) => !fetched.has(id)));
  const updates = former.updates();
  if (former.waiting.size > 0) throw new NeedsBuffer(...former.waiting);
  const { steps, regions, flows, commits, buffers, bufferOf } = former;
  return { program: { graph, buffers, derive, steps, regions, flows, outputs, updates }, commits, bufferOf };
}

class KernelFormer {
  readonly steps: LoopStep[] = [];
  readonly regions: Region[] = [];
  readonly flows: Flow[] = [];
  readonly commits: Commit[] = [];
  readonly buffers: Buffer[];
  readonly bufferOf: Map<ValueId, BufferId>;
  /** What needs a buffer before the kernels that read it can be formed: all such values are found in one go. */
  readonly waiting = new Set<ValueId>();
  readonly #add: Placement["add"];
  readonly #graph: Graph;
  readonly #loops: Loops;
  readonly #roots: ReadonlySet<ValueId>;
  readonly #isDerived: ReadonlySet<ValueId>;
  readonly #guards: readonly (readonly Branch[] | undefined)[];
  readonly #called = new Set<ValueId>();
  /** The region of a branch within one, made when it is needed first. */
  readonly #branches = new Map<string, RegionId>();

  constructor(
    graph: Graph,
    loops: Loops,
    roots: ReadonlySet<ValueId>,
    isDerived: ReadonlySet<ValueId>,
    { buffers, bufferOf, add }: Placement,
  ) {
    this.#graph = graph;
    this.#loops = loops;
    this.#roots = roots;
    this.#isDerived = isDerived;
    this.#guards = guardsOf(graph, loops);
    this.buffers = buffers;
    this.bufferOf = bufferOf;
    this.#add = add;
  }

  /** The kernel of a value that has a buffer of its own; none for a further result of a routine, which writes all at once. */
  kernel(id: ValueId, region?: RegionId): readonly LoopStep[] {
    const buffer = this.#bufferIn(id);
    if (!this.#roots.has(id) || !buffer || buffer.alias !== undefined) return [];
    const routine = routineOf(this.#graph, id);
    const find = (value: ValueId): BufferId | undefined => this.bufferOf.get(value);
    if (routine === undefined) return [this.#stepOf(id, () => lower(this.#graph, id, find), region)];
    if (this.#called.has(routine)) return [];
    this.#called.add(routine);
    const name = kernelName(this.#graph, routine, new Set([routine]));
    const place = this.#isDerived.has(id) ? "derived" : "arena";
    const step = routineStep(this.#graph, routine, name, find, (made) => this.#add({ ...made, place }));
    return [region === undefined ? step : { ...step, region }];
  }

  /** The buffers that are fetched. A variable is fetched as it was before the run. */
  outputs(): readonly BufferId[] {
    const isUpdated = new Set(this.#graph.updates.map((update) => update.variable));
    return this.#graph.outputs.map((output) => {
      const buffer = this.bufferOf.get(output.value);
      if (buffer === undefined) throw new Error(`output \`${output.name}\` has no buffer`);
      const { dtype, dims, name, alias } = this.#bufferAt(buffer);
      const source = valueOf(this.#graph, this.#bufferAt(alias ?? buffer).value ?? -1);
      if (source.op !== "variable" || !isUpdated.has(String(source.attributes.name))) return buffer;
      const target = this.#add({ name: `${name}_fetched`, dtype, dims, place: "arena" });
      this.#copy(output.value, target, undefined);
      return target;
    });
  }

  /** The new values of variables, each in a buffer that `commit-in-place` may then make one with the variable's. */
  updates(): readonly BufferId[] {
    const { updates, values } = this.#graph;
    const targets = updates.map(({ variable }) =>
      this.buffers.findIndex(
        ({ place, value, alias }) =>
          place === "variable" && values[value ?? -1]?.attributes.name === variable && alias === undefined,
      ),
    );
    // A variable that another one becomes is kept before any of them changes.
    const kept = updates.map(({ value }, i) => {
      const from = this.bufferOf.get(value) ?? -1;
      const source = this.buffers[from]?.alias ?? from;
      return source !== targets[i] && targets.includes(source) ? this.#keep(value, undefined) : undefined;
    });
    return updates.map(({ value }, i) => this.#commit(targets[i] ?? -1, value, kept[i], undefined));
  }

  /** The kernels of these values, which one region or none encloses, and of the loops and branches among them. */
  emit(ids: readonly ValueId[], within?: RegionId): void {
    const waiting = new Set(ids);
    const emitOne = (id: ValueId): void => {
      if (!waiting.delete(id)) return;
      // What decides whether it runs is known before.
      const guards = this.#guards[routineOf(this.#graph, id) ?? id] ?? [];
      for (const { node } of guards)
        for (const needed of [...neededFor(this.#graph, conditionOf(this.#graph, node))].sort((a, b) => a - b))
          emitOne(needed);
      const region = this.#branch(guards, within);
      const value = valueOf(this.#graph, id);
      const loop = value.op === "loop" ? this.#loops.loops.get(loopOfLeaf(value)) : undefined;
      if (loop) this.#emitLoop(loop, region);
      else if (!this.#isDerived.has(id)) this.steps.push(...this.kernel(id, region));
    };
    for (const id of ids) emitOne(id);
  }

  #branch(guards: readonly Branch[], within: RegionId | undefined): RegionId | undefined {
    let region = within;
    for (const { node, isTaken } of guards) {
      const key = `${region} ${node} ${isTaken}`;
      const condition = this.bufferOf.get(conditionOf(this.#graph, node));
      let branch = this.#branches.get(key);
      if (branch === undefined && condition !== undefined) {
        branch = this.#region({
          kind: "branch",
          condition,
          isTaken,
          ...(region === undefined ? {} : { parent: region }),
        });
        this.#branches.set(key, branch);
      }
      region = branch ?? region;
    }
    return region;
  }

  #emitLoop(loop: Loop, parent: RegionId | undefined): void {
    loop.carries.forEach((leaf) => {
      this.#copy(valueOf(this.#graph, leaf).args[0] ?? -1, this.bufferOf.get(leaf) ?? -1, parent);
    });
    const condition = loop.condition === undefined ? undefined : this.bufferOf.get(loop.condition);
    if (condition !== undefined) this.#clearStacks(loop, parent);
    const body = this.#region({
      kind: "loop",
      times: loop.times,
      counter: counterName(loop.id),
      ...(condition === undefined ? {} : { condition }),
      ...(parent === undefined ? {} : { parent }),
    });
    const own = this.#loops.loopOf.flatMap((around, id) => (around === loop.id ? [id] : []));
    const tested = loop.condition === undefined ? new Set<ValueId>() : neededFor(this.#graph, loop.condition);
    if (loop.condition !== undefined)
      this.emit(
        own.filter((id) => tested.has(id)),
        this.#region({ kind: "test", parent: body }),
      );
    this.emit(
      own.filter((id) => !tested.has(id)),
      body,
    );
    this.#stack(loop, body);
    this.#advance(loop, body);
  }

  /** The stacks of a loop that may end early hold zeros for the iterations that it does not make. */
  #clearStacks(loop: Loop, region: RegionId | undefined): void {
    for (const [i] of loop.stacked.entries()) {
      const target = this.bufferOf.get(stackOf(this.#graph, loop, i) ?? -1);
      if (target === undefined) continue;
      const { dtype, dims } = this.#bufferAt(target);
      const axes = dims.map((extent, axis) => ({ name: `i${axis}`, extent }));
      const nest: LoopNest = {
        axes,
        scalars: [{ dtype, op: "constant", value: 0 }],
        reductions: [],
        stores: [{ buffer: target, at: axes.map((_, axis) => axisIndex(axis)), value: 0, over: axes.map((_, a) => a) }],
      };
      this.steps.push({
        name: "zeros",
        nests: [nest],
        spans: [],
        values: [],
        ...(region === undefined ? {} : { region }),
      });
    }
  }

  /** What an iteration stacks, at its place in the stacks that something reads. */
  #stack(loop: Loop, body: RegionId): void {
    loop.stacked.forEach(({ value, axis }, i) => {
      const target = this.bufferOf.get(stackOf(this.#graph, loop, i) ?? -1);
      if (target === undefined) return;
      this.buffers[target] = { ...this.#bufferAt(target), stackedIn: body };
      const now = affineOf(dimSymbol(counterName(loop.id)));
      this.#copy(value, target, body, (at) => [...at.slice(0, axis), now, ...at.slice(axis)]);
    });
  }

  /** The carries of the next iteration. One that becomes another carry is kept before any of them changes. */
  #advance(loop: Loop, body: RegionId): void {
    const carried = loop.carries.map((leaf) => this.bufferOf.get(leaf) ?? -1);
    const kept = loop.next.map((value, i) => {
      const from = this.bufferOf.get(value);
      const source = this.buffers[from ?? -1]?.alias ?? from ?? -1;
      const isMoved = from === undefined ? this.#readsAny(value, carried) : carried.includes(source);
      return isMoved && source !== carried[i] ? this.#keep(value, body) : undefined;
    });
    loop.next.forEach((value, i) => {
      const target = carried[i] ?? -1;
      if (kept[i] === undefined && this.bufferOf.get(value) === target) return;
      this.flows.push({ from: this.#commit(target, value, kept[i], body), to: target });
    });
  }

  /** A copy of a value that nothing changes. */
  #keep(value: ValueId, region: RegionId | undefined): BufferId {
    const { dtype, shape } = valueOf(this.#graph, value).type;
    const buffer = this.#add({ name: "kept", dtype, dims: shape, place: "arena" });
    this.#copy(value, buffer, region);
    return buffer;
  }

  /** The new value of what can change, beside the old one. */
  #commit(target: BufferId, value: ValueId, kept: BufferId | undefined, region: RegionId | undefined): BufferId {
    const { halo: _halo, value: _value, ...old } = this.#bufferAt(target);
    const fresh = this.#add({ ...old, name: `${old.name}_next`, inPlaceOf: target });
    if (kept === undefined) this.#copy(value, fresh, region);
    else {
      const nests = [copyNest(this.#bufferAt(kept), kept, fresh)];
      this.steps.push({ name: "copy", nests, spans: [], values: [], ...(region === undefined ? {} : { region }) });
    }
    const step = this.steps.length - 1;
    this.commits.push({ target, fresh, step, value: kept === undefined ? value : undefined });
    return fresh;
  }

  #copy(value: ValueId, target: BufferId, region: RegionId | undefined, place?: Parameters<typeof lowerCopy>[4]): void {
    const lowered = (): Lowered => lowerCopy(this.#graph, value, (id) => this.bufferOf.get(id), target, place);
    const step = this.#stepOf(value, lowered, region);
    const isPlain = step.values.length === 0;
    this.steps.push(isPlain ? { ...step, name: "copy", spans: [valueOf(this.#graph, value).span] } : step);
  }

  /** The step of a kernel, or an empty one if something that it reads needs a buffer first. */
  #stepOf(id: ValueId, lowered: () => Lowered, region: RegionId | undefined): LoopStep {
    try {
      return this.#loweredStep(id, lowered(), region);
    } catch (problem) {
      if (!(problem instanceof NeedsBuffer)) throw problem;
      for (const value of problem.values) this.waiting.add(value);
      return { name: "waiting", nests: [], spans: [], values: [] };
    }
  }

  #loweredStep(id: ValueId, { nest, inlined, owners }: Lowered, region: RegionId | undefined): LoopStep {
    const unified = unifyRows(nest);
    requireHoisted(unified, owners, id);
    const values = [...inlined].sort((a, b) => a - b);
    return {
      name: kernelName(this.#graph, id, inlined),
      nests: [unified],
      spans: values.map((value) => valueOf(this.#graph, value).span),
      values,
      ...(region === undefined ? {} : { region }),
    };
  }

  #region(region: Region): RegionId {
    return this.regions.push(region) - 1;
  }

  #bufferIn(id: ValueId): Buffer | undefined {
    return this.buffers[this.bufferOf.get(id) ?? -1];
  }

  #bufferAt(id: BufferId): Buffer {
    const buffer = this.buffers[id];
    if (!buffer) throw new Error(`there is no buffer ${id}`);
    return buffer;
  }

  /** Whether a value without a buffer (a view) shows one of these buffers. */
  #readsAny(value: ValueId, buffers: readonly BufferId[]): boolean {
    const own = this.bufferOf.get(value);
    if (own !== undefined) return buffers.includes(own);
    return valueOf(this.#graph, value).args.some((arg) => this.#readsAny(arg, buffers));
  }
}

const conditionOf = (graph: Graph, branch: ValueId): ValueId => valueOf(graph, branch).args[0] ?? -1;

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

/** The value that is the `i`-th stack of a loop, if anything reads it. */
function stackOf(graph: Graph, loop: Loop, i: number): ValueId | undefined {
  const index = loop.carries.length + i;
  // The first result is the loop itself: of one without carries, that is a stack.
  if (index === 0) return loop.node;
  const found = graph.values.findIndex(
    (value) => value.op === "part" && value.args[0] === loop.node && value.attributes.index === index,
  );
  return found < 0 ? undefined : found;
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
