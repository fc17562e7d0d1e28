/** What a primitive is. One record each; the table is `ops/table.ts`. */
import type { Span } from "../../grammar/source.ts";
import type { Dim } from "../ir/dims.ts";
import type { Attributes, Comprehension, ConstantData, Value, ValueId } from "../ir/graph.ts";
import type { Affine, AxisId, Combine, ScalarId } from "../ir/nest.ts";
import type { CodeBuilder, Expr } from "../ir/stmt.ts";
import type { DType, TensorType } from "../ir/types.ts";

// ---- calling ---------------------------------------------------------------------------------------

/** How `.tfg` source calls a primitive. Parameters are bound by position or name as those of a `def` are. */
export interface Parameter {
  readonly name: string;
  readonly kind:
    | "tensor" // one operand
    | "tensors" // a list of operands
    | "int" // a compile-time int that must be a literal -> number
    | "dim" // a compile-time int, run dims allowed -> Dim
    | "dims" // a list of them, `..S` spread -> Dim[]; -1 stays -1
    | "ints" // a list of literal ints -> number[]
    | "number" // a compile-time number -> number
    | "bool"
    | "string"
    | "dtype" // the name of an element type -> string
    | "position" // a compile-time int -> Dim; or a rank-0 i32 tensor, which becomes one more operand, after the others
    | "axis" // one axis, resolved against the first operand -> number from 0
    | "axes"; // `axis=` or `over=`: one or several, resolved against the first operand -> number[], ascending; absent -> all axes
  /** Absent: the argument is required. `undefined` as value is not used; optional `axes` default to all. */
  readonly default?: number | boolean | string | readonly number[];
}

/** A `Comprehension` is what the checker hands to `tensor`; no source argument is one. */
export type Argument = number | boolean | string | Dim | readonly number[] | readonly Dim[] | Comprehension;

export interface Operand {
  readonly type: TensorType;
  /** Where the argument stands, for messages. */
  readonly span: Span;
  /** Where the value was made, for "why" labels. */
  readonly origin: Span;
  /** Data of a constant operand, if it is one. */
  readonly constant?: ConstantData;
  /** If it is a name declared with a type: the text from the keyword to the end of the type, and each dim in it. */
  readonly declared?: {
    readonly kind: "input" | "param" | "state";
    readonly span: Span;
    readonly dims: readonly Span[];
  };
}

export interface MessagePart {
  readonly span: Span;
  readonly text: string;
}

/** What the type rule reports; the checker renders it. */
export interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly primary: MessagePart;
  readonly related?: readonly MessagePart[];
  readonly notes?: readonly string[];
  readonly helps?: readonly {
    readonly text: string;
    readonly edits?: readonly { readonly span: Span; readonly text: string }[];
  }[];
}

export interface PrimitiveCall {
  readonly operands: readonly Operand[];
  /** Bound arguments that are no tensors, defaults filled in. */
  readonly args: Readonly<Record<string, Argument>>;
  /** Where the values in `args` stand in the source; those that are defaults are absent. */
  readonly spans?: Readonly<Record<string, Span>>;
  /** The whole call or operator expression. */
  readonly span: Span;
  /** The operator sign or the callee's name. */
  readonly operator: Span;
  /** As the user wrote it: `*`, `reshape`, `@`. */
  readonly spelling: string;
  /** Proves from the facts in force; false means "cannot prove". */
  readonly facts: {
    equal(a: Dim, b: Dim): boolean;
    atLeast(a: Dim, minimum: number): boolean;
    /** As `atLeast`, but what cannot be proved becomes a check of the feeds if it can; false if neither (language.md 6.3). */
    oblige(a: Dim, minimum: number): boolean;
  };
  /** For the advice of TFG0311: the head of the graph, `graph unet[N, H]`, and the input that binds a run dim. */
  readonly graph?: { readonly head: string; feedOf(dim: string): string | undefined };
  /** Reports and gives the call the erroneous type, which silences its dependants. Never returns. */
  fail(complaint: Complaint): never;
}

export interface Inferred {
  readonly type: TensorType;
  readonly attributes?: Attributes;
  /** Types of further results. */
  readonly more?: readonly TensorType[];
}

// ---- meaning (the interpreter) ------------------------------------------------------------------------

/** Row-major, in float64 whatever the dtype; bools are 0 and 1. */
export interface NdArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface MeaningContext {
  /** Concrete shape of the result. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  /** The value of a size under the dims of this run. */
  size(dim: Dim): number;
}

// ---- lowering (the nest) -------------------------------------------------------------------------------

/** Builds the nest of one kernel. Handed to `Primitive.nest` by `passes/fuse.ts`. */
export interface NestBuilder {
  /** The scalar of operand `k` of the value being lowered, at one index per dim of that operand. */
  operand(k: number, at: readonly Affine[], outside?: ScalarId): ScalarId;
  /** Type of operand `k`. */
  typeOf(k: number): TensorType;
  /** Opens an axis to reduce over; its index is `index(axis)`. */
  reduceAxis(name: string, extent: Dim): AxisId;
  index(axis: AxisId): Affine;
  reduce(combine: Combine, over: readonly AxisId[], value: ScalarId, dtype: DType): ScalarId;
  apply(fn: string, dtype: DType, ...args: readonly ScalarId[]): ScalarId;
  constant(value: number, dtype: DType): ScalarId;
  dim(dim: Dim, dtype: DType): ScalarId;
  /** An index as an i32 scalar. */
  indexValue(at: Affine): ScalarId;
  /** A data-dependent index: the i32 scalar as a position. Clamp it first. */
  position(scalar: ScalarId): Affine;
  // arithmetic of indices
  add(a: Affine, b: Affine | Dim): Affine;
  scale(a: Affine, by: Dim): Affine;
  literal(dim: Dim | number): Affine;
  /**
   * The row-major regrouping of `at` (indices into `from`) as indices into `to`, of as many elements. Splits axes
   * where that gives affine indices (architecture.md, Layout); undefined where it does not, and then the value
   * is an alias of a plain buffer.
   */
  regroup(at: readonly Affine[], from: readonly Dim[], to: readonly Dim[]): readonly Affine[] | undefined;
}

// ---- lowering (the routine) ----------------------------------------------------------------------------

/**
 * Writes the code of one kernel. Buffers are plain and row-major and do not overlap. Pointers count in the target's
 * address unit: neighbours are `word` apart. An element is a word of kind f32 or i32, and may be loaded as either.
 */
export interface RoutineBuilder {
  readonly code: CodeBuilder;
  readonly word: number;
  /** Elements of a vector; 1 for a target without vectors. */
  readonly lanes: number;
  /** Type of operand `k`. */
  typeOf(k: number): TensorType;
  operand(k: number): Expr;
  result(k: number): Expr;
  scratch(k: number): Expr;
  /** A size as an i32, computed once. */
  size(dim: Dim): Expr;
}

// ---- differentiation ------------------------------------------------------------------------------------

/**
 * Appends values to a graph, each typed by its primitive's rule: what gradients are written with. Gradients are f32,
 * also those of values that are stored in fewer bits.
 */
export interface Emitter {
  /** A primitive by its name, with its arguments as the signature binds them. */
  apply(name: string, operands: readonly ValueId[], args?: Readonly<Record<string, Argument>>): ValueId;
  typeOf(value: ValueId): TensorType;
  /** A further result of a value, from 1. */
  part(value: ValueId, index: number): ValueId;
  /** A number as a scalar. */
  constant(value: number, dtype: DType): ValueId;
  /** A size as a scalar. */
  dim(dim: Dim, dtype: DType): ValueId;
  /** Nothing to hand back: f32 zeros. */
  zeros(shape: readonly Dim[]): ValueId;
  /** Proves from the facts in force; false means "cannot prove". */
  readonly facts: Pick<PrimitiveCall["facts"], "equal" | "atLeast">;
}

/** A value whose cotangent (the gradient of the result with respect to it) is to be handed on to its operands. */
export interface Pullback {
  readonly emit: Emitter;
  readonly value: Value;
  readonly id: ValueId;
  /** The cotangent of the first result. */
  readonly cotangent: ValueId;
  /** Of all results; absent for those that nothing depends on. */
  readonly cotangents: readonly (ValueId | undefined)[];
  /** Whether the cotangent of operand `k` is wanted. */
  wants(k: number): boolean;
}

/**
 * The vector-Jacobian product: the cotangents of the operands. One may have the shape of the result where the operand
 * was broadcast to it; `differentiate` sums it up.
 */
export type Vjp = (pullback: Pullback) => readonly (ValueId | undefined)[];

/**
 * What is known of a value as a function of one tensor: it does not depend on it, depends on it linearly, or is zero,
 * which is both.
 */
export type Dependence = "fixed" | "linear" | "zero";

// ---- the record ------------------------------------------------------------------------------------------

export interface Primitive {
  /** Unique. `add`, `exp`, `matmul`, `reduce_sum`, `tensor`. */
  readonly name: string;
  /** Name of the function that calls it in `.tfg`, if it can be called by name: `sum`, `reshape`. Operators have none. */
  readonly callee?: string;
  /** One or two sentences with the formula; shapes; source where there is one. */
  readonly doc: string;
  readonly signature: readonly Parameter[];
  /** Names of its results, where it has several: they make a record; without names, a list. */
  readonly results?: readonly string[];
  /**
   * The class decides how it fuses: a `view` moves indices, a `map` works element by element, a `reduce` folds axes
   * of one operand, a `contraction` sums products of two, a `leaf` has no operands, a `routine` is no nest. A `move`
   * copies elements, as a view does, but from several operands, with guards or from data-dependent positions. A
   * `branch` is one of two operands, the other of which need not be computed.
   */
  readonly class: "view" | "map" | "move" | "reduce" | "contraction" | "comprehension" | "leaf" | "routine" | "branch";
  /** The elements in row-major order are those of the operand: the result of a plain buffer is that buffer. */
  readonly keepsOrder?: boolean;
  /** An element costs more than to write it and read it back: it is computed once, wherever it is read. */
  readonly isCostly?: boolean;
  infer(call: PrimitiveCall): Inferred;
  /** With `value.more`, the data of all results in order. */
  meaning(args: readonly NdArray[], value: Value, context: MeaningContext): Float64Array | readonly Float64Array[];
  /** The code of a `routine`, opaque to fusion. */
  routine?(build: RoutineBuilder, value: Value): void;
  /** Words of each scratch buffer that the routine needs beside its operands and results. */
  scratch?(value: Value, operands: readonly TensorType[]): readonly Dim[];
  /**
   * The scalar of the result at `at` (one index per dim). Absent for leaves and routines. `result` is not 0 for a
   * `part`: the nest of a `part` value is that of its operand, with the part's index and the operand's operands.
   */
  nest?(build: NestBuilder, value: Value, at: readonly Affine[], result?: number): ScalarId;
  /**
   * For a result that is its first operand but for a part: what is stored at which index, for the element `at` of the
   * second operand. Where the result lies in the memory of its first operand, that is all there is to do.
   */
  part?(
    build: NestBuilder,
    value: Value,
    at: readonly Affine[],
  ): { readonly at: readonly Affine[]; readonly value: ScalarId };
  /** The gradient; "zero" where the result is piecewise constant or no float. Absent for leaves. */
  readonly vjp?: Vjp | "zero";
  /**
   * Whether the result is linear in the operands that are, of which there is at least one; a span says where it is
   * not. Absent: never.
   */
  linear?(value: Value, operands: readonly Dependence[]): boolean | Span;
}
