/**
 * Loop nests: what a kernel computes, independent of how.
 *
 * A nest is a domain (axes), an SSA list of scalars, reductions over subsets of the axes, and stores. A scalar
 * depends on the axes that occur in its loads and indices; a `reduced` scalar no longer depends on the axes of
 * its reduction. An axis may be reduced by one reduction and read again after it: softmax is two reductions
 * over the axis that its store runs over.
 */
import type { Span } from "../../grammar/source.ts";
import type { Dim } from "./dims.ts";
import type { Value } from "./graph.ts";
import type { DType, TensorType } from "./types.ts";

/** Position in `Nest.axes`. */
export type AxisId = number;
/** Position in `Nest.scalars`. */
export type ScalarId = number;
/** Position in `Kernel.operands`. */
export type OperandId = number;

export interface Axis {
  readonly name: string;
  readonly extent: Dim;
}

/** `plus + sum(times * axis) + sum(times * scalar)`; the last part only for data-dependent positions (gather). */
export interface Affine {
  readonly terms: readonly { readonly axis: AxisId; readonly times: Dim }[];
  readonly scalars: readonly { readonly scalar: ScalarId; readonly times: Dim }[];
  readonly plus: Dim;
}

/** Holds iff 0 <= index < extent. */
export interface Guard {
  readonly index: Affine;
  readonly extent: Dim;
}

/** An element of an operand. `address` counts elements from the operand's base pointer. */
export interface Access {
  readonly operand: OperandId;
  readonly address: Affine;
}

export type NestScalar = { readonly dtype: DType } & (
  | { readonly op: "constant"; readonly value: number }
  /** The value of an index expression, i32. */
  | { readonly op: "index"; readonly at: Affine }
  /** A size as a number, i32 or f32. */
  | { readonly op: "dim"; readonly dim: Dim }
  /** If a guard fails, the scalar is `outside` and memory is not read. Guards and `outside` come together. */
  | { readonly op: "read"; readonly access: Access; readonly guards: readonly Guard[]; readonly outside?: ScalarId }
  /** `fn` is an entry of `ops/scalar.ts`. */
  | { readonly op: "apply"; readonly fn: string; readonly args: readonly ScalarId[] }
  | { readonly op: "reduced"; readonly reduction: number }
);

/** `mean` is lowered to `sum`. `argmax` and `argmin` give the i32 row-major position among `over`, the first at ties. */
export type Combine = "sum" | "prod" | "max" | "min" | "any" | "all" | "argmax" | "argmin";

export interface Reduction {
  readonly over: readonly AxisId[];
  readonly combine: Combine;
  readonly value: ScalarId;
}

export interface Store {
  readonly access: Access;
  readonly value: ScalarId;
  /** The axes the store runs over: it happens once for every point of their product. */
  readonly over: readonly AxisId[];
}

export interface Nest {
  readonly axes: readonly Axis[];
  readonly scalars: readonly NestScalar[];
  readonly reductions: readonly Reduction[];
  readonly stores: readonly Store[];
}

/** An argument of a kernel: a base pointer. Elements are dense words of 4 bytes (bool is 0 or 1). */
export interface KernelOperand {
  readonly dtype: DType;
  readonly access: "read" | "write";
  /**
   * Set for an operand packed for a contraction: panels of 8 columns, `[ceil(N / 8)][K][8]`, the last panel filled
   * with zeros. The column axis stays ONE axis of extent N (not split): in the address of a read its `times` is K
   * (exact at columns that are multiples of 8: panel p of 8 columns begins at 8 * p * K), every reduce axis has 8
   * times its dense stride, and the 8 columns of a panel are contiguous at that address.
   */
  readonly packed?: boolean;
}

/**
 * What a kernel computes that is no nest: the code that the record of a primitive writes. Its operands are plain
 * row-major buffers: those of the value in order, then its results (the first and `more`), then scratch.
 */
export interface Routine {
  /** Of the graph; its `args` name graph values and mean nothing here. */
  readonly value: Value;
  readonly operands: readonly TensorType[];
  /** Words of each scratch buffer. */
  readonly scratch: readonly Dim[];
}

/** One function: nests run one after another over the same operands, or there are none and it is a routine. */
export interface Kernel {
  /** Readable, unique in the program: the names of the library calls it came from, `conv2d_relu`. */
  readonly name: string;
  readonly nests: readonly Nest[];
  readonly routine?: Routine;
  readonly operands: readonly KernelOperand[];
  /** Run dims that extents and strides mention: further i32 parameters, in this order, after the pointers. */
  readonly dims: readonly string[];
  /** Where in the source it came from. */
  readonly spans: readonly Span[];
}
