/**
 * What a graph's run-time control flow encloses. A loop is no list of its own: its body is what depends on its leaves,
 * and a branch of an `if` holds what is needed for that branch alone. Both follow from the operands of the values.
 */
import type { Dim } from "./dims.ts";
import { type Graph, type Value, type ValueId, valueOf } from "./graph.ts";

export type LoopId = number;

/** What the operands of a value `loop` are; `argsOfLoop` is the other way. */
export interface LoopParts {
  /** The leaf of each carry. */
  readonly carries: readonly ValueId[];
  /** What each carry becomes at the end of an iteration. */
  readonly next: readonly ValueId[];
  /** What is stacked, and at which axis of the result. */
  readonly stacked: readonly { readonly value: ValueId; readonly axis: number }[];
  /** Whether there is another iteration. */
  readonly condition?: ValueId;
}

export interface Loop extends LoopParts {
  readonly id: LoopId;
  /** The value `loop` that ends it. */
  readonly node: ValueId;
  /** The loop around it. */
  readonly parent?: LoopId;
  readonly times: Dim;
}

export function partsOfLoop({ args, attributes }: Pick<Value, "args" | "attributes">): LoopParts {
  const count = Number(attributes.carries);
  const axes = Array.isArray(attributes.axes) ? attributes.axes.map(Number) : [];
  const condition = attributes.bounded === true ? args[args.length - 1] : undefined;
  return {
    carries: args.slice(0, count),
    next: args.slice(count, 2 * count),
    stacked: axes.map((axis, k) => ({ value: args[2 * count + k] ?? -1, axis })),
    ...(condition === undefined ? {} : { condition }),
  };
}

export function argsOfLoop({ carries, next, stacked, condition }: LoopParts): {
  readonly args: readonly ValueId[];
  readonly attributes: { readonly carries: number; readonly axes: readonly number[]; readonly bounded: boolean };
} {
  const last = condition === undefined ? [] : [condition];
  return {
    args: [...carries, ...next, ...stacked.map(({ value }) => value), ...last],
    attributes: {
      carries: carries.length,
      axes: stacked.map(({ axis }) => axis),
      bounded: condition !== undefined,
    },
  };
}

export interface Loops {
  readonly loops: ReadonlyMap<LoopId, Loop>;
  /** For each value the innermost loop in whose body it is. */
  readonly loopOf: readonly (LoopId | undefined)[];
}

const isLoopLeaf = ({ op }: Value): boolean => op === "carry" || op === "element" || op === "counter";
export const loopOfLeaf = (value: Value): LoopId => Number(value.attributes.loop);

export function loopsOf(graph: Graph): Loops {
  const nodes = new Map<LoopId, ValueId>();
  const inside = graph.values.map((): ReadonlySet<LoopId> => new Set());
  graph.values.forEach((value, id) => {
    const loops = new Set(value.args.flatMap((arg) => [...(inside[arg] ?? [])]));
    if (isLoopLeaf(value)) loops.add(loopOfLeaf(value));
    if (value.op === "loop") {
      loops.delete(loopOfLeaf(value));
      nodes.set(loopOfLeaf(value), id);
    }
    inside[id] = loops;
  });
  // The loops around a value nest, so that the innermost one has the most loops around itself.
  const depth = (loop: LoopId): number => inside[nodes.get(loop) ?? -1]?.size ?? 0;
  const innermost = (set: ReadonlySet<LoopId>): LoopId | undefined =>
    [...set].reduce<LoopId | undefined>(
      (best, loop) => (best === undefined || depth(loop) > depth(best) ? loop : best),
      undefined,
    );
  const loops = new Map<LoopId, Loop>();
  for (const [id, node] of nodes) {
    const value = graph.values[node];
    if (!value) continue;
    const parent = innermost(inside[node] ?? new Set());
    loops.set(id, {
      id,
      node,
      times: value.attributes.times as Dim,
      ...partsOfLoop(value),
      ...(parent === undefined ? {} : { parent }),
    });
  }
  return { loops, loopOf: inside.map(innermost) };
}

/** One side of an `if`, by its value. */
export interface Branch {
  readonly node: ValueId;
  readonly isTaken: boolean;
}

/**
 * For each value the branches, from the outside in, for which alone it is needed: those within its loop; that the loop
 * itself may stand in a branch is said of the loop. Undefined for a value that nothing reads.
 */
export function guardsOf(graph: Graph, { loops, loopOf }: Loops): readonly (readonly Branch[] | undefined)[] {
  const guards: (readonly Branch[] | undefined)[] = graph.values.map(() => undefined);
  const need = (id: ValueId, path: readonly Branch[]): void => {
    const before = guards[id];
    if (before === undefined) {
      guards[id] = path;
      return;
    }
    let common = 0;
    const isSame = (a: Branch | undefined, b: Branch | undefined): boolean =>
      a !== undefined && a.node === b?.node && a.isTaken === b.isTaken;
    while (isSame(before[common], path[common])) common++;
    guards[id] = before.slice(0, common);
  };
  /** `path` holds within `from`; what stands outside of that loop is needed where the loop is. */
  const needFrom = (id: ValueId, from: LoopId | undefined, path: readonly Branch[]): void => {
    let at = from;
    let seen = path;
    while (at !== undefined && at !== loopOf[id]) {
      const loop = loops.get(at);
      seen = guards[loop?.node ?? -1] ?? [];
      at = loop?.parent;
    }
    need(id, seen);
  };
  for (const { value } of [...graph.outputs, ...graph.updates]) need(value, []);
  for (let id = graph.values.length - 1; id >= 0; id--) {
    const path = guards[id];
    if (!path) continue;
    const value = valueOf(graph, id);
    const own = value.op === "loop" ? loopOfLeaf(value) : loopOf[id];
    const inside = value.op === "loop" ? [] : path;
    value.args.forEach((arg, k) => {
      const isBranch = value.op === "if" && k > 0;
      needFrom(arg, own, isBranch ? [...inside, { node: id, isTaken: k === 1 }] : inside);
    });
  }
  return guards;
}
