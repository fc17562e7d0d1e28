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
import { type Comprehension, type Graph, type Scalar, type Value, type ValueId, valueOf } from "../ir/graph.ts";
import type { LoopProgram } from "../ir/loops.ts";
import { type LoopId, loopOfLeaf, type Loops, loopsOf } from "../ir/regions.ts";
import { scalarFunctions } from "../ops/scalar.ts";
import { depthOf, folding, partsOf } from "../ops/scalars.ts";
import { primitives } from "../ops/table.ts";
import { commitInPlace } from "./commit-in-place.ts";
import { formKernels } from "./form-kernels.ts";
import { isLoopResult } from "./place-values.ts";
import { NeedsBuffer } from "./lower.ts";
import { operandsOfRoutines } from "./routines.ts";

type How = "same" | "inner" | "repeated";
interface Use {
  readonly root: ValueId;
  readonly how: How;
  /** The loop in which the root is computed. */
  readonly loop: LoopId | undefined;
}
/** How often one kernel computes an element of a value, at most: once for what reads it at its own index together. */
interface Reads {
  together: number;
  apart: number;
}

/** Longer chains of inlined values are cut by a buffer: they are lowered by recursion. */
const MAX_DEPTH = 150;
/** So often at most one kernel computes a value at different indices; what differences of differences would double. */
const MAX_READS = 16;
/** So many cheap values in a row at most are computed again in each of several kernels. */
const MAX_AGAIN = 4;

export function fuse(graph: Graph): LoopProgram {
  checkParts(graph);
  const forced = new Set(operandsOfRoutines(graph));
  const loops = loopsOf(graph);
  const derived = derivedValues(graph, countReaders(graph));
  // A value that could not be inlined after all (an index that is not affine, a reduction that would be repeated)
  // is given a buffer, and the kernels are formed again.
  for (;;) {
    try {
      const roots = decideRoots(graph, loops, new Set([...forced, ...derived]));
      return commitInPlace(formKernels(graph, loops, roots, derived));
    } catch (problem) {
      if (!(problem instanceof NeedsBuffer)) throw problem;
      const before = forced.size;
      for (const value of problem.values) {
        // A reshape with a buffer that no axes can be split for is the buffer of what it shows, which needs one then.
        const { op, args } = valueOf(graph, value);
        const isShown = forced.has(value) && primitives[op]?.keepsOrder;
        forced.add(isShown ? (args[0] ?? value) : value);
      }
      if (forced.size === before) throw problem;
    }
  }
}

/** Each further result is one value, which gets the buffer that is written: `share` has run. */
function checkParts(graph: Graph): void {
  const seen = new Set<string>();
  for (const { op, args, attributes } of graph.values) {
    if (op !== "part") continue;
    const key = `${args[0]} ${attributes.index}`;
    if (seen.has(key)) throw new Error(`two values stand for result ${attributes.index} of value ${args[0]}`);
    seen.add(key);
  }
}

// ---- classes ---------------------------------------------------------------------------------------

/** Values of variables and constants only, that are worth a buffer of their own: computed when a variable changes. */
function derivedValues(graph: Graph, readers: readonly number[]): ReadonlySet<ValueId> {
  const isStatic = graph.values.map(() => false);
  const hasVariable = graph.values.map(() => false);
  const isUpdated = new Set(graph.updates.map((update) => update.variable));
  graph.values.forEach((value, id) => {
    const isLiteralShape = value.type.shape.every((dim) => literalOf(dim) !== undefined);
    const isSource =
      value.op === "constant" || (value.op === "variable" && !isUpdated.has(String(value.attributes.name)));
    // An element is another one in every iteration, whatever it is of.
    isStatic[id] =
      isSource ||
      (!isLeaf(value) &&
        value.op !== "element" &&
        isLiteralShape &&
        value.args.length > 0 &&
        value.args.every((arg) => isStatic[arg]));
    hasVariable[id] = value.op === "variable" || value.args.some((arg) => hasVariable[arg]);
  });
  const derived = new Set<ValueId>();
  const outputs = new Set([...graph.outputs, ...graph.updates].map(({ value }) => value));
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

const hasReduction = (body: Scalar): boolean =>
  folding<boolean>((scalar, within) => scalar.kind === "reduce" || partsOf(scalar).some(within))(body);

const comprehensionOf = (value: Value): Comprehension | undefined =>
  primitives[value.op]?.class === "comprehension" ? (value.attributes.body as Comprehension) : undefined;

const isLeaf = ({ op }: Value): boolean =>
  primitives[op]?.class === "leaf" && op !== "part" && op !== "element" && op !== "loop";

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
  return isReducing(value) || kind === "branch" || kind === "routine" ? "repeated" : "inner";
}

/** How many steps within each other a value is computed in: more than one in the body of a comprehension. */
function stepsIn(value: Value): number {
  const body = comprehensionOf(value);
  return body ? depthOf(body.body) : 1;
}

/** How many reads of its operand `k` the body of a comprehension holds; everything else reads an operand once. */
function readsInBody(value: Value, k: number): number {
  const body = comprehensionOf(value);
  if (!body) return 1;
  let count = 0;
  folding<boolean>((scalar, within) => {
    if (scalar.kind === "read" && scalar.operand === k) count++;
    return partsOf(scalar).map(within).length > 0;
  })(body.body);
  return count;
}

const compose = (outer: How, inner: How): How =>
  outer === "repeated" || inner === "repeated" ? "repeated" : outer === "same" ? inner : "inner";

/** Whether computing an element again costs less than writing it to memory and reading it back. */
const isCheap = (value: Value): boolean => (scalarFunctions.get(value.op)?.cost ?? Number.POSITIVE_INFINITY) <= 1;

// ---- roots -----------------------------------------------------------------------------------------

function decideRoots(graph: Graph, { loops, loopOf }: Loops, forced: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const readers = countReaders(graph);
  const carries = reductionsCarried(graph, readers);
  const outputs = new Set([...graph.outputs, ...graph.updates].map(({ value }) => value));
  const uses: Map<string, Use>[] = graph.values.map(() => new Map());
  const reads: Map<ValueId, Reads>[] = graph.values.map(() => new Map());
  /** The longest way of inlined values to the store of a kernel, and that of values which several kernels compute. */
  const depth: number[] = graph.values.map(() => 0);
  const again: number[] = graph.values.map(() => 0);
  const roots = new Set<ValueId>();
  /** Of a kernel: whether it holds a contraction or window, or else how many leading dims its rows have. */
  const holds = new Map<ValueId, "contraction" | number>();

  const decide = (id: ValueId, value: Value): boolean => {
    const mine = [...(uses[id]?.values() ?? [])];
    const [first] = mine;
    if (outputs.has(id) || forced.has(id) || !first) return true;
    const kind = primitives[value.op]?.class;
    if (kind === "routine") return true;
    if ((depth[id] ?? 0) >= MAX_DEPTH) return true;
    const isView = kind === "view" || value.op === "element";
    if (timesRead(id) > (isView ? MAX_READS * MAX_READS : MAX_READS)) return true;
    if (isView) return false;
    // What stands outside of a loop is computed once, not in every iteration.
    const isInvariant = mine.some((use) => use.loop !== loopOf[id]);
    if (isInvariant && (!isCheap(value) || (carries[id] ?? false))) return true;
    const root = mine.every((use) => use.root === first.root) ? first.root : undefined;
    const isRepeated = mine.some((use) => use.how === "repeated");
    if (isRepeated) return true;
    // At another index than its own it may be read more than once: by a broadcast, or by each pass over a row.
    if (primitives[value.op]?.isCostly && mine.some((use) => use.how !== "same")) return true;
    if (!isReducing(value)) {
      if (root === undefined) return !isCheap(value) || (carries[id] ?? false) || (again[id] ?? 0) >= MAX_AGAIN;
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

  const use = (value: ValueId | undefined, root: ValueId, how: How, loop: LoopId | undefined): void => {
    if (value !== undefined) uses[value]?.set(`${root} ${how} ${loop}`, { root, how, loop });
  };
  const timesRead = (id: ValueId): number =>
    Math.max(...[...(reads[id]?.values() ?? [])].map(({ together, apart }) => together + apart));
  /** Notes how the operands of a value are read by the kernels that compute it. */
  const read = (id: ValueId, value: Value, isRoot: boolean): void => {
    const kernels = isRoot
      ? [[id, 1] as const]
      : [...(reads[id] ?? [])].map(([k, { together, apart }]) => [k, together + apart] as const);
    const isAgain = !isRoot && kernels.length > 1 && primitives[value.op]?.class !== "view";
    value.args.forEach((arg, k) => {
      if (isLeaf(valueOf(graph, arg))) return;
      depth[arg] = Math.max(depth[arg] ?? 0, (isRoot ? 0 : (depth[id] ?? 0)) + stepsIn(value));
      again[arg] = Math.max(again[arg] ?? 0, isRoot ? 0 : (again[id] ?? 0) + (isAgain ? 1 : 0));
      const isSame = howOperand(graph, value, k) === "same";
      const known = reads[arg] ?? new Map<ValueId, Reads>();
      for (const [kernel, times] of kernels) {
        const { together, apart } = known.get(kernel) ?? { together: 0, apart: 0 };
        known.set(
          kernel,
          isSame
            ? { together: Math.max(together, times), apart }
            : { together, apart: apart + times * readsInBody(value, k) },
        );
      }
    });
  };
  for (let id = graph.values.length - 1; id >= 0; id--) {
    const own = valueOf(graph, id);
    // A size that is fetched, or that a routine reads, is written by a kernel of its own.
    if ((own.op === "dim" || own.op === "counter") && (outputs.has(id) || forced.has(id))) roots.add(id);
    if (readers[id] === 0 && !outputs.has(id)) continue;
    // A carry begins as a copy of its operand, which is made before the loop.
    if (own.op === "carry") use(own.args[0], id, "same", loops.get(loopOfLeaf(own))?.parent);
    const loop = own.op === "loop" ? loops.get(loopOfLeaf(own)) : undefined;
    if (loop) {
      const condition = loop.condition === undefined ? [] : [loop.condition];
      for (const value of [...loop.next, ...loop.stacked.map((stack) => stack.value), ...condition])
        use(value, id, "repeated", loop.id);
    }
    if (isLeaf(own) || isLoopResult(graph, own)) continue;
    const value = sourceOf(graph, id);
    const isRoot = decide(id, value);
    if (isRoot) {
      roots.add(id);
      // A reshape of a plain buffer is that buffer: what it reads must be one.
      if (primitives[value.op]?.keepsOrder) {
        use(value.args[0], id, "repeated", loopOf[id]);
        continue;
      }
      if (isReducing(value)) holds.set(id, ownRows(graph, value));
    }
    read(id, value, isRoot);
    value.args.forEach((arg, k) => {
      const how = howOperand(graph, value, k);
      if (isRoot) use(arg, id, how, loopOf[id]);
      else
        for (const { root, how: outer, loop: around } of uses[id]?.values() ?? [])
          use(arg, root, compose(outer, how), around);
    });
  }
  return roots;
}

function countReaders(graph: Graph): readonly number[] {
  const count = graph.values.map(() => 0);
  const isLive = graph.values.map(() => false);
  for (const { value } of [...graph.outputs, ...graph.updates]) isLive[value] = true;
  for (let id = graph.values.length - 1; id >= 0; id--) {
    if (!isLive[id]) continue;
    const own = valueOf(graph, id);
    for (const arg of (isLoopResult(graph, own) ? own : sourceOf(graph, id)).args) {
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
