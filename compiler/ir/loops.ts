/**
 * The program as loop nests over buffers: what `fuse` makes of the graph, before layouts are chosen. Reads and
 * stores name an index per dim of their buffer.
 */
import type { Span } from "../../grammar/source.ts";
import type { Dim } from "./dims.ts";
import type { PanelSpec } from "../../runtime/abi.ts";
import type { ConstantData, Graph, ValueId } from "./graph.ts";
import type { Affine, Axis, AxisId, Kernel, NestScalar, Reduction, Routine, ScalarId } from "./nest.ts";
import type { DType } from "./types.ts";

/** Position in `buffers`. */
export type BufferId = number;
/** Position in `regions`. */
export type RegionId = number;

/**
 * What runs several times, or not always. The steps of a region, those of regions in it included, are neighbours in the
 * list of steps, but for a `branch`, which may come in pieces.
 */
export type Region = { readonly parent?: RegionId } & (
  | {
      readonly kind: "loop";
      readonly times: Dim;
      /** Stands for the iterations done, wherever a size may stand. */
      readonly counter: string;
      /** The loop ends when this bool is false after its `test`, which comes first in it. */
      readonly condition?: BufferId;
    }
  | { readonly kind: "test" }
  | { readonly kind: "branch"; readonly condition: BufferId; readonly isTaken: boolean }
);

export interface Halo {
  readonly before: Dim;
  readonly after: Dim;
}

export interface Buffer {
  /** The user's name where there is one, else made from the call and the op. Unique. */
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly Dim[];
  /**
   * `feed`: written by the session before the run. `variable`, `constant`: below the arena. `arena`: written by a
   * step. `derived`: below the arena, a pure function of variables and constants.
   */
  readonly place: "feed" | "variable" | "constant" | "arena" | "derived";
  /** The graph value it holds; absent for copies and packed forms. */
  readonly value?: ValueId;
  /** Of a `constant`. */
  readonly data?: ConstantData;
  /** The same memory as another buffer, row-major, under other dims. */
  readonly alias?: BufferId;
  /**
   * The new value of a variable or of what a loop carries, in the memory of the old one: written when nothing reads
   * that any more.
   */
  readonly inPlaceOf?: BufferId;
  /** Holds another value after each iteration of a loop, or after a run: a plain buffer, from which nothing is derived. */
  readonly isMutable?: true;
  /** Filled by the iterations of a loop, one part each: whole after it. */
  readonly stackedIn?: RegionId;
  /** Stored as panels for a contraction, which is its only reader; `dims` then counts the elements of the panels. */
  readonly panels?: PanelSpec;
  /** Readable elements around the interior, per dim, which hold `fill`; set by `choose-layout`. */
  readonly halo?: { readonly sides: readonly Halo[]; readonly fill: number };
}

export type LoopScalar =
  | Exclude<NestScalar, { op: "read" }>
  | {
      readonly dtype: DType;
      readonly op: "load";
      readonly buffer: BufferId;
      readonly at: readonly Affine[];
      /** The value where an index is outside of the buffer; absent: every index is inside. */
      readonly outside?: ScalarId;
    };

export interface LoopStore {
  readonly buffer: BufferId;
  readonly at: readonly Affine[];
  readonly value: ScalarId;
  readonly over: readonly AxisId[];
}

export interface LoopNest {
  readonly axes: readonly Axis[];
  readonly scalars: readonly LoopScalar[];
  readonly reductions: readonly Reduction[];
  readonly stores: readonly LoopStore[];
}

/** A routine with its buffers, in the order of its operands. */
export interface RoutineCall extends Routine {
  readonly reads: readonly BufferId[];
  /** Results and scratch. */
  readonly writes: readonly BufferId[];
}

/** One kernel call to be: nests, or a routine and no nests. */
export interface LoopStep {
  readonly name: string;
  readonly nests: readonly LoopNest[];
  readonly routine?: RoutineCall;
  readonly spans: readonly Span[];
  /** The values of the graph that it computes, in their order; none for a copy. */
  readonly values: readonly ValueId[];
  /** Absent: run once. */
  readonly region?: RegionId;
}

/** What flows outside of steps: a carry's old buffer holds what its new one held an iteration before. */
export interface Flow {
  readonly from: BufferId;
  readonly to: BufferId;
}

export interface LoopProgram {
  readonly graph: Graph;
  readonly buffers: readonly Buffer[];
  /** Steps that make derived buffers; run again only when a variable changed. */
  readonly derive: readonly LoopStep[];
  readonly steps: readonly LoopStep[];
  readonly regions: readonly Region[];
  readonly flows: readonly Flow[];
  /** The buffer of each output, by position. */
  readonly outputs: readonly BufferId[];
  /** The buffer in the place of its variable that each update of the graph fills, by position. */
  readonly updates: readonly BufferId[];
}

/** A call of a shared kernel: the buffers of its operands by position. */
export interface KernelCall {
  readonly kernel: number;
  readonly operands: readonly BufferId[];
  /** The values of the graph that this call computes. */
  readonly values: readonly ValueId[];
  readonly region?: RegionId;
}

/** After layouts, addresses and sharing. */
export interface KernelProgram {
  readonly graph: Graph;
  readonly buffers: readonly Buffer[];
  readonly regions: readonly Region[];
  readonly flows: readonly Flow[];
  readonly outputs: readonly BufferId[];
  readonly updates: readonly BufferId[];
  /** Buffers that hold panels. */
  readonly packed: readonly BufferId[];
  readonly kernels: readonly Kernel[];
  readonly derive: readonly KernelCall[];
  readonly steps: readonly KernelCall[];
}

/** The scalars that a scalar is computed from: operands, indices that are data, what it reduces. */
export function partsOf(nest: Pick<LoopNest, "scalars" | "reductions">, id: ScalarId): readonly ScalarId[] {
  const scalar = nest.scalars[id];
  const inAffine = (at: Affine): ScalarId[] => at.scalars.map((term) => term.scalar);
  switch (scalar?.op) {
    case "index":
      return inAffine(scalar.at);
    case "load":
      return [...scalar.at.flatMap(inAffine), ...(scalar.outside === undefined ? [] : [scalar.outside])];
    case "apply":
      return scalar.args;
    case "reduced": {
      const value = nest.reductions[scalar.reduction]?.value;
      return value === undefined ? [] : [value];
    }
    default:
      return [];
  }
}

/** The axes on which a scalar varies. `known` holds what was found before, of the same nest. */
export function dependsOn(
  nest: Pick<LoopNest, "scalars" | "reductions">,
  id: ScalarId,
  known: Map<ScalarId, ReadonlySet<AxisId>> = new Map(),
): ReadonlySet<AxisId> {
  const before = known.get(id);
  if (before) return before;
  const axes = new Set<AxisId>();
  const scalar = nest.scalars[id];
  const own = scalar?.op === "index" ? [scalar.at] : scalar?.op === "load" ? scalar.at : [];
  for (const at of own) for (const term of at.terms) axes.add(term.axis);
  for (const part of partsOf(nest, id)) for (const axis of dependsOn(nest, part, known)) axes.add(axis);
  if (scalar?.op === "reduced") for (const axis of nest.reductions[scalar.reduction]?.over ?? []) axes.delete(axis);
  known.set(id, axes);
  return axes;
}

/** Whether a region is `outer` or lies in it; everything lies in the whole program, which is undefined. */
export function isWithin(
  regions: readonly Region[],
  region: RegionId | undefined,
  outer: RegionId | undefined,
): boolean {
  if (outer === undefined || region === outer) return true;
  return region !== undefined && isWithin(regions, regions[region]?.parent, outer);
}
