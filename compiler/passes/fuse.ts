/**
 * Decides which values get a buffer and which are computed inside the kernel of their reader, then lowers every
 * kernel to loop nests. The rules are the table of ARCHITECTURE.md, Fusion; they look at the class of a primitive
 * and at how its result is indexed, never at its name.
 *
 * Values are visited from the outputs backwards. A value knows by then where each of its readers ended up, and
 * whether it is read at the index that the kernel stores (`same`), at another one (`inner`), or several times
 * over (`repeated`).
 */
import { equalDims, isLiteral, literalOf } from "../ir/dims.ts";
import type { Comprehension, Graph, Scalar, Value, ValueId } from "../ir/graph.ts";
import { type Buffer, type BufferId, dependsOn, type LoopNest, type LoopProgram, type LoopStep } from "../ir/loops.ts";
import { scalarFunctions } from "../ops/scalar.ts";
import { primitives } from "../ops/table.ts";
import { lower, NeedsBuffer } from "./lower.ts";
import { operandsOfRoutines, routineOf, routineStep, withSiblings } from "./routines.ts";
import { unifyRows } from "./unify-rows.ts";

type How = "same" | "inner" | "repeated";
interface Use {
  readonly root: ValueId;
  readonly how: How;
}

export function fuse(graph: Graph): LoopProgram {
  const forced = new Set(operandsOfRoutines(graph));
  const derived = derivedValues(graph, countReaders(graph));
  // A value that could not be inlined after all (an index that is not affine, a reduction that would be repeated)
  // is given a buffer, and the kernels are formed again.
  for (;;) {
    try {
      return formKernels(graph, decideRoots(graph, new Set([...forced, ...derived])), derived);
    } catch (problem) {
      if (!(problem instanceof NeedsBuffer) || forced.has(problem.value)) throw problem;
      forced.add(problem.value);
    }
  }
}

const valueOf = (graph: Graph, id: ValueId): Value => {
  const value = graph.values[id];
  if (!value) throw new Error(`the graph has no value ${id}`);
  return value;
};

// ---- classes ---------------------------------------------------------------------------------------

/** Values of variables and constants only, that are worth a buffer of their own: computed when a variable changes. */
function derivedValues(graph: Graph, readers: readonly number[]): ReadonlySet<ValueId> {
  const isStatic = graph.values.map(() => false);
  const hasVariable = graph.values.map(() => false);
  graph.values.forEach((value, id) => {
    const isLiteralShape = value.type.shape.every((dim) => literalOf(dim) !== undefined);
    const isSource = value.op === "variable" || value.op === "constant";
    isStatic[id] =
      isSource ||
      (!isLeaf(value) && isLiteralShape && value.args.length > 0 && value.args.every((arg) => isStatic[arg]));
    hasVariable[id] = value.op === "variable" || value.args.some((arg) => hasVariable[arg]);
  });
  const derived = new Set<ValueId>();
  const outputs = new Set(graph.outputs.map((output) => output.value));
  const wants = (id: ValueId): void => {
    // A view moves nothing; what it shows is derived, and the view stays with its reader.
    const value = sourceOf(graph, id);
    if (primitives[value.op]?.class === "view") for (const arg of value.args) wants(arg);
    else if (isStatic[id] && hasVariable[id] && !isLeaf(value)) derived.add(id);
  };
  graph.values.forEach((value, id) => {
    if (isStatic[id] || (readers[id] === 0 && !outputs.has(id))) return;
    for (const arg of value.args) if (isStatic[arg]) wants(arg);
  });
  return derived;
}

/** What computes a value: its own primitive on its operands, or for a `part` that of the value it is a part of. */
function sourceOf(graph: Graph, id: ValueId): Value {
  const value = valueOf(graph, id);
  return value.op === "part" ? { ...valueOf(graph, value.args[0] ?? -1), type: value.type } : value;
}

const hasReduction = (scalar: Scalar): boolean =>
  scalar.kind === "reduce" ||
  (scalar.kind === "apply" && scalar.args.some(hasReduction)) ||
  (scalar.kind === "read" &&
    (scalar.at.some(hasReduction) || (scalar.outside !== undefined && hasReduction(scalar.outside))));

const comprehensionOf = (value: Value): Comprehension | undefined =>
  primitives[value.op]?.class === "comprehension" ? (value.attributes.body as Comprehension) : undefined;

const isLeaf = (value: Value): boolean => primitives[value.op]?.class === "leaf" && value.op !== "part";

const axesOf = (value: Value): readonly number[] => {
  const { axes, axis } = value.attributes;
  return Array.isArray(axes) ? axes.filter((a) => typeof a === "number") : typeof axis === "number" ? [axis] : [];
};

function isReducing(value: Value): boolean {
  const kind = primitives[value.op]?.class;
  if (kind === "reduce" || kind === "contraction") return true;
  const body = comprehensionOf(value);
  return body !== undefined && hasReduction(body.body);
}

/** How a value reads its operand `k`, given that it is evaluated once at its own index. */
function howOperand(graph: Graph, value: Value, k: number): How {
  const kind = primitives[value.op]?.class;
  if (kind === "map") {
    const shape = valueOf(graph, value.args[k] ?? -1).type.shape;
    return shape.length === value.type.shape.length && shape.every((d, i) => equalDims(d, value.type.shape[i] ?? d))
      ? "same"
      : "inner";
  }
  if (kind === "view" || kind === "reduce") return "inner";
  return isReducing(value) || kind === "routine" ? "repeated" : "inner";
}

const compose = (outer: How, inner: How): How =>
  outer === "repeated" || inner === "repeated" ? "repeated" : outer === "same" ? inner : "inner";

/** Whether computing an element again costs less than writing it to memory and reading it back. */
const isCheap = (value: Value): boolean => (scalarFunctions.get(value.op)?.cost ?? Number.POSITIVE_INFINITY) <= 1;

// ---- roots -----------------------------------------------------------------------------------------

function decideRoots(graph: Graph, forced: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const readers = countReaders(graph);
  const carries = reductionsCarried(graph, readers);
  const outputs = new Set(graph.outputs.map((output) => output.value));
  const uses: Use[][] = graph.values.map(() => []);
  const roots = new Set<ValueId>();
  /** Of a kernel: whether it holds a contraction or window, or else how many leading dims its rows have. */
  const holds = new Map<ValueId, "contraction" | number>();

  const decide = (id: ValueId, value: Value): boolean => {
    const mine = uses[id] ?? [];
    const [first] = mine;
    if (outputs.has(id) || forced.has(id) || !first) return true;
    const kind = primitives[value.op]?.class;
    if (kind === "routine") return true;
    if (kind === "view") return false;
    const root = mine.every((use) => use.root === first.root) ? first.root : undefined;
    const isRepeated = mine.some((use) => use.how === "repeated");
    if (isRepeated) return true;
    // At another index than its own it may be read more than once: by a broadcast, or by each pass over a row.
    if (primitives[value.op]?.isCostly && mine.some((use) => use.how !== "same")) return true;
    if (!isReducing(value)) {
      if (root === undefined) return !isCheap(value) || (carries[id] ?? false);
      // What a reduction becomes part of it stays with it: at the index of the store, or once per row.
      const rank = valueOf(graph, root).type.shape.length;
      return (
        (carries[id] ?? false) &&
        !mine.every((use) => use.how === "same") &&
        (rowsOf(graph, value, root) ?? rank) === rank
      );
    }
    if (root === undefined) return true;
    const held = holds.get(root);
    if (primitives[value.op]?.class === "reduce") {
      const rows = reducedRows(graph, value, root);
      if (rows !== undefined && (held === undefined || held === rows)) {
        holds.set(root, rows);
        return false;
      }
    }
    if (held === undefined && mine.every((use) => use.how === "same")) {
      holds.set(root, "contraction");
      return false;
    }
    return true;
  };

  for (let id = graph.values.length - 1; id >= 0; id--) {
    // A size that is fetched, or that a routine reads, is written by a kernel of its own.
    if (valueOf(graph, id).op === "dim" && (outputs.has(id) || forced.has(id))) roots.add(id);
    if (isLeaf(valueOf(graph, id)) || (readers[id] === 0 && !outputs.has(id))) continue;
    const value = sourceOf(graph, id);
    const isRoot = decide(id, value);
    if (isRoot) {
      roots.add(id);
      // A reshape of a plain buffer is that buffer: what it reads must be one.
      if (primitives[value.op]?.keepsOrder) {
        uses[value.args[0] ?? -1]?.push({ root: id, how: "repeated" });
        continue;
      }
      if (isReducing(value)) holds.set(id, ownRows(graph, value));
    }
    value.args.forEach((arg, k) => {
      const how = howOperand(graph, value, k);
      if (isRoot) uses[arg]?.push({ root: id, how });
      else for (const use of uses[id] ?? []) uses[arg]?.push({ root: use.root, how: compose(use.how, how) });
    });
  }
  return roots;
}

function countReaders(graph: Graph): readonly number[] {
  const count = graph.values.map(() => 0);
  const isLive = graph.values.map(() => false);
  for (const output of graph.outputs) isLive[output.value] = true;
  for (let id = graph.values.length - 1; id >= 0; id--) {
    if (!isLive[id]) continue;
    for (const arg of sourceOf(graph, id).args) {
      isLive[arg] = true;
      count[arg] = (count[arg] ?? 0) + 1;
    }
  }
  return count;
}

/** Whether a chain of maps at one index, each with one reader, ends in a reduction: what becomes its epilogue. */
function reductionsCarried(graph: Graph, readers: readonly number[]): readonly boolean[] {
  const carried: boolean[] = [];
  graph.values.forEach((_, id) => {
    const value = sourceOf(graph, id);
    carried[id] =
      isReducing(value) ||
      (primitives[value.op]?.class === "map" &&
        value.args.some((arg, k) => carried[arg] && readers[arg] === 1 && howOperand(graph, value, k) === "same"));
  });
  return carried;
}

// ---- rows --------------------------------------------------------------------------------------------

/** The number of leading dims of the root that a value of its rows has: `[..P]` or `[..P, 1, …]` of `[..P, ..Q]`. */
function rowsOf(graph: Graph, value: Value, root: ValueId): number | undefined {
  const shape = valueOf(graph, root).type.shape;
  let rows = 0;
  while (
    rows < value.type.shape.length &&
    rows < shape.length &&
    equalDims(value.type.shape[rows] ?? ZERO_RANK, shape[rows] ?? ZERO_RANK) &&
    !(isLiteral(value.type.shape[rows] ?? ZERO_RANK, 1) && value.type.shape.slice(rows).every((d) => isLiteral(d, 1)))
  )
    rows++;
  return value.type.shape.slice(rows).every((d) => isLiteral(d, 1)) ? rows : undefined;
}
const ZERO_RANK = { terms: [], key: "none" };

/** For a reduction over exactly the trailing axes of its operand, inside the rows of the root: the number of row dims. */
function reducedRows(graph: Graph, value: Value, root: ValueId): number | undefined {
  const rows = rowsOf(graph, value, root);
  const axes = axesOf(value);
  const operand = valueOf(graph, value.args[0] ?? -1).type.shape;
  if (rows === undefined) return undefined;
  const rest = operand.length - axes.length;
  const isTrailing = axes.every((axis, i) => axis === rest + i);
  const shape = valueOf(graph, root).type.shape;
  const isPrefix = operand.slice(0, rows).every((d, i) => equalDims(d, shape[i] ?? ZERO_RANK));
  const isOnes = operand.slice(rows, rest).every((d) => isLiteral(d, 1));
  return isTrailing && rest >= rows && isPrefix && isOnes ? rows : undefined;
}

/** What a reducing root holds by itself: the rows of a reduction over trailing axes, else it is like a contraction. */
function ownRows(graph: Graph, value: Value): "contraction" | number {
  if (primitives[value.op]?.class !== "reduce") return "contraction";
  const axes = axesOf(value);
  const operand = valueOf(graph, value.args[0] ?? -1).type.shape;
  const rest = operand.length - axes.length;
  return axes.every((axis, i) => axis === rest + i) ? rest : "contraction";
}

// ---- kernels -----------------------------------------------------------------------------------------

function formKernels(graph: Graph, roots: ReadonlySet<ValueId>, derived: ReadonlySet<ValueId>): LoopProgram {
  const buffers: Buffer[] = [];
  const bufferOf = new Map<ValueId, BufferId>();
  const isDerived = withSiblings(graph, withProducers(graph, roots, derived));
  const inRoutines = operandsOfRoutines(graph);
  const names = new Set<string>();
  const unique = (wanted: string): string => {
    let name = wanted;
    for (let n = 1; names.has(name); n++) name = `${wanted}_${n}`;
    names.add(name);
    return name;
  };
  const add = (id: ValueId, buffer: Buffer): void => {
    bufferOf.set(id, buffers.push(buffer) - 1);
  };
  const isOutput = new Set(graph.outputs.map((output) => output.value));
  graph.values.forEach((value, id) => {
    const { dtype, shape: dims } = value.type;
    const named = (fallback: string): string => unique(value.name ?? fallback);
    if (value.op === "input" || value.op === "variable") {
      const place = value.op === "input" ? "feed" : "variable";
      add(id, { name: unique(String(value.attributes.name)), dtype, dims, place, value: id });
    } else if (value.op === "constant" && (dims.length > 0 || isOutput.has(id) || inRoutines.has(id))) {
      const data = value.attributes.data as NonNullable<Buffer["data"]>;
      add(id, { name: named("constant"), dtype, dims, place: "constant", value: id, data });
    } else if (roots.has(id)) {
      const source = primitives[value.op]?.keepsOrder ? bufferOf.get(value.args[0] ?? -1) : undefined;
      add(id, {
        name: named(kernelName(graph, id, new Set([id]))),
        dtype,
        dims,
        place: source === undefined ? (isDerived.has(id) ? "derived" : "arena") : (buffers[source]?.place ?? "arena"),
        value: id,
        ...(source === undefined ? {} : { alias: buffers[source]?.alias ?? source }),
      });
    }
  });
  const derive: LoopStep[] = [];
  const steps: LoopStep[] = [];
  const called = new Set<ValueId>();
  for (const id of [...roots].sort((a, b) => a - b)) {
    const buffer = buffers[bufferOf.get(id) ?? -1];
    if (buffer?.alias !== undefined) continue;
    const routine = routineOf(graph, id);
    if (routine !== undefined) {
      if (called.has(routine)) continue;
      called.add(routine);
      const name = kernelName(graph, routine, new Set([routine]));
      const place = isDerived.has(id) ? "derived" : "arena";
      const step = routineStep(
        graph,
        routine,
        name,
        (value) => bufferOf.get(value),
        (made) => buffers.push({ ...made, name: unique(made.name), place }) - 1,
      );
      (place === "derived" ? derive : steps).push(step);
      continue;
    }
    const { nest, inlined, owners } = lower(graph, id, (value) => bufferOf.get(value));
    const unified = unifyRows(nest);
    requireHoisted(unified, owners, id);
    (isDerived.has(id) ? derive : steps).push({
      name: kernelName(graph, id, inlined),
      nests: [unified],
      spans: [...inlined].sort((a, b) => a - b).map((value) => valueOf(graph, value).span),
    });
  }
  const outputs = graph.outputs.map((output) => {
    const buffer = bufferOf.get(output.value);
    if (buffer === undefined) throw new Error(`output \`${output.name}\` has no buffer`);
    return buffer;
  });
  return { graph, buffers, derive, steps, outputs };
}

/** The derived values, and the roots that are computed for them alone. */
function withProducers(graph: Graph, roots: ReadonlySet<ValueId>, derived: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const all = new Set(derived);
  const visit = (id: ValueId): void => {
    for (const arg of valueOf(graph, id).args) {
      if (roots.has(arg)) all.add(arg);
      visit(arg);
    }
  };
  for (const id of derived) visit(id);
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
