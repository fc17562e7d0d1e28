/**
 * The program as loop nests over buffers: what `fuse` makes of the graph, before layouts are chosen. Reads and
 * stores name an index per dim of their buffer.
 */
import type { Span } from "../../grammar/source.ts";
import type { Dim } from "./dims.ts";
import type { PanelSpec } from "../../runtime/abi.ts";
import type { ConstantData, Graph, ValueId } from "./graph.ts";
import type { Affine, Axis, AxisId, Kernel, NestScalar, Reduction, ScalarId } from "./nest.ts";
import type { DType } from "./types.ts";

/** Position in `buffers`. */
export type BufferId = number;

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

/** One kernel call to be. */
export interface LoopStep {
  readonly name: string;
  readonly nests: readonly LoopNest[];
  readonly spans: readonly Span[];
}

export interface LoopProgram {
  readonly graph: Graph;
  readonly buffers: readonly Buffer[];
  /** Steps that make derived buffers; run again only when a variable changed. */
  readonly derive: readonly LoopStep[];
  readonly steps: readonly LoopStep[];
  /** The buffer of each output, by position. */
  readonly outputs: readonly BufferId[];
}

/** A call of a shared kernel: the buffers of its operands by position. */
export interface KernelCall {
  readonly kernel: number;
  readonly operands: readonly BufferId[];
}

/** After layouts, addresses and sharing. */
export interface KernelProgram {
  readonly graph: Graph;
  readonly buffers: readonly Buffer[];
  readonly outputs: readonly BufferId[];
  /** Buffers that hold panels. */
  readonly packed: readonly BufferId[];
  readonly kernels: readonly Kernel[];
  readonly derive: readonly KernelCall[];
  readonly steps: readonly KernelCall[];
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
  const addAll = (from: Iterable<AxisId>): void => {
    for (const axis of from) axes.add(axis);
  };
  const addScalar = (part: ScalarId): void => addAll(dependsOn(nest, part, known));
  const addAffine = (at: Affine): void => {
    addAll(at.terms.map((term) => term.axis));
    for (const term of at.scalars) addScalar(term.scalar);
  };
  switch (scalar?.op) {
    case "index":
      addAffine(scalar.at);
      break;
    case "load":
      scalar.at.forEach(addAffine);
      if (scalar.outside !== undefined) addScalar(scalar.outside);
      break;
    case "apply":
      scalar.args.forEach(addScalar);
      break;
    case "reduced": {
      const reduction = nest.reductions[scalar.reduction];
      if (!reduction) break;
      addScalar(reduction.value);
      for (const axis of reduction.over) axes.delete(axis);
      break;
    }
    default:
  }
  known.set(id, axes);
  return axes;
}
